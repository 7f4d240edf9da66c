"""A receiver of webhooks on 127.0.0.1: it verifies each with the public library `standardwebhooks`."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks.webhooks import Webhook


@dataclass
class Receiver:
    """``secret`` is set once it is known; ``answer`` returns a status, and may take its time."""

    url: str = ""
    port: int = 0
    secret: str = ""
    answer: Callable[[int], int] = lambda number: 200
    received: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """ID and body of each request that was verified, also of those that were sent again."""

    @property
    def effects(self) -> dict[str, dict[str, Any]]:
        """What has happened once for each ID, as a receiver that heeds `webhook-id` has it."""
        return dict(self.received)


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Listen on a free port."""
    found, lock = Receiver(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # noqa: N802 - http.server's name
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            Webhook(found.secret).verify(body, headers)  # raises for a wrong signature: no answer then
            with lock:
                found.received.append((headers["webhook-id"], json.loads(body)))
                number = len(found.received)
            self.send_response(found.answer(number))
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    with listening(Handler) as found.port:
        found.url = f"http://127.0.0.1:{found.port}/hook?key=of-the-receiver"
        yield found


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """Serve on a free port of this machine; yield the port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
