"""What a stored document may look like: each field's type, so that every reader of it is total.

Anybody may write to MongoDB, by hand or by another version. A document with a value of a wrong type is
damaged: its readers pass it over and name it in the log once, and those behind it have their turn.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any, TypeVar

from bson import ObjectId

from app.core.mongo import Document

MOST = 10**9
"""No count of ours grows further; beyond it, sums and spans of time would leave their range."""
EARLIEST = datetime(1970, 1, 1, tzinfo=timezone.utc)
LATEST = datetime(9000, 1, 1, tzinfo=timezone.utc)
"""No time of ours lies outside; at the ends of the calendar, sums leave its range."""

Check = Callable[[Any], bool]
Read = TypeVar("Read")

log = logging.getLogger("app.core.stored")


class DamagedDocumentError(ValueError):
    """A document that lacks a field or has one of a wrong type; the message names it."""


def is_text(value: Any) -> bool:
    return isinstance(value, str)


def is_name(value: Any) -> bool:
    """Return whether a value is text that something can be called, so not empty."""
    return isinstance(value, str) and value != ""


def is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def is_count(value: Any) -> bool:
    """Return whether a value is a whole number from 0; `mongosh` and others may write it as a double."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value <= MOST and value == int(value)


def is_size(value: Any) -> bool:
    """Return whether a value is a number of bytes."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_chunk(value: Any) -> bool:
    """Return whether a value is a size that something can be cut into."""
    return is_size(value) and value > 0


def is_time(value: Any) -> bool:
    return isinstance(value, datetime) and EARLIEST <= value <= LATEST


def is_id(value: Any) -> bool:
    return isinstance(value, ObjectId)


def is_document(value: Any) -> bool:
    return isinstance(value, dict)


def is_kind(value: Any) -> bool:
    """Return whether a value can name a kind of result, or one per piece; later versions may know more."""
    pieces = value.values() if isinstance(value, dict) else [value]
    return all(isinstance(piece, str) for piece in pieces)


def anything(value: Any) -> bool:
    return True


def maybe(check: Check) -> Check:
    """Return a check that takes None, too."""
    return lambda value: value is None or check(value)


def list_of(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def one_of(*values: Any) -> Check:
    return lambda value: isinstance(value, str | int) and not isinstance(value, bool) and value in values


def shaped(required: Mapping[str, Check], optional: Mapping[str, Check]) -> Check:
    """Return a check for a document inside a document."""

    def holds(value: Any) -> bool:
        return (
            isinstance(value, dict)
            and all(name in value and check(value[name]) for name, check in required.items())
            and all(check(value[name]) for name, check in optional.items() if name in value)
        )

    return holds


def checked(document: Document, required: Mapping[str, Check], optional: Mapping[str, Check]) -> Document:
    """Return the fields of a document that the checks name.

    Raises DamagedDocumentError for a required one that is missing, and for any of a wrong type.
    """
    found = {}
    for names in (required, optional):
        for name, check in names.items():
            if name not in document:
                if names is required:
                    raise DamagedDocumentError(f"{name} is missing")
                continue
            value = document[name]
            if not check(value):
                raise DamagedDocumentError(f"{name} is {value!r:.60}, a {type(value).__name__}")
            found[name] = int(value) if check is is_count else value
    return found


def readable(what: str, read: Callable[[Document], Read], documents: Iterable[Document]) -> Iterator[Read]:
    """Yield what can be read of the documents; name in the log what cannot. ``what`` says what they are."""
    for document in documents:
        try:
            found = read(document)
        except DamagedDocumentError as error:
            name_once(what, str(document.get("_id")), str(error))
        else:
            yield found


@lru_cache(maxsize=1_000)
def name_once(what: str, name: str, why: str) -> None:
    """Log that a document is passed over: once for each, as maintenance meets it in every round."""
    log.error("The %s %s is passed over: its document cannot be read (%s).", what, name, why)
