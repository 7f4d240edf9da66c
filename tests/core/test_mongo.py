"""The client's options, the indexes, and what counts as absence."""

from __future__ import annotations

import dataclasses
import socket

import pytest
from bson.errors import InvalidDocument
from mongomock.collection import Collection
from pymongo import errors
from pymongo.database import Database

from app.core.errors import Unavailable
from app.core.mongo import answers, client_options, connect, is_away, is_refusal, translated
from app.core.schema.indexes import LISTS, WORK, create_indexes

AWAY = [
    errors.AutoReconnect("gone"),
    errors.ServerSelectionTimeoutError("nobody"),
    errors.NetworkTimeout("slow"),
    errors.NotPrimaryError("elsewhere"),
    errors.ExecutionTimeout("slow", 50),
    errors.WriteConcernError("no majority", 64),
    errors.WTimeoutError("no majority", 64),
    errors.OperationFailure("mongos: its shard is away", 6),
    errors.BulkWriteError({"writeErrors": [{"code": 133}]}),
]
FULL = [
    errors.OperationFailure("no space left on device", 14031),
    errors.WriteError("over its quota", 8000),
    errors.BulkWriteError({"writeErrors": [{"code": 14031}]}),
]
NEVER = [
    InvalidDocument("no such value"),
    errors.DocumentTooLarge("16 MB"),
    errors.WriteError("refused by a validator", 121),
    errors.BulkWriteError({"writeErrors": [{"code": 121}]}),
    OverflowError("9 bytes"),
    UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
]
REFUSED = [
    errors.DuplicateKeyError("E11000", 11000),
    errors.DocumentTooLarge("16 MB"),
    errors.OperationFailure("not authorised", 13),
    errors.ConfigurationError("wrong"),
    ValueError("not of MongoDB"),
]


@pytest.mark.parametrize("error", AWAY, ids=lambda error: type(error).__name__)
def test_no_answer_is_away(error):
    assert is_away(error)
    with pytest.raises(Unavailable, match="while saving the task"), translated("saving the task"):
        raise error


@pytest.mark.parametrize("error", REFUSED, ids=lambda error: type(error).__name__)
def test_a_refusal_is_an_answer_and_passes_as_it_is(error):
    assert not is_away(error)
    with pytest.raises(type(error)), translated("saving the task"):
        raise error


@pytest.mark.parametrize("error", FULL, ids=lambda error: type(error).__name__)
def test_no_room_is_said_and_is_no_fault_of_what_is_written(error):
    assert not is_refusal(error)
    with pytest.raises(Unavailable, match="out of disk space"), translated("saving the task"):
        raise error


def test_what_can_never_be_written_is_told_from_what_can_be_later():
    assert all(is_refusal(error) for error in NEVER)
    lets_nobody_in = [errors.OperationFailure("not authorised", 13), errors.OperationFailure("who?", 18)]
    undecided = [errors.BulkWriteError({"writeErrors": [], "writeConcernErrors": [{"code": 64}]})]
    assert not any(is_refusal(error) for error in [*AWAY, *lets_nobody_in, *undecided])


def test_nothing_wrong_is_nothing_raised():
    with translated("saving the task"):
        done = True
    assert done


def test_a_write_is_acknowledged_by_a_majority_and_journalled(settings):
    options = client_options(dataclasses.replace(settings, mongodb_timeout_ms=1234))
    assert (options["w"], options["journal"], options["tz_aware"]) == ("majority", True, True)
    limits = ("timeoutMS", "connectTimeoutMS", "serverSelectionTimeoutMS")
    assert {options[name] for name in limits} == {1234}


@pytest.mark.parametrize(
    ("uri", "name"),
    [("mongodb://127.0.0.1:1/queue?directConnection=true", "queue"), ("mongodb://127.0.0.1:1", "taskqueue")],
)
def test_the_address_names_the_database(settings, uri, name):
    db = connect(dataclasses.replace(settings, mongodb_uri=uri, mongodb_timeout_ms=100))
    assert db.name == name
    assert db.client.options.pool_options.appname == "distributed-task-queue"
    db.client.close()


def test_a_database_that_is_not_there_does_not_answer_and_is_not_waited_for(settings):
    db = connect(dataclasses.replace(settings, mongodb_uri="mongodb://127.0.0.1:1/x", mongodb_timeout_ms=100))
    with pytest.raises(Unavailable), translated("asking"):
        db.tasks.find_one({})
    db.client.close()


def test_whether_a_database_answers(services, monkeypatch):
    assert answers(services.db)
    monkeypatch.setattr("app.core.mongo._nothing_listens", lambda client: False)
    monkeypatch.setattr(services.db.client.admin, "command", absent)
    assert not answers(services.db)


def absent(*asked):
    raise errors.ServerSelectionTimeoutError("nobody")


@pytest.mark.parametrize(("listens", "pings"), [(False, 1), (True, 2)])
def test_only_where_somebody_listens_the_full_time_is_waited_for(settings, monkeypatch, listens, pings):
    asked: list[str] = []
    monkeypatch.setattr(Database, "command", lambda db, *words: asked.append(words[0]) or absent())
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1] if listens else 1
        db = connect(dataclasses.replace(settings, mongodb_uri=f"mongodb://127.0.0.1:{port}/x"))
        try:
            assert not answers(db)
        finally:
            db.client.close()
    assert asked == ["ping"] * pings


def test_indexes_are_made_once(services):
    before = services.db.tasks.index_information()
    create_indexes(services.db)
    assert services.db.tasks.index_information() == before
    assert len(before) == len(LISTS) + len(WORK) + 1


def test_an_index_that_is_defined_otherwise_is_made_anew(services):
    services.db.tasks.drop_index("run_at")
    services.db.tasks.create_index([("run_at", -1)], name="run_at")
    create_indexes(services.db)
    assert services.db.tasks.index_information()["run_at"] == {"key": [("run_at", 1)], "sparse": True, "v": 2}


def test_an_index_that_cannot_be_made_keeps_no_other_from_being_made(services, monkeypatch):
    before = services.db.tasks.index_information()
    services.db.tasks.drop_indexes()
    create = Collection.create_index

    def refuse(self, keys, **options):
        if options["name"] == "hint":
            raise errors.OperationFailure("no", 67)
        return create(self, keys, **options)

    monkeypatch.setattr(Collection, "create_index", refuse)
    with pytest.raises(errors.OperationFailure, match="no"):
        create_indexes(services.db)
    assert before.keys() - services.db.tasks.index_information().keys() == {"hint"}
