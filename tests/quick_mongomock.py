"""Spares mongomock most of its work: it tries each document for each question, and copies at length.

Only what cannot match is left out before mongomock's own filter looks, so what is found is the same.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from bson import ObjectId
from mongomock import collection, helpers
from mongomock.filtering import filter_applies

Document = dict[str, Any]

PLAIN = (ObjectId, str)
"""Values that equal only themselves; a number equals others, and Null what is absent."""
CONSTANT = {str, int, float, bool, bytes, type(None), datetime, ObjectId}


OWN: dict[str, Any] = {
    name: vars(collection.Collection)[name] for name in ("_iter_documents", "_ensure_uniques")
}
"""What mongomock does."""


def teach() -> None:
    """Patch mongomock for the whole process: no test needs its own behavior."""
    made: Any = collection.Collection
    made._iter_documents = documents
    made._ensure_uniques = ensure_uniques
    quick: Any = SimpleNamespace(copy=copy.copy, deepcopy=deepcopy)
    collection.copy = quick  # type: ignore[attr-defined]


def copy_indexes(source: Any, target: Any) -> None:
    """Give the database ``target`` the indexes of ``source``, as if they had been created there."""
    for name, there in source._store._collections.items():
        made = target._store[name]
        made.indexes = deepcopy(there.indexes)
        made._ttl_indexes = {index: made.indexes[index] for index in there._ttl_indexes}


def deepcopy(value: Any, memo: Any = None) -> Any:
    """As `copy.deepcopy`, of what documents consist of."""
    kind = type(value)
    if kind in CONSTANT:
        return value
    if kind is dict:
        return {name: deepcopy(each) for name, each in value.items()}
    if kind is list:
        return [deepcopy(each) for each in value]
    return copy.deepcopy(value, memo)


def documents(self: Any, filter: Any) -> Iterator[Document]:
    store = self._store
    if store.is_empty:
        filter_applies(filter, {})  # Raises for what is no filter
        return iter(())
    wanted = filter.get("_id") if isinstance(filter, Mapping) else None
    if isinstance(wanted, PLAIN):
        if wanted not in store:
            filter_applies(filter, {})
            return iter(())
        return (found for found in [store[wanted]] if filter_applies(filter, found))
    return (found for found in list(store.documents) if filter_applies(filter, found))


def ensure_uniques(self: Any, new: Document) -> None:
    for index in self._store.indexes.values():
        if index.get("unique"):
            _ensure_unique(self, index, new)


def _ensure_unique(self: Any, index: Document, new: Document) -> None:
    values = {name: _value(new, name) for name, _ in index["key"]}
    if index.get("sparse") and set(values.values()) == {None}:
        return
    asked, partial = values, index.get("partialFilterExpression")
    candidates = narrowed(self._store.documents, values)
    if partial is not None:
        asked, candidates = {"$and": [partial, values]}, narrowed(candidates, partial)
    if sum(filter_applies(asked, found) for found in candidates) > 1:
        raise collection.DuplicateKeyError("E11000 Duplicate Key Error", 11000)


def _value(document: Document, name: str) -> Any:
    try:
        return helpers.get_value_by_dot(document, name)
    except KeyError:
        return None


def narrowed(found: Iterable[Document], asked: Mapping[str, Any]) -> list[Document]:
    """Leave out what certainly does not match; a list matches by what is in it."""
    there = list(found)
    for name, value in asked.items():
        if "." in name or name.startswith("$"):
            continue
        if isinstance(value, PLAIN):
            there = [each for each in there if each.get(name) == value or isinstance(each.get(name), list)]
        elif value == {"$exists": True}:
            there = [each for each in there if name in each]
    return there
