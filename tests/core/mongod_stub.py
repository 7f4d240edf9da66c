"""A server of MongoDB's wire protocol that shakes hands as it is told and answers with errors of mongod.

The embedded servers know no roles, no secondaries and no old versions, so what mongod says of these
comes from here: the codes are those of its source, `src/mongo/base/error_codes.yml`.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

import bson

PRIMARY = {"isWritablePrimary": True, "maxWireVersion": 21, "minWireVersion": 0, "readOnly": False}
LIMITS = {"maxBsonObjectSize": 2**24, "maxMessageSizeBytes": 48_000_000, "maxWriteBatchSize": 100_000}
SECONDARY = {
    **PRIMARY, "isWritablePrimary": False, "secondary": True, "setName": "rs0", "setVersion": 1,
}  # fmt: skip
OLD = {**PRIMARY, "maxWireVersion": 4}

OP_QUERY, OP_MSG = 2004, 2013


class Mongod:
    """Answers `hello` with a document, and commands with the error they are given, else with ok."""

    def __init__(self, hello: dict[str, Any], errors: dict[str, tuple[int, str]]) -> None:
        self.hello = {**LIMITS, **hello}
        self.errors = errors
        self.asked: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        if "setName" in hello:
            self.hello |= {"hosts": [f"127.0.0.1:{self.port}"], "me": f"127.0.0.1:{self.port}"}
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError, struct.error), connection.makefile("rb") as stream:
            while True:
                length, number, _, code = struct.unpack("<iiii", stream.read(16))
                if code not in (OP_QUERY, OP_MSG):  # such as the first record of TLS
                    return
                body = stream.read(length - 16)
                connection.sendall(self._answer(number, code, body))

    def _answer(self, number: int, code: int, body: bytes) -> bytes:
        if code == OP_QUERY:  # the first hello of a driver
            document = bson.encode({**self.hello, "ok": 1})
            payload = struct.pack("<iqii", 8, 0, 0, 1) + document
            return struct.pack("<iiii", 16 + len(payload), 1, number, 1) + payload
        size = struct.unpack_from("<i", body, 5)[0]
        reply = b"\0\0\0\0\0" + bson.encode(self._reply(bson.decode(body[5 : 5 + size])))
        return struct.pack("<iiii", 16 + len(reply), 1, number, OP_MSG) + reply

    def _reply(self, command: dict[str, Any]) -> dict[str, Any]:
        name = next(iter(command))
        self.asked.append(name)
        if name in ("hello", "ismaster", "isMaster"):
            return {**self.hello, "ok": 1}
        if name in self.errors:
            code, sentence = self.errors[name]
            return {"ok": 0, "code": code, "errmsg": sentence}
        if name == "listIndexes":
            return {"ok": 1, "cursor": {"id": bson.Int64(0), "ns": "taskqueue.x", "firstBatch": []}}
        return {"ok": 1, "n": 0}


@contextlib.contextmanager
def mongod(hello: dict[str, Any], **errors: tuple[int, str]) -> Iterator[Mongod]:
    """Run one for as long as the block lasts."""
    server = Mongod(hello, errors)
    try:
        yield server
    finally:
        server.close()
