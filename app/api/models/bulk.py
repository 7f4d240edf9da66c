"""Bulk operations: what to do to which tasks, the preview, and what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt

from app.api.models.common import Body, Id, PriorityWord, filter_schema, integral
from app.core.listing.filter import TaskFilter

BulkAction = Literal["cancel", "retry", "reprioritize", "delete", "clone", "tag", "untag"]

Filter = Annotated[dict[str, str], Field(json_schema_extra=filter_schema(TaskFilter.__dataclass_fields__))]

_RULES: dict[str, Any] = {
    "if": {"properties": {"ids": {"type": "array"}}, "required": ["ids"]},
    "then": {"properties": {"filter": {"type": "null"}}},
    "else": {"properties": {"filter": {"type": "object"}}, "required": ["filter"]},
}
"""There are either IDs or a filter."""


class BulkChoice(Body):
    """What to do, and to which tasks: those of ``ids``, or all that a ``filter`` matches."""

    model_config = ConfigDict(json_schema_extra=_RULES)

    action: BulkAction
    priority: PriorityWord | None = Field(None, description="Where to reprioritize to.")
    tag: str | None = Field(
        None,
        max_length=200,
        json_schema_extra={"pattern": "^[^,]*[^,\\s][^,]*$"},
        description="What tag adds and untag removes.",
    )
    ids: list[Id] | None = Field(None, min_length=1, max_length=1000)
    filter: Filter | None = Field(
        None, description='As the query of GET /tasks: {"status": "failed"}; {} is every task.'
    )


class NewBulk(BulkChoice):
    """A bulk operation to start."""

    most: Annotated[StrictInt, Field(ge=0), BeforeValidator(integral)] | None = Field(
        None, description="Change no more tasks than this, such as the count of a preview."
    )


class BulkPreview(BaseModel):
    """How many tasks would change; counts stop at 10,001. ``unaffected`` are already as they would become."""

    count: int
    unaffected: int
    denied: int = Field(description="Tasks that you may not change.")


class BulkSkipped(BaseModel):
    """Tasks that were skipped for a reason, and the first 100 of them."""

    count: int
    ids: list[str]


class BulkOperation(BaseModel):
    """A bulk operation.

    ``skipped`` is by reason: gone, denied, changed, refused, there, full, unfit, or a status.
    """

    id: str
    action: BulkAction
    priority: PriorityWord | None
    tag: str | None
    filter: dict[str, str] | None
    ids: list[str]
    owner: str = Field(description="The ID of a user.")
    owner_name: str
    state: Literal["running", "stopped", "ended"]
    stop_requested: bool
    reason: str | None = Field(
        description="Why it was stopped: asked, disabled, forbidden, filter, quota, error."
    )
    message: str
    most: int | None
    done: int
    skipped: dict[str, BulkSkipped]
    created_at: datetime
    ended_at: datetime | None


class BulkOperations(BaseModel):
    """A page of bulk operations, newest first; ``next`` is null where there is nothing further."""

    operations: list[BulkOperation]
    next: str | None
