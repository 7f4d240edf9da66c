"""A web site on this machine that answers well, oddly, slowly and without end."""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

BOMB = 256 * 2**20


class Site:
    """``seen`` has each request as the server understood it."""

    def __init__(self, context: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.seen: list[dict[str, Any]] = []
        handler = type("Handler", (_Handler,), {"site": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        if context:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = int(self._server.server_address[1])
        self.host = f"{host}:{self.port}"
        self.url = f"{'https' if context else 'http'}://{self.host}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    site: Site
    protocol_version = "HTTP/1.1"

    def log_message(self, *given: Any) -> None:
        """Nothing is printed."""

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.site.seen.append(
            {"method": self.command, "path": self.path, "headers": dict(self.headers.items()), "body": body}
        )
        name, _, query = self.path.lstrip("/").partition("?")
        with suppress(OSError):
            getattr(self, f"_{name.partition('/')[0]}", self._echo)(query)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _any

    def _answer(self, body: bytes = b"", status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _echo(self, query: str) -> None:
        seen = {**self.site.seen[-1], "body": self.site.seen[-1]["body"].decode()}
        self._answer(json.dumps(seen).encode(), Content_Type="application/json", Set_Cookie="id=1; secret")

    def _status(self, query: str) -> None:
        status, _, wait = query.partition("&")
        self._answer(b"so it is", int(status), **({"Retry_After": wait} if wait else {}))

    def _to(self, query: str) -> None:
        """/to?STATUS&ADDRESS redirects."""
        status, _, address = query.partition("&")
        raw = unquote(address).encode().decode("latin-1")  # as http.server writes it
        self._answer(b"", int(status), Location=raw)

    def _loop(self, query: str) -> None:
        self._answer(b"", 302, Location="/loop")

    def _text(self, charset: str) -> None:
        """Text in one encoding that says another: /text?REAL&SAID"""
        real, _, said = charset.partition("&")
        body = "Größe: 5 €\n".encode(real)
        self._answer(body, Content_Type="text/plain" + (f"; charset={said}" if said else ""))

    def _binary(self, query: str) -> None:
        self._answer(bytes(range(256)) * 4, Content_Type="image/x-made-up")

    def _long(self, query: str) -> None:
        self._answer(b"line\n" * int(query), Content_Type="text/plain")

    def _gzip(self, query: str) -> None:
        body = gzip.compress(b"Small when packed.")
        self._answer(body[: len(body) - int(query or 0)], Content_Encoding="gzip", Content_Type="text/plain")

    def _notgzip(self, query: str) -> None:
        self._answer(b"Not gzip at all.", Content_Encoding="gzip", Content_Type="text/plain")

    def _brotli(self, query: str) -> None:
        self._answer(b"\x0b\x02\x80hi\x03", Content_Encoding="br", Content_Type="text/plain")

    def _bomb(self, query: str) -> None:
        self._stream(_bomb(), Content_Encoding="gzip")

    def _endless(self, query: str) -> None:
        self._stream(b"x" * 65_536 for _ in iter(int, 1))

    def _drip(self, query: str) -> None:
        """A byte every 50 ms: of the body, or with ?headers of the headers."""
        if query == "headers":
            for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"y" * 1_000:
                self.wfile.write(bytes([byte]))
                time.sleep(0.05)
        self._stream(_slowly())

    def _silent(self, query: str) -> None:
        time.sleep(60)

    def _cut(self, query: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"only this")
        self.connection.shutdown(socket.SHUT_RDWR)

    def _rubbish(self, query: str) -> None:
        self.wfile.write(b"220 mail.example.org ESMTP\r\n\r\n")
        self.close_connection = True

    def _stream(self, pieces: Iterator[bytes], **headers: str) -> None:
        self.send_response(200)
        for name, value in {"Transfer-Encoding": "chunked", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        for piece in pieces:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")


def _slowly() -> Iterator[bytes]:
    while True:
        yield b"z"
        time.sleep(0.05)


def _bomb() -> Iterator[bytes]:
    """256 MB of zeros in a quarter of a megabyte."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    for _ in range(BOMB // 2**20):
        if piece := packer.compress(bytes(2**20)):
            yield piece
    yield packer.flush()
