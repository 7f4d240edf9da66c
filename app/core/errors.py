"""The exception tree: what can go wrong, in words for the person who asked.

One translator (`app.web.platform.errors`) turns these into pages and JSON. A message says what happened,
what was expected and what to do. The HTTP status is the meaning of the error, not a matter of Flask.
"""

from __future__ import annotations

from enum import Enum


class Cause(Enum):
    """Why a store cannot be used. The value is the code that `/readyz` and the logs give.

    `app.core.store_errors.causes` finds it, `app.core.store_errors.advice` has its sentences.
    """

    # It is not there, or not yet: waiting may be enough.
    CONNECTION_REFUSED = "connection_refused"
    NAME_NOT_RESOLVED = "name_not_resolved"
    NO_ANSWER = "no_answer"
    LOADING = "loading"
    BUSY = "busy"
    NO_PRIMARY = "no_primary"
    # It answers and refuses: somebody has to change something.
    LOGIN_REQUIRED = "login_required"
    LOGIN_REFUSED = "login_refused"
    COMMAND_FORBIDDEN = "command_forbidden"
    KEY_FORBIDDEN = "key_forbidden"
    FORBIDDEN = "forbidden"
    INDEX_FORBIDDEN = "index_forbidden"
    TLS_EXPECTED = "tls_expected"
    TLS_NOT_SPOKEN = "tls_not_spoken"
    TLS_CERTIFICATE = "tls_certificate"
    CLUSTER = "cluster"
    READ_ONLY = "read_only"
    OUT_OF_MEMORY = "out_of_memory"
    OUT_OF_SPACE = "out_of_space"
    CANNOT_SAVE = "cannot_save"
    TOO_FEW_REPLICAS = "too_few_replicas"
    PROTECTED_MODE = "protected_mode"
    DATABASE_NUMBER = "database_number"
    UNKNOWN_COMMAND = "unknown_command"
    WRONG_PROTOCOL = "wrong_protocol"
    NOT_PRIMARY = "not_primary"
    REPLICA_SET_NAME = "replica_set_name"
    TOO_OLD = "too_old"
    OTHER_FORMAT = "other_format"
    OTHER = "other"

    @property
    def refusal(self) -> bool:
        """Whether the store is there and refuses, so that waiting alone changes nothing."""
        return self not in _ABSENCES


_ABSENCES = frozenset(
    {
        Cause.CONNECTION_REFUSED,
        Cause.NAME_NOT_RESOLVED,
        Cause.NO_ANSWER,
        Cause.LOADING,
        Cause.BUSY,
        Cause.NO_PRIMARY,
    }
)


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
    title = "Bad request"


class BadSearch(BadQuery):
    """Somebody typed a search or a filter that cannot be used; said beside it, above a list without it."""

    status = 422


class TooLarge(TaskQueueError):
    """More bytes than the settings allow."""

    status = 413
    title = "Too large"


class NoRoom(TaskQueueError):
    """A disk is full; nothing was accepted."""

    status = 507
    title = "Out of disk space"


class Conflict(TaskQueueError):
    """The task is in a state in which this cannot be done; nothing was changed."""

    status = 409
    title = "Action no longer available"


class Changed(Conflict):
    """Somebody else changed it after it was read; nothing was changed now."""


class PreconditionFailed(TaskQueueError):
    """A program sent `If-Match`, and it is not as the program knows it any more; nothing was changed."""

    status = 412
    title = "Changed meanwhile"

    def __init__(self) -> None:
        super().__init__(
            "It was changed after you read it, so nothing was done. "
            "Read it again, and send your change with the new ETag."
        )


class Forbidden(TaskQueueError):
    """The person may not do this."""

    status = 403
    title = "Not allowed"


class SignInRequired(TaskQueueError):
    """Nobody is signed in, or the session is over."""

    status = 401
    title = "Sign in to continue"


class TooManyTries(TaskQueueError):
    """Something was tried more often than it may be; ``retry_after_s`` says when it may be again."""

    status = 429
    title = "Too many tries"

    def __init__(self, retry_after_s: int) -> None:
        minutes = -(-retry_after_s // 60)
        super().__init__(
            "There were too many tries, so this one was not checked. "
            f"Try again in {minutes:,} minute{'' if minutes == 1 else 's'}."
        )
        self.retry_after_s = retry_after_s


class TokenRefused(SignInRequired):
    """The token of a program is wrong, over, or its owner may not sign in; which of these is not said."""

    title = "Token refused"

    def __init__(self) -> None:
        super().__init__("This token does not work. It may be wrong, revoked, or expired. Create a new one.")


class QuotaExceeded(TaskQueueError):
    """A person has used up a quota; nothing was stored. ``retry_after_s`` says when to try again."""

    status = 429
    title = "Quota reached"

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class TooManyStreams(TaskQueueError):
    """A person, a browser or a process has as many event streams as it may."""

    status = 429
    title = "Too many event streams"

    def __init__(self) -> None:
        super().__init__("There are too many event streams. Close some, or ask again in a while.")


class StreamsUnsupported(TaskQueueError):
    """The WSGI server cannot serve event streams: here are none. It is no failure of the server."""

    status = 404
    title = "No event streams"

    def __init__(self) -> None:
        super().__init__("This server has no event streams. Ask for the task instead, once in a while.")


class Unavailable(TaskQueueError):
    """A store did not answer in time, or refuses; nothing was accepted. ``cause`` is why, where known."""

    status = 503
    title = "Not available right now"

    def __init__(self, message: str, cause: Cause | None = None) -> None:
        super().__init__(message)
        self.cause = cause


class DatabaseUnavailable(Unavailable):
    """MongoDB did not answer; nothing was accepted."""

    setting = "MONGODB_URI"


class UnsupportedDatabase(Unavailable):
    """The database has the format of another version of this program; nothing of it was changed."""

    title = "The database has another format"


class QueueUnavailable(Unavailable):
    """Redis did not answer. Tasks are safe in MongoDB and start when it is back."""

    setting = "REDIS_URL"
