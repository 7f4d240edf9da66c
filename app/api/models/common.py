"""What several resources share: the words of priorities and statuses, what is sent, where a page begins."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from app.core.tasks.states import Priority, Status

PriorityWord = Literal["high", "medium", "low"]
StatusWord = Literal["scheduled", "queued", "running", "succeeded", "failed", "canceled"]
if {word.word for word in Priority} != set(get_args(PriorityWord)):
    raise TypeError("PriorityWord and Priority differ")
if {status.value for status in Status} != set(get_args(StatusWord)):
    raise TypeError("StatusWord and Status differ")


class Body(BaseModel):
    """What a program sends."""

    model_config = ConfigDict(extra="forbid")


class AfterQuery(Body):
    """Where a page begins."""

    after: str = Field("", max_length=200, description="As an answer's `next` has it.")
