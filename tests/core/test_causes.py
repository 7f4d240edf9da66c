"""Why a store cannot be used is told by codes, and by what is found at its address."""

from __future__ import annotations

import dataclasses
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from pymongo.errors import AutoReconnect, InvalidOperation, OperationFailure
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from app.core import mongo as database
from app.core.errors import Cause, DatabaseUnavailable
from app.core.schema import indexes
from app.core.store_errors import causes
from app.core.store_errors.advice import REASONS, TITLES, advice, explained, reason, unusable
from app.core.store_errors.causes import MONGODB, REDIS, There, of_mongodb, of_redis, there
from config import SettingsError, load
from tests.core.mongod_stub import OLD, PRIMARY, SECONDARY, mongod

PASSWORD = "hunter2"
REDIS_SAID = [
    ("NOAUTH Authentication required.", Cause.LOGIN_REQUIRED),
    ("WRONGPASS invalid username-password pair or user is disabled.", Cause.LOGIN_REFUSED),
    ("ERR invalid password", Cause.LOGIN_REFUSED),
    ("ERR AUTH <password> called without any password configured for the default user. "
     "Are you sure your configuration is correct?", Cause.LOGIN_REFUSED),
    ("NOPERM User web has no permissions to run the 'evalsha' command", Cause.COMMAND_FORBIDDEN),
    ("NOPERM No permissions to access a key", Cause.KEY_FORBIDDEN),
    ("NOPERM this user has no permissions to access one of the keys used as arguments", Cause.KEY_FORBIDDEN),
    ("ERR The user executing the script can't run this command or subcommand", Cause.COMMAND_FORBIDDEN),
    ("MOVED 866 127.0.0.1:7001", Cause.CLUSTER),
    ("CLUSTERDOWN Hash slot not served", Cause.CLUSTER),
    ("READONLY You can't write against a read only replica.", Cause.READ_ONLY),
    ("OOM command not allowed when used memory > 'maxmemory'.", Cause.OUT_OF_MEMORY),
    ("MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
     Cause.CANNOT_SAVE),
    ("NOREPLICAS Not enough good replicas to write.", Cause.TOO_FEW_REPLICAS),
    ("DENIED Redis is running in protected mode because protected mode is enabled", Cause.PROTECTED_MODE),
    ("LOADING Redis is loading the dataset in memory", Cause.LOADING),
    ("BUSY Redis is busy running a script.", Cause.BUSY),
    ("ERR max number of clients reached", Cause.BUSY),
    ("ERR DB index is out of range", Cause.DATABASE_NUMBER),
    ("ERR unknown command 'EVALSHA', with args beginning with: 'x'", Cause.UNKNOWN_COMMAND),
    ("WRONGTYPE Operation against a key holding the wrong kind of value", Cause.OTHER),
]  # fmt: skip


@contextmanager
def answering(answer: bytes | None) -> Iterator[int]:
    """A server that gives one answer to whatever it is sent and closes; with None it says nothing at all."""
    listener = socket.create_server(("127.0.0.1", 0))
    kept = []

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                kept.append(connection)
                if answer is not None:
                    connection.recv(4096)
                    connection.sendall(answer)
                    connection.close()

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1]
    with suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    for connection in kept:
        connection.close()


@pytest.mark.parametrize(("said", "cause"), REDIS_SAID, ids=[said[:30] for said, _ in REDIS_SAID])
def test_what_redis_answers(said, cause):
    """A server that says this to everything, and a real client in front of it."""
    from app.core.queue.connection import connect
    from app.core.queue.rq import Queues

    with answering(f"-{said}\r\n".encode()) as port:
        redis = connect(f"redis://u:{PASSWORD}@127.0.0.1:{port}/0", 500)
        with pytest.raises(Exception, match="Tasks are safe") as raised:
            Queues(redis).take(0)
        redis.close()
    assert raised.value.cause is cause
    assert PASSWORD not in str(raised.value)


def test_an_error_in_a_pipeline_is_read_behind_its_preface():
    error = ResponseError("Command # 2 (SET a MISCONF) of pipeline caused error: NOREPLICAS Not enough.")
    assert of_redis(error) is Cause.TOO_FEW_REPLICAS
    assert of_redis(RedisConnectionError("Connection closed by server.")) is Cause.NO_ANSWER


class TestAnAddress:
    def test_a_name_that_nobody_knows(self):
        assert there("nowhere.invalid", 1, REDIS) is There.NAMELESS

    def test_where_nothing_listens(self):
        assert there("127.0.0.1", 1, REDIS) is There.CLOSED

    @pytest.mark.parametrize(
        ("answer", "found"),
        [
            (b"+PONG\r\n", There.PLAIN),
            (b"-NOAUTH x\r\n", There.PLAIN),
            (None, There.SILENT),
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", There.OTHER),
            (b"", There.OTHER),
            (b"\x15\x03\x01", There.OTHER),
        ],
    )
    def test_what_answers(self, answer, found):
        with answering(answer) as port:
            assert there("127.0.0.1", port, REDIS) is found

    def test_a_mongodb_is_told_by_the_number_it_answers_to(self):
        with mongod(PRIMARY) as server, answering(b"x" * 40) as other:
            assert there("127.0.0.1", server.port, MONGODB) is There.PLAIN
            assert there("127.0.0.1", other, MONGODB) is There.OTHER

    def test_it_is_not_looked_at_again_within_a_moment(self, monkeypatch):
        looked = []
        monkeypatch.setattr(causes, "_look", lambda *place: looked.append(place) or There.SILENT)
        for _ in range(5):
            there("192.0.2.1", 6379, REDIS)
        assert len(looked) == 1


MONGODB_SAID = [
    (18, "Authentication failed.", Cause.LOGIN_REFUSED),
    (13, "command update requires authentication", Cause.LOGIN_REQUIRED),
    (13, "not authorized on taskqueue to execute command { update: \"leases\" }", Cause.FORBIDDEN),
    (10107, "not primary", Cause.NOT_PRIMARY),
    (13435, "not primary and secondaryOk=false", Cause.NOT_PRIMARY),
    (13436, "node is not in primary or recovering state", Cause.NOT_PRIMARY),
    (189, "Primary stepped down while waiting for replication", Cause.NO_PRIMARY),
    (11600, "interrupted at shutdown", Cause.NO_PRIMARY),
    (8000, "bad auth : authentication failed", Cause.LOGIN_REFUSED),
    (8000, "you are over your space quota, using 513 MB of 512 MB", Cause.OUT_OF_SPACE),
    (14031, "No space left on device", Cause.OUT_OF_SPACE),
    (100, "Not enough data-bearing nodes", Cause.TOO_FEW_REPLICAS),
    (115, "Retryable writes are not supported", Cause.UNKNOWN_COMMAND),
]  # fmt: skip


def tried(port: int, options: str = "directConnection=true") -> DatabaseUnavailable:
    uri = f"mongodb://127.0.0.1:{port}/taskqueue?{options}&retryWrites=false"
    settings = load({"ENVIRONMENT": "local", "MONGODB_URI": uri, "MONGODB_TIMEOUT_MS": "700"})
    db = database.connect(settings)
    with pytest.raises(DatabaseUnavailable) as raised:
        indexes.require_usable(db)
    db.client.close()
    return raised.value


@pytest.mark.parametrize(("code", "said", "cause"), MONGODB_SAID)
def test_what_mongod_answers_to_a_write(code, said, cause):
    with mongod(PRIMARY, update=(code, said)) as server:
        assert tried(server.port).cause is cause
        assert "update" in server.asked


def test_a_write_that_is_allowed_and_an_index_that_is_not():
    with mongod(PRIMARY, createIndexes=(13, "not authorized on taskqueue to execute command")) as server:
        assert tried(server.port).cause is Cause.INDEX_FORBIDDEN


def test_a_delete_that_is_not_allowed():
    with mongod(PRIMARY, delete=(13, "not authorized on taskqueue to execute command")) as server:
        assert tried(server.port).cause is Cause.FORBIDDEN


@pytest.mark.parametrize(
    ("hello", "options", "cause"),
    [
        (SECONDARY, "replicaSet=rs0", Cause.NO_PRIMARY),
        (SECONDARY, "replicaSet=rs1", Cause.REPLICA_SET_NAME),
        (SECONDARY, "directConnection=true&replicaSet=rs1", Cause.REPLICA_SET_NAME),
        (PRIMARY, "replicaSet=rs0", Cause.REPLICA_SET_NAME),
        (OLD, "directConnection=true", Cause.TOO_OLD),
        (PRIMARY, "directConnection=true&tls=true", Cause.TLS_NOT_SPOKEN),
    ],
)
def test_servers_that_cannot_be_chosen(hello, options, cause):
    with mongod(hello) as server:
        assert tried(server.port, options).cause is cause


def test_a_secondary_that_is_asked_directly_refuses_to_write():
    with mongod(SECONDARY, update=(10107, "not primary")) as server:
        assert tried(server.port).cause is Cause.NOT_PRIMARY


def test_nothing_listens_and_nobody_knows_the_name():
    assert tried(1).cause is Cause.CONNECTION_REFUSED
    settings = load({"ENVIRONMENT": "local", "MONGODB_URI": "mongodb://nowhere.invalid/x",
                     "MONGODB_TIMEOUT_MS": "700"})  # fmt: skip
    db = database.connect(settings)
    assert not database.answers(db)
    assert database.why_away(db) is Cause.NAME_NOT_RESOLVED
    db.client.close()


def test_what_says_nothing_of_a_server_has_no_cause():
    for error in (OperationFailure("too big", 10334), OperationFailure("no code"), ValueError("x"),
                  InvalidOperation("closed")):  # fmt: skip
        assert of_mongodb(error) is None
    assert of_mongodb(AutoReconnect("gone")) is Cause.NO_ANSWER


@pytest.mark.parametrize(
    "uri",
    [
        f"mongodb://u:{PASSWORD}@x@127.0.0.1/x",
        "mongodb+srv://nowhere.invalid/x",
        "mongodb://127.0.0.1:99999/x",
    ],
)
def test_an_address_that_the_driver_cannot_use_is_a_setting_that_is_wrong(settings, uri):
    with pytest.raises(SettingsError, match="MONGODB_URI: use") as raised:
        database.connect(dataclasses.replace(settings, mongodb_uri=uri))
    assert PASSWORD not in str(raised.value)


# What is said


@pytest.mark.parametrize("cause", list(Cause))
@pytest.mark.parametrize("setting", list(TITLES))
def test_every_cause_has_its_sentences(cause, setting, tmp_path: Path):
    settings = load(
        {"ENVIRONMENT": "local", setting: f"{'mongodb' if setting[0] == 'M' else 'redis'}://u:{PASSWORD}@h/0"}
    )
    said = [
        reason(setting, cause), unusable(setting, cause), explained(setting, cause),
        advice(setting, settings, {}, tmp_path, cause),
    ]  # fmt: skip
    for sentence in said:
        assert sentence.endswith(".") and "{" not in sentence and PASSWORD not in sentence
    assert TITLES[setting] in said[0] and TITLES[setting] in said[1] and TITLES[setting] in said[2]
    assert ("does not answer" in said[0]) is not cause.refusal
    assert REASONS[cause][1] or not cause.refusal


def test_a_refusal_is_what_no_waiting_ends():
    assert {cause for cause in Cause if not cause.refusal} == {
        Cause.CONNECTION_REFUSED, Cause.NAME_NOT_RESOLVED, Cause.NO_ANSWER, Cause.LOADING, Cause.BUSY,
        Cause.NO_PRIMARY,
    }  # fmt: skip


def test_the_interpreter_that_this_runs_on_wraps_names_as_before():
    """`of_redis` looks for the error of the system behind that of the library."""
    from app.core.queue.connection import connect

    with pytest.raises(RedisConnectionError) as raised:
        connect("redis://nowhere.invalid/0", 300).ping()
    assert any(isinstance(error, socket.gaierror) for error in causes._chain(raised.value)), sys.version
