"""Saved views of the list."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StrictBool

from app.api.models.common import Body, filter_schema
from app.core.listing.filter import TaskFilter
from app.core.listing.query_string import PLACES
from app.core.views.look import COLUMNS
from app.core.views.saved_views import LONGEST_NAME

Filter = Annotated[
    dict[str, str],
    Field(
        json_schema_extra=filter_schema(
            name for name in TaskFilter.__dataclass_fields__ if name not in PLACES
        )
    ),
]
Column = Annotated[str, Field(json_schema_extra={"enum": ["", *COLUMNS]})]


class NewView(Body):
    """A view to save: a filter, a sort and the columns of the list under a name."""

    name: str = Field(
        max_length=500,
        json_schema_extra={"pattern": r"\S", "maxLength": LONGEST_NAME},
        description="1 to 60 characters, unique among your views.",
    )
    filter: Filter = Field(
        {},
        description='As the query of GET /tasks, without a place: {"status": "failed"}.',
    )
    columns: list[Column] | None = Field(None, max_length=20, description="Null for the usual ones.")
    density: Literal["comfortable", "compact"] = "comfortable"
    shared: StrictBool = Field(False, description="Everybody sees it.")


class View(BaseModel):
    """A saved view. The list shows it at /tasks?view=ID."""

    id: str
    name: str
    filter: dict[str, str]
    columns: list[str]
    density: str
    shared: bool
    owner: str = Field(description="The ID of a user.")
    owner_name: str
    version: int = Field(description="Counted up by each change.")
    changed_at: datetime


class Views(BaseModel):
    """Saved views: at most 50 of your own, then up to 200 that others share."""

    views: list[View]
