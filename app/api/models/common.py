"""What several resources share: the words of priorities and statuses, what is sent, where a page begins."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt

from app.core.listing.cursors import CURSOR
from app.core.tasks.states import Priority, Status

PriorityWord = Literal["high", "medium", "low"]
StatusWord = Literal["scheduled", "queued", "running", "succeeded", "failed", "canceled"]
if {word.word for word in Priority} != set(get_args(PriorityWord)):
    raise TypeError("PriorityWord and Priority differ")
if {status.value for status in Status} != set(get_args(StatusWord)):
    raise TypeError("StatusWord and Status differ")


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[StrictInt, BeforeValidator(_whole)]
"""A whole number; 12.0 is one, as in JSON Schema, and "12" is none."""


class Body(BaseModel):
    """What a program sends."""

    model_config = ConfigDict(extra="forbid")


class AfterQuery(Body):
    """Where a page begins."""

    after: str = Field("", pattern=CURSOR, description="As an answer's `next` has it.")
