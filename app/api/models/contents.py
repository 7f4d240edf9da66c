"""What belongs to a task: its attempts and files; and files for tasks to come."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from app.api.models.common import Body


class Attempt(BaseModel):
    """An attempt that has ended. ``outcome`` is null for attempts that an older version recorded."""

    attempt: int | None
    worker: str | None
    queued_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    outcome: str | None
    message: str


class Attempts(BaseModel):
    """The attempts of a task that have ended, oldest first; the last 20 are kept."""

    attempts: list[Attempt]


class StoredFile(BaseModel):
    """A file of a task, or one for a task to come; ``size`` is in bytes."""

    id: str
    name: str
    size: int
    content_type: str
    sha256: str | None


class Files(BaseModel):
    """The files of a task, oldest first."""

    files: list[StoredFile]


class AttemptQuery(Body):
    """Of which attempt."""

    attempt: int | None = Field(None, ge=1, description="Default: the last.")


class LogQuery(AttemptQuery):
    """Of which attempt, and how it is written."""

    times: bool = Field(False, description="Each line behind its time (UTC), or - where none is kept.")


class UploadQuery(Body):
    """What the file is called."""

    name: str = Field("", max_length=255)
    type: str = Field("application/octet-stream", max_length=255, description="Its media type.")
