"""Why a store cannot be used: from the error of its library to a :class:`Cause`.

What a server answers has a code, which decides. Where a connection fails, libraries only pass on sentences,
so the address itself is asked what is there (`Greeting`). Nothing here sends a user or a password.
"""

from __future__ import annotations

import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import bson
from pymongo import MongoClient
from pymongo.common import MIN_SUPPORTED_WIRE_VERSION
from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    OperationFailure,
    ProtocolError,
    PyMongoError,
)
from redis import Redis
from redis.connection import SSLConnection
from redis.exceptions import InvalidResponse, MovedError, RedisError

from app.core.errors import Cause

LOOK_S = 0.25
"""How long one step of looking at an address may take; a page waits meanwhile."""
KEPT_S = 5.0
"""How long what was found at an address is believed."""


# What is there


class There(Enum):
    """What is found at an address."""

    NAMELESS = auto()
    CLOSED = auto()
    SILENT = auto()
    PLAIN = auto()
    TLS = auto()
    OTHER = auto()


@dataclass(frozen=True)
class Greeting:
    """What a protocol says first, without logging in, and how its answer begins."""

    hello: bytes
    answer: re.Pattern[bytes]


def _mongodb_hello(number: int = 7) -> Greeting:
    """`hello` as an OP_MSG; the answer names the number of the request in its header."""
    body = b"\0\0\0\0\0" + bson.encode({"hello": 1, "$db": "admin"})
    head = struct.pack("<iiii", 16 + len(body), number, 0, 2013)
    return Greeting(head + body, re.compile(b".{8}" + re.escape(struct.pack("<i", number)), re.DOTALL))


REDIS = Greeting(b"PING\r\n", re.compile(rb"[+-]"))
MONGODB = _mongodb_hello()

_found: dict[tuple[str, int, Greeting], tuple[float, There]] = {}
_looking = threading.Lock()


def there(host: str, port: int, greeting: Greeting) -> There:
    """Look at an address; what was found a moment ago is not looked for again."""
    with _looking:
        at, found = _found.get((host, port, greeting), (float("-inf"), There.SILENT))
        if time.monotonic() - at >= KEPT_S:
            found = _look(host, port, greeting)
            _found[host, port, greeting] = (time.monotonic(), found)
        return found


def _look(host: str, port: int, greeting: Greeting) -> There:
    try:
        with socket.create_connection((host, port), LOOK_S) as plain:
            plain.sendall(greeting.hello)
            answer = plain.recv(64)
    except socket.gaierror:
        return There.NAMELESS
    except ConnectionRefusedError:
        return There.CLOSED
    except ConnectionResetError:  # how a server of TLS takes what is none
        answer = b""
    except OSError:
        return There.SILENT
    if greeting.answer.match(answer):
        return There.PLAIN
    return There.TLS if _speaks_tls(host, port) else There.OTHER


def _speaks_tls(host: str, port: int) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # Nothing is said to it: who it is does not matter.
    try:
        with socket.create_connection((host, port), LOOK_S) as plain, context.wrap_socket(plain):
            return True
    except OSError:
        return False


def _of_address(places: Iterable[tuple[str, int]], greeting: Greeting, tls: bool) -> Cause:
    """Why no connection to any of these servers comes about."""
    causes = [_of_place(there(host, port, greeting), tls) for host, port in places]
    return next((cause for cause in causes if cause.refusal), next(iter(causes), Cause.NO_ANSWER))


def _of_place(found: There, tls: bool) -> Cause:
    if found is There.PLAIN:
        return Cause.TLS_NOT_SPOKEN if tls else Cause.NO_ANSWER
    if found is There.TLS:
        return Cause.TLS_CERTIFICATE if tls else Cause.TLS_EXPECTED
    return {
        There.NAMELESS: Cause.NAME_NOT_RESOLVED,
        There.CLOSED: Cause.CONNECTION_REFUSED,
        There.OTHER: Cause.WRONG_PROTOCOL,
    }.get(found, Cause.NO_ANSWER)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


# Redis

REDIS_CODES = {
    "NOAUTH": Cause.LOGIN_REQUIRED,
    "WRONGPASS": Cause.LOGIN_REFUSED,
    "NOPERM": Cause.COMMAND_FORBIDDEN,
    "MOVED": Cause.CLUSTER,
    "ASK": Cause.CLUSTER,
    "CROSSSLOT": Cause.CLUSTER,
    "CLUSTERDOWN": Cause.CLUSTER,
    "TRYAGAIN": Cause.CLUSTER,
    "READONLY": Cause.READ_ONLY,
    "MASTERDOWN": Cause.READ_ONLY,
    "OOM": Cause.OUT_OF_MEMORY,
    "MISCONF": Cause.CANNOT_SAVE,
    "NOREPLICAS": Cause.TOO_FEW_REPLICAS,
    "DENIED": Cause.PROTECTED_MODE,
    "NOPROTO": Cause.UNKNOWN_COMMAND,
    "LOADING": Cause.LOADING,
    "BUSY": Cause.BUSY,
}
# Redis says these under the code ERR and offers nothing else to tell them by.
REDIS_SENTENCES = {
    "max number of clients reached": Cause.BUSY,
    "invalid password": Cause.LOGIN_REFUSED,
    "DB index is out of range": Cause.DATABASE_NUMBER,
    "invalid DB index": Cause.DATABASE_NUMBER,
    "SELECT is not allowed in cluster mode": Cause.CLUSTER,
    "unknown command": Cause.UNKNOWN_COMMAND,
    "Unknown Redis command": Cause.UNKNOWN_COMMAND,
    "AUTH <password> called without any password": Cause.LOGIN_REFUSED,
    "Client sent AUTH, but no password is set": Cause.LOGIN_REFUSED,
    "EXEC without MULTI": Cause.COMMAND_FORBIDDEN,  # the library keeps to itself what MULTI was answered
    "can't run this command": Cause.COMMAND_FORBIDDEN,  # so it is said of what a script does
    "can't access at least one of the keys": Cause.KEY_FORBIDDEN,
}
_KEYS = re.compile(r"\bkeys?\b")
_PIPELINED = re.compile(r"Command # \d+ .* of pipeline caused error: ", re.DOTALL)
_CODE = re.compile(r"([A-Z]{3,})\b")


def of_redis(error: BaseException, redis: Redis | Any = None) -> Cause:
    """Return why Redis cannot be used; the client's address is looked at where the error says little."""
    for link in _chain(error):
        if isinstance(link, RedisError) and (cause := _answered(link)):
            return cause
    local = _of_connecting(error)
    if local is not None:
        return local
    place = _redis_place(redis)
    return _of_address([place[:2]], REDIS, place[2]) if place else Cause.NO_ANSWER


def _answered(error: RedisError) -> Cause | None:
    """Return what a server's answer means; None for what is no answer.

    The code decides. Where Redis answers with the code ERR, or a code with two meanings, its sentence does.
    """
    if isinstance(error, InvalidResponse):
        return None
    sentence, named = _PIPELINED.sub("", str(error)), redis_code(error)
    if isinstance(error, MovedError):
        return Cause.CLUSTER
    if named == "NOPERM" and _KEYS.search(sentence):
        return Cause.KEY_FORBIDDEN
    if named in REDIS_CODES:
        return REDIS_CODES[named]
    said = (cause for start, cause in REDIS_SENTENCES.items() if start in sentence)
    return next(said, Cause.OTHER if named else None)


def redis_code(error: RedisError) -> str:
    """Return the code that an answer begins with, or nothing. The library reads few of the codes itself."""
    found = _CODE.match(_PIPELINED.sub("", str(error)))
    return error.status_code or (found[1] if found else "")


def _of_connecting(error: BaseException) -> Cause | None:
    """Return what Python itself says of a connection that does not come about."""
    for link in _chain(error):
        if isinstance(link, socket.gaierror):
            return Cause.NAME_NOT_RESOLVED
        if isinstance(link, ConnectionRefusedError | FileNotFoundError):
            return Cause.CONNECTION_REFUSED
        if isinstance(link, ssl.SSLCertVerificationError):
            return Cause.TLS_CERTIFICATE
    return None


def _redis_place(redis: Redis | Any) -> tuple[str, int, bool] | None:
    pool: Any = getattr(redis, "connection_pool", None)
    made = getattr(pool, "connection_kwargs", {})
    if "host" not in made:
        return None
    return made["host"], int(made.get("port") or 6379), issubclass(pool.connection_class, SSLConnection)


# MongoDB

ATLAS = 8000
"""A hosted MongoDB answers with this whether the login is wrong or its quota is used up."""
MONGODB_CODES = {
    **dict.fromkeys((11, 18, 334), Cause.LOGIN_REFUSED),
    **dict.fromkeys((13, 31, 391), Cause.FORBIDDEN),
    **dict.fromkeys((10058, 10107, 13435, 13436), Cause.NOT_PRIMARY),
    **dict.fromkeys((91, 189, 11600, 11602), Cause.NO_PRIMARY),
    **dict.fromkeys((100, 64), Cause.TOO_FEW_REPLICAS),
    **dict.fromkeys((59, 115, 303), Cause.UNKNOWN_COMMAND),
    **dict.fromkeys((6, 7, 50, 89, 133), Cause.NO_ANSWER),
    ATLAS: Cause.OUT_OF_SPACE,
    14031: Cause.OUT_OF_SPACE,
}
_WITHOUT_LOGIN = re.compile("requires? authentication|not authenticated", re.IGNORECASE)
MONGODB_SENTENCES = {
    **dict.fromkeys((13, 31, 391), (_WITHOUT_LOGIN, Cause.LOGIN_REQUIRED)),
    ATLAS: (re.compile("auth", re.IGNORECASE), Cause.LOGIN_REFUSED),
}
"""The second cause of a code, and how MongoDB says it."""
UNCODED = (ConnectionFailure, ProtocolError, ConfigurationError)


def of_mongodb(error: BaseException, client: MongoClient[Any] | Any = None) -> Cause | None:
    """Return why MongoDB cannot be used, or None where the error says nothing of the server.

    It may be an error of ours that one of pymongo caused. With the client, its address is looked at where
    the error says little.
    """
    error = next((link for link in _chain(error) if isinstance(link, PyMongoError)), error)
    codes = list(mongodb_codes(error))
    for code in codes:
        if code in MONGODB_CODES:
            return _of_code(code, error)
    if codes or not isinstance(error, UNCODED):
        return None
    if isinstance(client, MongoClient):
        return _of_topology(error, client)
    return None if isinstance(error, ConfigurationError) else Cause.NO_ANSWER


def mongodb_codes(error: BaseException) -> Iterator[int]:
    """The numbers with which MongoDB says what is wrong."""
    if isinstance(error, BulkWriteError):
        yield from (refusal["code"] for refusal in error.details.get("writeErrors", ()) if "code" in refusal)
        return
    code = error.code if isinstance(error, OperationFailure) else _code_of(getattr(error, "details", None))
    if code is not None:
        yield code


def _code_of(details: Any) -> int | None:
    code = details.get("code") if isinstance(details, dict) else None
    return code if isinstance(code, int) else None


def _of_code(code: int, error: BaseException) -> Cause:
    """Return the cause that a code of MongoDB stands for.

    Some stand for two causes. MongoDB offers nothing else to tell those apart by, so the sentence decides.
    """
    sentence, second = MONGODB_SENTENCES.get(code, (None, None))
    return second if second and sentence and sentence.search(str(error)) else MONGODB_CODES[code]


def _of_topology(error: PyMongoError, client: MongoClient[Any]) -> Cause | None:
    """Return what the driver knows of the servers; else their addresses are looked at."""
    topology = client.topology_description
    servers = list(topology.server_descriptions().values())
    known = [server for server in servers if server.server_type_name != "Unknown"]
    if any(server.max_wire_version < MIN_SUPPORTED_WIRE_VERSION for server in known):
        return Cause.TOO_OLD
    # The driver drops servers of another replica set, or tells that of the only one it may ask.
    odd = isinstance(error, ConfigurationError) or any(
        isinstance(server.error, ConfigurationError) for server in servers
    )
    if topology.replica_set_name and (odd or not servers):
        return Cause.REPLICA_SET_NAME
    for server in servers:
        if server.error is not None and (cause := of_mongodb(server.error)) not in (None, Cause.NO_ANSWER):
            return cause
    if isinstance(error, ConfigurationError):
        return None
    if known:
        return Cause.NO_ANSWER if topology.has_writable_server() else Cause.NO_PRIMARY
    tls = getattr(client.options.pool_options, "_ssl_context", None) is not None
    return _of_address(((server.address[0], server.address[1] or 27017) for server in servers), MONGODB, tls)
