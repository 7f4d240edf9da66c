"""What mongomock lacks for an export and an import: raw documents, lists of collections, `hello`.

A snapshot it has none of: asking for one is refused, as by a single `mongod`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bson
import mongomock
import pytest
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.errors import ConfigurationError

AWARE: CodecOptions = CodecOptions(tz_aware=True)


class Batches:
    """A raw cursor."""

    def __init__(self, found: Any, size: int) -> None:
        self._found, self._size = found, size or 100

    def sort(self, order: list[tuple[str, int]]) -> Batches:
        return Batches(self._found.sort(order), self._size)

    def __iter__(self) -> Iterator[bytes]:
        encoded = [bson.encode(document) for document in self._found]
        for start in range(0, len(encoded), self._size):
            yield b"".join(encoded[start : start + self._size])


def find_raw_batches(self: Any, query: Any, batch_size: int = 0, session: Any = None) -> Batches:
    assert session is None
    return Batches(self.find(query), batch_size)


def list_collections(self: Any) -> Iterator[dict[str, Any]]:
    for name in self.list_collection_names():
        yield {"name": name, "type": "collection", "options": {}, "info": {}}


def start_session(self: Any, **given: Any) -> None:
    raise ConfigurationError("mongomock has no snapshots")


def command(self: Any, what: Any) -> dict[str, Any]:
    for index in what["indexes"] if "createIndexes" in what else ():
        options = {name: value for name, value in index.items() if name != "key"}
        self[what["createIndexes"]].create_index([*index["key"].items()], **options)
    return {"setName": "mongomock"}


def teach(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give mongomock what it lacks while a test runs."""
    real_many, real_one = mongomock.Collection.insert_many, mongomock.Collection.insert_one
    real_index = mongomock.Collection.create_index

    def insert_many(self: Any, documents: Any, **given: Any) -> Any:
        return real_many(self, list(map(decoded, documents)), **given)

    def insert_one(self: Any, document: Any, **given: Any) -> Any:
        return real_one(self, decoded(document), **given)

    def create_index(self: Any, keys: Any, **given: Any) -> Any:
        """Of an index that is there it would ask anew whether it is unique, and forget that it is partial."""
        return None if given.get("name") in self.index_information() else real_index(self, keys, **given)

    monkeypatch.setattr(mongomock.Collection, "create_index", create_index)
    monkeypatch.setattr(mongomock.Collection, "insert_many", insert_many)
    monkeypatch.setattr(mongomock.Collection, "insert_one", insert_one)
    monkeypatch.setattr(mongomock.Collection, "find_raw_batches", find_raw_batches)
    monkeypatch.setattr(mongomock.Database, "list_collections", list_collections)
    monkeypatch.setattr(mongomock.Database, "command", command)
    monkeypatch.setattr(mongomock.MongoClient, "start_session", start_session)


def decoded(document: Any) -> Any:
    raw = isinstance(document, RawBSONDocument)
    return bson.decode(document.raw, codec_options=AWARE) if raw else document
