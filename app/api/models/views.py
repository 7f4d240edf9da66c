"""Saved views of the list."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from app.api.models.common import Body


class NewView(Body):
    """A view to save: a filter, a sort and the columns of the list under a name."""

    name: str = Field(max_length=500, description="1 to 60 characters, unique among your views.")
    filter: dict[str, str] = Field(
        {},
        description='As the query of GET /tasks, without a place: {"status": "failed"}.',
    )
    columns: list[str] | None = Field(None, max_length=20, description="Null for the usual ones.")
    density: Literal["comfortable", "compact"] = "comfortable"
    shared: bool = Field(False, description="Everybody sees it.")


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
