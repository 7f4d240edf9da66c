"""gunicorn's threaded worker, where a connection gets one of the few threads only when there is work for it.

Heads, and with them small bodies, are gathered by the loop of the process, which waits for any number of
clients at once; whole requests get a thread. Large bodies are read by threads, but not by all of them.
`/healthz` has a thread of its own. What a thread sends or receives is paced (`slow_clients`), and connections
linger in the loop, too. An answer that goes on as an event stream is handed over with its connection
(`app.streams`), and its thread is free.

gunicorn's master loads this before the application: it imports nothing of ours but `slow_clients`.
It is no part of `app.web`, which runs under any WSGI server, also where gunicorn does not.
"""

from __future__ import annotations

import contextlib
import errno
import re
import selectors
import socket
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from gunicorn.http2.negotiation import prior_knowledge_allowed
from gunicorn.workers.gthread import TConn, ThreadWorker

from app.web.platform.slow_clients import Credit, PacedSocket

SMALL = 64 * 1024
"""A request of no more bytes is gathered whole."""
PIECE = 64 * 1024
SWEEP_S = 0.5
LINGER_S = 2.0
LINGERING = 500
CROWDED, STARVED = 8.0, 64.0
"""How much faster a wait uses up credit while no thread is free, and when others waited for `STARVED_S`."""
STARVED_S = 5.0
HEALTH = (b"GET /healthz ", b"HEAD /healthz ")
BARE = b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
TOO_SLOW, ENDLESS = BARE % b"408 Request Timeout", BARE % b"431 Request Header Fields Too Large"
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,18})[ \t]*\r\n", re.IGNORECASE)
# The client waits for our word, or there is no telling how much follows.
OPEN_END = re.compile(rb"\r\n(?:transfer-encoding|expect|upgrade):", re.IGNORECASE)


class Gathered:
    """What has come of a request, before it has a thread."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = bytearray(data)
        self.credit = Credit()
        self.large = False
        self._head_ends = -1
        self._whole = 0

    def add(self, data: bytes) -> None:
        self.data += data
        self.credit.gain(len(data))

    def ready(self) -> bool:
        """Whether a thread can do something with it: it is whole, or too large to be gathered."""
        if self._head_ends < 0:
            self._head_ends = self.data.find(b"\r\n\r\n", max(0, self._whole - 3))
            self._whole = len(self.data)
            if self._head_ends < 0:
                return False
            self._measure(bytes(self.data[: self._head_ends + 2]))
        return self.large or len(self.data) >= self._whole

    @property
    def endless(self) -> bool:
        """Whether a head is longer than any that a browser sends."""
        return self._head_ends < 0 and len(self.data) > SMALL

    def _measure(self, head: bytes) -> None:
        length = LENGTH.search(head)
        self._whole = self._head_ends + 4 + (int(length[1]) if length else 0)
        self.large = self._whole > SMALL or OPEN_END.search(head) is not None


class Connection(TConn):  # type: ignore[misc]  # gunicorn types nothing
    """A connection of this worker; ``busy`` says which of its threads has it."""

    def __init__(self, worker: Worker, *given: Any) -> None:
        super().__init__(*given)
        self.worker = worker
        self.gathered = Gathered()
        self.busy = ""

    def close(self, graceful: bool = False) -> None:
        if graceful and self.sock.taker is not None:
            self.worker.hand_over(self)
        elif graceful:
            self.worker.linger(self)
        else:
            super().close()


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn types nothing
    """Threads for whole requests."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        threads: int = self.cfg.threads
        self._threads = threads
        self._most_large = max(1, threads - max(1, threads // 4))
        self._active = self._large = 0
        self._short_since: float | None = None
        self._gathering: dict[Connection, None] = {}
        self._waiting: deque[Connection] = deque()
        self._lingering: dict[Connection, float] = {}
        self._handed_over: dict[Connection, Any] = {}
        self._swept = time.monotonic()

    def init_process(self) -> None:
        self._health = ThreadPoolExecutor(1, "health")
        super().init_process()

    def pressure(self) -> float:
        """How much the clients that are served keep others waiting."""
        if self._active < self._threads and not self._waiting:
            return 1.0
        since = self._short_since
        return STARVED if since is not None and time.monotonic() - since > STARVED_S else CROWDED

    # Gathering

    def accept(self, listener: Any) -> None:
        """Like gunicorn's, with connections of ours."""
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        self.nr_conns += 1
        if self.cfg.is_ssl or prior_knowledge_allowed(self.cfg, address):  # what comes is no plain HTTP/1
            client.setblocking(True)
            super().enqueue_req(TConn(self.cfg, client, address, listener.getsockname()))
            return
        paced = PacedSocket.of(client, self.pressure)
        self.enqueue_req(Connection(self, self.cfg, paced, address, listener.getsockname()))

    def enqueue_req(self, conn: Any) -> None:
        """Gather the next request of a connection; it gets a thread when that is whole."""
        if not isinstance(conn, Connection):
            super().enqueue_req(conn)
            return
        conn.gathered = Gathered(conn.parser.unreader.take_buffered() if conn.parser else b"")
        if conn.gathered.data and conn.gathered.ready():
            self._serve(conn)
            return
        conn.sock.setblocking(False)
        self._gathering[conn] = None
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._gather, conn))

    def _gather(self, conn: Connection, _: Any) -> None:
        try:
            data = conn.sock.recv(PIECE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(conn)
            return
        conn.gathered.add(data)
        if conn.gathered.endless:
            self._refuse(conn, ENDLESS)
        elif conn.gathered.ready():
            self._forget(conn)
            self._serve(conn)

    def _forget(self, conn: Connection) -> None:
        self._gathering.pop(conn, None)
        with contextlib.suppress(OSError, KeyError, ValueError):
            self.poller.unregister(conn.sock)

    def _refuse(self, conn: Connection, answer: bytes) -> None:
        self._forget(conn)
        self.nr_conns -= 1
        with contextlib.suppress(OSError):
            conn.sock.send(answer)
        conn.close(graceful=bool(answer))

    def _drop(self, conn: Connection) -> None:
        self._forget(conn)
        self.nr_conns -= 1
        conn.close()

    # Threads

    def _serve(self, conn: Connection) -> None:
        health = conn.gathered.data.startswith(HEALTH) and not conn.gathered.large
        if conn.gathered.large and self._large >= self._most_large:
            self._waiting.append(conn)
            return
        conn.init()
        conn.parser.unreader.unread(bytes(conn.gathered.data))
        conn.gathered.data.clear()
        conn.data_ready = True
        conn.sock.begin()
        conn.busy = "health" if health else "large" if conn.gathered.large else "small"
        self._large += conn.busy == "large"
        self._active += not health
        self._look_for_room()
        future = (self._health if health else self.tpool).submit(self.handle, conn)
        future.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    def finish_request(self, conn: Any, fs: Future[Any]) -> None:
        if isinstance(conn, Connection):
            self._large -= conn.busy == "large"
            self._active -= conn.busy != "health"
            self._look_for_room()
        super().finish_request(conn, fs)
        if self._waiting and self._large < self._most_large:
            self._serve(self._waiting.popleft())

    def _look_for_room(self) -> None:
        short = self._active > self._threads or bool(self._waiting)
        self._short_since = (self._short_since or time.monotonic()) if short else None

    # Event streams

    def hand_over(self, conn: Connection) -> None:
        """Give a connection to what its view has named; it counts as one of ours until it is closed."""
        taker, conn.sock.taker = conn.sock.taker, None
        self.nr_conns += 1
        self._handed_over[conn] = taker
        taker.take(conn.sock, lambda: self.method_queue.defer(self._given_back, conn))
        if not self.alive:
            taker.end()

    def _given_back(self, conn: Connection) -> None:
        if self._handed_over.pop(conn, None) is not None:
            self.nr_conns -= 1

    # What is over

    def linger(self, conn: Connection) -> None:
        """Close without cutting off an answer that is still on its way: read until the client closes, too.

        gunicorn waits for that in its loop, and for up to 2 s nobody else is served.
        """
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            conn.sock.setblocking(False)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._drain, conn))
        except (OSError, KeyError, ValueError):
            conn.close()
            return
        self._lingering[conn] = time.monotonic() + LINGER_S
        if len(self._lingering) > LINGERING:
            self._end(next(iter(self._lingering)))

    def _drain(self, conn: Connection, _: Any) -> None:
        try:
            open_still = bool(conn.sock.recv(PIECE))
        except BlockingIOError:
            open_still = True
        except OSError:
            open_still = False
        if not open_still:
            self._end(conn)

    def _end(self, conn: Connection) -> None:
        self._lingering.pop(conn, None)
        self._forget(conn)
        conn.close()

    def murder_pending(self) -> None:
        """Called by gunicorn's loop, once a second at least."""
        super().murder_pending()
        now = time.monotonic()
        if now - self._swept < SWEEP_S:
            return
        passed, self._swept = now - self._swept, now
        many = self.nr_conns > 0.8 * self.worker_connections
        for conn in list(self._gathering):
            conn.gathered.credit.spend(passed, CROWDED if many or not self.alive else 1.0)
            idle = not conn.gathered.data
            if conn.gathered.credit.left_s <= 0 or (idle and not self.alive):
                self._refuse(conn, b"" if idle else TOO_SLOW)
        for conn in [conn for conn, ends in self._lingering.items() if now >= ends]:
            self._end(conn)
        if not self.alive:
            for taker in self._handed_over.values():
                taker.end()
