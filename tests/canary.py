"""A canary: a secret that is looked for in everything that is kept, in plain and as it is usually encoded."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from app.core.services import Services

CANARY = "canary-s3cr3t+in/the mine"
SPELLINGS = [
    each.encode()
    for each in (
        CANARY,
        quote(CANARY),
        quote(CANARY, safe=""),
        CANARY.encode().hex(),
        base64.b64encode(CANARY.encode()).decode().rstrip("="),
        base64.b64encode(f"user:{CANARY}".encode()).decode()[8:-4],
    )
]


def hits(what: str | bytes) -> list[bytes]:
    """The spellings of the canary that are found in something."""
    content = what.encode() if isinstance(what, str) else what
    return [each for each in SPELLINGS if each in content]


def kept(services: Services) -> Iterator[tuple[str, bytes]]:
    """Everything that MongoDB and Redis hold, piece by piece, with where it is."""
    for name in services.db.list_collection_names():
        for document in services.db[name].find():
            yield f"{name} {document['_id']}", _flat(document)
    redis: Any = services.queues.redis
    for key in redis.scan_iter():
        yield f"redis {key!r}", key + (redis.dump(key) or b"") + _value(redis, key)


def _flat(value: Any) -> bytes:
    if isinstance(value, dict):
        return b" ".join(_flat(each) for each in (*value, *value.values()))
    if isinstance(value, list | tuple):
        return b" ".join(map(_flat, value))
    return bytes(value) if isinstance(value, bytes) else str(value).encode()


def _value(redis: Any, key: bytes) -> bytes:
    read = {
        b"hash": redis.hgetall,
        b"list": lambda name: redis.lrange(name, 0, -1),
        b"set": redis.smembers,
        b"zset": lambda name: redis.zrange(name, 0, -1),
        b"stream": redis.xrange,
        b"string": redis.get,
    }[redis.type(key)]
    return repr(read(key)).encode()


def nowhere(services: Services) -> int:
    """Fails where the canary is kept; returns how many pieces were looked through."""
    pieces = list(kept(services))
    found = {where: hits(piece) for where, piece in pieces if hits(piece)}
    if found:
        raise AssertionError(f"the canary is in {found}")
    return len(pieces)


def no_file(folder: Path) -> int:
    """Fails for a file that holds the canary; returns how many were looked through."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    found = {path: hits(path.read_bytes()) for path in files if hits(path.read_bytes())}
    if found:
        raise AssertionError(f"the canary is in {found}")
    return len(files)
