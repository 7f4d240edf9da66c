"""What a program catches. Every message is made of sentences; none has the token in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dtq.client.batches import BatchFields
    from dtq.client.records import TaskFields


class DTQError(Exception):
    """The root of everything that the client raises about a server or a task.

        try:
            task = client.submit("clean_table", source=Path("people.csv")).wait(timeout_s=600)
        except Invalid as error:
            for wrong in error.errors:
                print(wrong.pointer, wrong.detail)
        except TaskFailed as error:
            print(error.task.error, error.task.log())
        except DTQError as error:
            print(error)

    Its text is a sentence for people, without the token.
    """


class BadSetting(DTQError, ValueError):
    """The URL or the token that the client was given cannot be one."""


class ConnectionFailed(DTQError):
    """The server did not answer, or its answer broke off."""

    untouched = False
    """Whether the request certainly did not reach the server."""
    lasting = False
    """Whether trying again is in vain."""


class BadAnswer(DTQError):
    """The server answered something that is not of this API; its URL may be wrong, or its version older."""


@dataclass(frozen=True)
class FieldProblem:
    """What is wrong with a part of what was sent: a JSON pointer, such as /params/rows, and a sentence."""

    pointer: str
    detail: str


class ProblemError(DTQError):
    """The server refused: a problem as of RFC 9457.

    Decide by the class or by ``type``, which does not change; ``detail`` is for people. ``request_id`` finds
    the request in the server's log. ``retry_after_s`` is how long the server asks to wait, where it says so.
    """

    def __init__(
        self,
        status: int,
        type: str = "about:blank",
        title: str = "",
        detail: str = "",
        errors: Sequence[FieldProblem] = (),
        request_id: str = "",
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(status, type, title, detail, errors, request_id, retry_after_s)
        self.status = status
        self.type = type
        self.title = title
        self.detail = detail
        self.errors = tuple(errors)
        self.request_id = request_id
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        said = self.detail or self.title or f"The server answered with status {self.status}."
        fields = "".join(f" {wrong.pointer}: {wrong.detail}" for wrong in self.errors)
        return f"{said}{fields}" + (f" (request {self.request_id})" if self.request_id else "")


class Unauthorized(ProblemError):
    """The token is missing, wrong, expired or revoked (401)."""


class Forbidden(ProblemError):
    """The token, or its owner, may not do this (403)."""


class NotFound(ProblemError):
    """It does not exist, or the token may not see it (404)."""


class Conflict(ProblemError):
    """The task is no longer in a state that allows this (409)."""


class Changed(ProblemError):
    """It was changed after it was read, so nothing was done (412). Read it again, and decide."""


class Invalid(ProblemError):
    """What was sent is not right; ``errors`` say where (400, 413, 415, 422)."""


class TooManyRequests(ProblemError):
    """A quota is reached (429)."""


class Unavailable(ProblemError):
    """The server, or a store behind it, cannot answer now (502, 503, 504, 507)."""


BY_STATUS: dict[int, type[ProblemError]] = {
    400: Invalid,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    412: Changed,
    413: Invalid,
    415: Invalid,
    422: Invalid,
    429: TooManyRequests,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
    507: Unavailable,
}


class _AboutTask(DTQError):
    task: Any
    """A `Task`, or an `AsyncTask` where an `AsyncClient` waited."""

    def __init__(self, task: TaskFields) -> None:
        super().__init__(task)
        self.task = task


class TaskFailed(_AboutTask):
    """The task that was waited for failed; ``task.error`` says why."""

    def __str__(self) -> str:
        why = self.task.error.message if self.task.error else ""
        return f"Task {self.task.id} ({self.task.title}) failed{': ' + why if why else '.'}"


class TaskCanceled(_AboutTask):
    """The task that was waited for was canceled."""

    def __str__(self) -> str:
        return f"Task {self.task.id} ({self.task.title}) was canceled."


class BatchWaitTimeout(DTQError, TimeoutError):
    """Tasks of the batch had not ended when the time to wait was over. They go on; wait again."""

    def __init__(self, batch: BatchFields) -> None:
        super().__init__(batch)
        self.batch = batch

    def __str__(self) -> str:
        batch = self.batch
        return (
            f"Batch {batch.id} ({batch.title}) has not ended yet: {batch.ended:,} of {batch.created:,} have."
        )


class WaitTimeout(_AboutTask, TimeoutError):
    """The task had not ended when the time to wait was over. It goes on; wait again, or cancel it."""

    def __str__(self) -> str:
        return f"Task {self.task.id} ({self.task.title}) has not ended yet: it is {self.task.status}."
