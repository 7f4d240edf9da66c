"""One attempt: run the function, say what came out, write it down.

An attempt ends in exactly one outcome, and each outcome has one place that writes it (`settle`).
Who was first decides: a write that matches nothing means that the attempt was no longer ours.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Any

import bson
from bson import ObjectId
from pydantic import ValidationError
from pydantic_core import PydanticSerializationError, to_jsonable_python

from app.core.errors import NotFound
from app.core.excerpts import shortened
from app.core.mongo import is_away
from app.core.params.formats.plain_values import keepable
from app.core.secrets.redaction import Mask
from app.core.secrets.secret import revealed
from app.core.secrets.vault import CannotOpen
from app.core.services import Services
from app.core.tasks.document import MOST_RESULT_BYTES
from app.core.tasks.states import Ending, Status
from app.core.tasks.task import Task
from dtq import Canceled, Fail, Retry, TaskType
from dtq.runtime import SAME_KEYS, ResultKind, colliding_key
from workers.attempt.context import AttemptContext
from workers.attempt.coroutines import call, never_run
from workers.attempt.tracebacks import inner_of, is_group, traceback_of

MESSAGE_LIMIT = 2_000
INLINE_DEPTH = 60
NAMED = 3  # of the exceptions in a group
STRAY_CANCEL = "A cancel signal arrived that nobody had sent to this attempt; the task starts again."


class TimedOut(BaseException):
    """Raised inside a task by its supervisor's signal when the time is over."""


@dataclass(frozen=True)
class Succeeded:
    """The function returned; ``result`` is JSON, ``encoded`` the same in UTF-8, ``kind`` how it is shown.

    ``file_id`` is what a file of it is called, so that writing it twice makes one file.
    """

    result: Any
    encoded: bytes
    kind: ResultKind = "auto"
    file_id: ObjectId = field(default_factory=ObjectId, compare=False)


@dataclass(frozen=True)
class Failed:
    """The attempt failed. ``retry`` is False where another attempt cannot help."""

    error: dict[str, Any]
    retry: bool = True
    after_s: float | None = None


@dataclass(frozen=True)
class WasCanceled:
    """Somebody canceled the task while it ran."""


@dataclass(frozen=True)
class NotBegun:
    """A store went away before the task's own code began: the attempt does not count."""

    message: str


Outcome = Succeeded | Failed | WasCanceled | NotBegun


def attempt(task: Task, kind: TaskType, context: AttemptContext, running: Callable[[bool], None]) -> Outcome:
    """Run one attempt to its outcome; never raises.

    ``running`` is told when the task's own code begins and ends: only then may a signal interrupt. No secret
    is in the outcome, and `context.mask` then knows how to keep them out of whatever else is said.
    """
    try:
        outcome = _attempt(task, kind, context, running)
    except (
        BaseException
    ) as late:  # a handler of a signal, ours or the task's, raised it after the task's code
        running(False)
        outcome = _outcome_of(late, task, context.mask)
    return hidden(outcome, context.mask)


def hidden(outcome: Outcome, mask: Mask) -> Outcome:
    """An outcome without secrets in its error, whose texts are cut to the length that is kept."""
    if not isinstance(outcome, Failed):
        return outcome
    message = shortened(mask.text(outcome.error["message"]), MESSAGE_LIMIT)
    return replace(outcome, error={**outcome.error, "message": message})


def _attempt(task: Task, kind: TaskType, context: AttemptContext, running: Callable[[bool], None]) -> Outcome:
    try:
        params = context.opened()
        context.mask = Mask.of(params)
        arguments = kind.arguments(revealed(params), context.file)
    except CannotOpen as error:
        return Failed(_error("params", error, str(error)), retry=False)
    except (ValidationError, NotFound) as error:
        return Failed(_error("params", error, params_sentence(error)), retry=False)
    except Exception as error:  # a store that does not answer, or a validator of the type's author
        if is_away(error):
            name = type(error).__name__
            return NotBegun(f"The database did not answer before the task began ({name}); it begins anew.")
        return _outcome_of(error, task, context.mask)
    try:
        running(True)
        value = plain(
            call(kind.function, context, arguments)
        )  # a generator's body is the task's own code, too
        running(False)
        return _encoded(value, context.mask, kind.result)
    except ResultError as error:
        running(False)
        return _not_kept(error)
    except BaseException as error:
        running(False)
        return _outcome_of(error, task, context.mask)


def _outcome_of(error: BaseException, task: Task, mask: Mask) -> Outcome:
    deciding = _deciding(error)
    if deciding is not error:  # one of a group says what becomes of the attempt
        return _outcome_of(deciding, task, mask)
    if isinstance(error, Canceled):
        return WasCanceled()
    if isinstance(error, TimedOut):
        return Failed(_error("timeout", error, timeout_sentence(task), mask))
    if isinstance(error, Fail):
        return Failed(
            _error("failed", error, _said(error) or "The task failed without saying why."), retry=False
        )
    if isinstance(error, Retry):
        return Failed(_error("retry", error, _said(error)), after_s=error.after_s)
    if isinstance(error, MemoryError):
        return Failed(_error("memory", error, "The task ran out of memory."))
    named = _named(error)
    if isinstance(error, SystemExit | KeyboardInterrupt):
        return Failed(_error("exit", error, f"The task ended its process ({named}).", mask))
    return Failed(_error("error", error, named, mask))


def _deciding(error: BaseException) -> BaseException:
    """Return the one of an exception group that decides as if raised alone, else the error itself.

    An interrupt and `Fail` do wherever they are, `Retry` only where every other one is one as well.
    """
    leaves = list(leaves_of(error))
    for kind in (TimedOut, Canceled, Fail):
        for leaf in leaves:
            if isinstance(leaf, kind):
                return leaf
    return leaves[0] if leaves and all(isinstance(leaf, Retry) for leaf in leaves) else error


def leaves_of(error: BaseException) -> Iterator[BaseException]:
    """Yield the exceptions of a group and the groups in it, or the one that is no group."""
    waiting, seen = [error], set()
    while waiting:
        one = waiting.pop()
        if not is_group(one):
            yield one
        elif id(one) not in seen:
            seen.add(id(one))
            waiting.extend(reversed(inner_of(one)))


def _named(error: BaseException) -> str:
    """Return an exception as its class and text; of a group also the first ones in it."""
    named = f"{type(error).__name__}: {_said(error)}".removesuffix(": ")
    if not is_group(error):
        return named
    inner = list(leaves_of(error))
    more = f"; and {len(inner) - NAMED:,} more" if len(inner) > NAMED else ""
    return f"{named}: {'; '.join(map(_named, inner[:NAMED]))}{more}"


def _said(error: BaseException) -> str:
    """The text of an exception, whose class may be an author's own and have a fault itself."""
    try:
        return str(error)
    except Exception as fault:
        return f"what it says cannot be read, as its __str__ raises {type(fault).__name__}"


def timeout_sentence(task: Task) -> str:
    return f"The task took longer than its {task.timeout_s} s and was stopped."


def params_sentence(error: ValidationError | NotFound) -> str:
    """Why parameters that were accepted cannot be given to the function."""
    if isinstance(error, NotFound):
        return str(error)
    problems = [f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()]
    return "The parameters do not fit this worker's version of the task type. " + "; ".join(problems)


def _error(kind: str, error: BaseException | None, message: str, mask: Mask | None = None) -> dict[str, Any]:
    """An error as it is kept; given the mask, with its traceback."""
    return {
        "kind": kind,
        "type": type(error).__name__ if error else "",
        "message": keepable(message),
        "traceback": traceback_of(error, mask.text) if error and mask is not None else "",
    }


class ResultError(Exception):
    """A result that cannot be kept; its text is the sentence that says why."""


def returned(result: Any, mask: Mask, kind: ResultKind = "auto") -> Succeeded | Failed:
    """What a function returned: the result as it is kept, without secrets, or why it cannot be."""
    try:
        return _encoded(plain(result), mask, kind)
    except ResultError as error:
        return _not_kept(error)


def plain(result: Any) -> Any:
    """Return a result as what JSON has. Raises ResultError, and what code of the task's own raises meanwhile.

    Such code is the body of a generator, or how a model is to be written: it belongs to the attempt.
    """
    try:
        value = to_jsonable_python(result, inf_nan_mode="constants")
    except (PydanticSerializationError, ValueError, TypeError, RecursionError) as error:
        if error.__traceback__ and error.__traceback__.tb_next:  # not pydantic's own, then
            raise
        raise ResultError(_result_problem(result_fault(error), error, result)) from error
    if (key := colliding_key(result, value)) is not None:
        raise ResultError(SAME_KEYS.format(key=key))
    return value


def _encoded(value: Any, mask: Mask, kind: ResultKind) -> Succeeded | Failed:
    try:
        value = mask.value(value)
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        # A lone surrogate, which UTF-8 has not, is written as the escape that JSON has for it.
        return Succeeded(value, text.encode("utf-8", "backslashreplace"), kind)
    except (ValueError, TypeError, RecursionError) as error:
        infinite = isinstance(error, ValueError) and _has_infinity(value)
        fault = ResultFault.NOT_FINITE if infinite else result_fault(error)
        return _not_kept(ResultError(_result_problem(fault, error, value)))


def _not_kept(error: ResultError) -> Failed:
    message = f"The task ended, but its result cannot be kept: {error}"
    return Failed(_error("result", error.__cause__ or error, message), retry=False)


class ResultFault(Enum):
    """Why a value cannot be written as JSON."""

    NESTING = auto()
    NOT_FINITE = auto()
    NOT_TEXT = auto()
    OTHER = auto()


_NESTING = ("RecursionError", "Circular reference detected", "Maximum serialization depth exceeded")


def result_fault(error: Exception) -> ResultFault:
    """Classify why a result cannot be written.

    Pydantic raises the same classes, without a code, for most faults: only its text tells nesting apart.
    """
    if isinstance(error, RecursionError) or any(sentence in str(error) for sentence in _NESTING):
        return ResultFault.NESTING
    return ResultFault.NOT_TEXT if isinstance(error, UnicodeDecodeError) else ResultFault.OTHER


def _has_infinity(value: Any) -> bool:
    """Return whether a number in a JSON value is infinite or NaN."""
    if isinstance(value, dict | list):
        return any(map(_has_infinity, value.values() if isinstance(value, dict) else value))
    return isinstance(value, float) and not math.isfinite(value)


def _result_problem(fault: ResultFault, error: Exception, result: Any) -> str:
    if fault is ResultFault.NESTING:
        return "it is nested too deeply or contains itself."
    if fault is ResultFault.NOT_FINITE:
        return "it holds a number that is not finite (NaN or infinity)."
    if unfinished := never_run(result):
        return f"it holds {unfinished}, which nothing has run. Await it, or return a list of what it gives."
    if fault is ResultFault.NOT_TEXT:
        return "it holds bytes that are not UTF-8 text. Keep them as a file with ctx.save_file."
    return f"{error}. Results are JSON: text, numbers, lists, objects."


def refused(error: Exception) -> Failed:
    """The outcome of an attempt whose own outcome the database would not take."""
    message = f"The task ended, but the database refused its result: {type(error).__name__}."
    return Failed(_error("result", None, message), retry=False)


def settle(services: Services, task: Task, outcome: Outcome) -> Status | None:
    """Write an outcome; returns the task's status then, or None when the attempt was no longer ours.

    Raises PyMongoError when MongoDB does not answer; writing it again is safe.
    """
    if isinstance(outcome, Failed):
        return services.dispatch.failed(task, outcome.error, retry=outcome.retry, after_s=outcome.after_s)
    if isinstance(outcome, WasCanceled):
        return _canceled(services, task)
    if isinstance(outcome, NotBegun):
        return Status.QUEUED if services.dispatch.release(task, outcome.message) else None
    if _fits_inside(services, outcome):
        ours = services.tasks.succeed(task, outcome.result, kind=outcome.kind)
        return Status.SUCCEEDED if ours else None
    return _succeed_with_file(services, task, outcome)


def _canceled(services: Services, task: Task) -> Status | None:
    """Where nobody canceled it, the signal was meant for the attempt before: it begins anew, uncounted.

    Twice in a row is no signal's delay: then the task raises it itself.
    """
    if services.tasks.end_canceled(task, "Canceled while it ran."):
        return Status.CANCELED
    if task.history and Ending.of_attempt(task.history[-1]) is Ending.STRAY_CANCEL:
        error = _error("failed", None, "The task raised Canceled, and nobody had canceled it.")
        return services.dispatch.failed(task, error, retry=False)
    released = services.dispatch.release(task, STRAY_CANCEL, Ending.STRAY_CANCEL)
    return Status.QUEUED if released else None


def _succeed_with_file(services: Services, task: Task, outcome: Succeeded) -> Status | None:
    """The file first, so that no task names one that is not there; a refused attempt leaves none."""
    files, file_id = services.files, outcome.file_id
    files.keep(file_id, outcome.encoded, "result.json", "application/json", task.owner)
    files.attach([file_id], task.id)
    ours = services.tasks.succeed(task, None, file_id, outcome.kind) or _was_written(services, task, file_id)
    if not ours:
        files.discard(file_id)
        return None
    files.confirm([file_id])
    return Status.SUCCEEDED


def _was_written(services: Services, task: Task, file_id: ObjectId) -> bool:
    """Whether the success was written already, and only the answer to it was lost."""
    try:
        return services.tasks.get(task.id).result_file == file_id
    except NotFound:
        return False


def _fits_inside(services: Services, outcome: Succeeded) -> bool:
    """Whether a result can be part of the task's document: small, and of values that BSON has."""
    if len(outcome.encoded) > services.settings.result_max_kb * 1024:
        return False
    if not _plain(outcome.result):
        return False
    try:
        size = len(bson.encode({"result": outcome.result}))
    except (bson.errors.InvalidDocument, OverflowError, UnicodeEncodeError, RecursionError):
        return False
    return size <= MOST_RESULT_BYTES


def _plain(value: Any, depth: int = 0) -> bool:
    """No key that MongoDB reads as something else (`$`, `.`, NUL), and no more than INLINE_DEPTH levels."""
    if depth > INLINE_DEPTH:
        return False
    if isinstance(value, dict):
        return all(
            not key.startswith("$") and "." not in key and "\x00" not in key and _plain(inner, depth + 1)
            for key, inner in value.items()
        )
    return all(_plain(inner, depth + 1) for inner in value) if isinstance(value, list) else True
