"""What several resources share: the words of priorities and statuses, what is sent, where a page begins."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt

from app.core.listing.cursors import CURSOR
from app.core.listing.filter import value_schema
from app.core.tasks.states import Priority, Status

PriorityWord = Literal["high", "medium", "low"]
StatusWord = Literal["scheduled", "queued", "running", "succeeded", "failed", "canceled"]
if {word.word for word in Priority} != set(get_args(PriorityWord)):
    raise TypeError("PriorityWord and Priority differ")
if {status.value for status in Status} != set(get_args(StatusWord)):
    raise TypeError("StatusWord and Status differ")


def integral(value: object) -> object:
    """Return a whole number that is written as 12.0 as one, and anything else as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[StrictInt, BeforeValidator(integral)]
"""A whole number; 12.0 is one, as in JSON Schema, and "12" is none."""
Id = Annotated[str, Field(json_schema_extra={"pattern": "^[0-9a-fA-F]{24}$"})]
"""The ID of a document; what is wrong with one is said where it is looked up."""


def filter_schema(names: Iterable[str]) -> dict[str, Any]:
    """Return what the JSON Schema of an object with these filters says besides its type."""
    return {
        "properties": {name: {"type": "string", **value_schema(name)} for name in names},
        "additionalProperties": False,
    }


class Body(BaseModel):
    """What a program sends."""

    model_config = ConfigDict(extra="forbid")


class AfterQuery(Body):
    """Where a page begins."""

    after: str = Field("", pattern=CURSOR, description="As an answer's `next` has it.")
