"""The exception tree: what can go wrong, in words for the person who asked.

One translator (`app.web.errors`) turns these into pages and JSON. A message says what happened,
what was expected and what to do. The HTTP status is the meaning of the error, not a matter of Flask.
"""

from __future__ import annotations


class TaskQueueError(Exception):
    """The root. ``status`` is the HTTP status with which the error is answered."""

    status = 500
    title = "Something went wrong"
    setting = ""
    """The setting that names the store which did not answer, if that is what went wrong."""


class NotFound(TaskQueueError):
    """There is no such task, file or task type."""

    status = 404
    title = "Not found"


class Invalid(TaskQueueError):
    """What was sent cannot be used. ``fields`` maps the name of a field to its sentence."""

    status = 422
    title = "Please check what you entered"

    def __init__(self, message: str, fields: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.fields = fields or {}


class BadQuery(TaskQueueError):
    """A query string that no page of ours links to."""

    status = 400
    title = "This address is not understood"


class TooShort(BadQuery):
    """A search holds nothing that could be looked for."""


class TooLarge(TaskQueueError):
    """More bytes than the settings allow."""

    status = 413
    title = "Too large"


class NoRoom(TaskQueueError):
    """A disk is full; nothing was accepted."""

    status = 507
    title = "No room"


class Conflict(TaskQueueError):
    """The task is in a state in which this cannot be done; nothing was changed."""

    status = 409
    title = "This can no longer be done"


class Forbidden(TaskQueueError):
    """The person may not do this."""

    status = 403
    title = "Not allowed"


class Unavailable(TaskQueueError):
    """A store did not answer in time; nothing was accepted."""

    status = 503
    title = "Not available right now"


class DatabaseUnavailable(Unavailable):
    """MongoDB did not answer; nothing was accepted."""

    setting = "MONGODB_URI"


class QueueUnavailable(Unavailable):
    """Redis did not answer. Tasks are safe in MongoDB and start when it is back."""

    setting = "REDIS_URL"
