"""Unit tests of task types, with no stores, no worker and no process.

    from workers.testing import run

    def test_words_are_counted():
        done = run(count_words, source=b"one two two", least=2)
        assert done.result == {"words": 3, "common": {"two": 2}}

Parameters are validated as for a real task and the function is given what a worker gives it. Whatever
the function raises (`Fail`, `Retry`, an error of its own) is raised here, as it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import io
import logging
import mimetypes
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import to_jsonable_python

from app.core.errors import Invalid, NotFound
from app.core.params.cli_args import WRONG, explained
from app.core.params.fields import Field, describe
from app.core.params.file_types import accepted
from app.core.params.kinds.texts import TEXT
from app.core.params.validate import validate
from app.core.secrets.redaction import Mask
from config import Settings, load
from workers.attempt.attempt import Failed, params_sentence, returned
from workers.attempt.coroutines import call
from workers.context import Context
from workers.in_process import FolderFiles, Listener, NoStores, content_type_of, local_task
from workers.types.task_type import TaskType, known, registered

__all__ = ["Invalid", "Ran", "Trial", "Upload", "run"]


@dataclass(frozen=True)
class Upload:
    """A file for a parameter, with the name that a person's file would have."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Ran:
    """What came of a run. ``result`` is as it would be stored: JSON. ``files`` are those that were saved.

    ``progress`` has each report (`done`, `total`, `message`); ``log`` is what was printed and logged.
    """

    result: Any
    files: dict[str, bytes]
    progress: list[dict[str, Any]]
    log: str


def run(type_: str | Callable[..., Any], /, **params: Any) -> Ran:
    """Run a task type once, as its first attempt.

    A parameter that is a file is given as a `Path`, as `bytes` (of a kind that is taken) or as an `Upload`,
    also within a list or a dict; a model as an instance of it or as a dict; a secret as a `str` or
    `SecretStr`. Raises Invalid with a sentence for each parameter that is wrong, and what the function
    raises.
    """
    return Trial().run(type_, **params)


@dataclass(frozen=True)
class Trial:
    """How it is run: as which attempt; canceled at which call of `progress` or `check_canceled`; with which
    settings."""

    attempt: int = 1
    cancel_at: int | None = None
    settings: Settings = field(default_factory=lambda: load({"ENVIRONMENT": "local"}))

    def run(self, type_: str | Callable[..., Any], /, **params: Any) -> Ran:
        """As :func:`run`. Raises Canceled, too, unless the function catches it."""
        kind = known(type_) if isinstance(type_, str) else registered(type_)
        with tempfile.TemporaryDirectory(prefix="task-test-") as folder:
            files = FolderFiles(Path(folder) / "saved")
            schema = kind.document()["schema"]
            given = _Given(files, Path(folder), {each.name: each for each in describe(schema)})
            filled = _checked(lambda: validate(schema, given.values(params)))
            return self._run(kind, filled, files)

    def _run(self, kind: TaskType, values: dict[str, Any], files: FolderFiles) -> Ran:
        stores = NoStores(Listener(lambda progress: None), files, self.settings)
        context = _Recording(local_task(kind, values, self.attempt), stores, self._canceled())
        context.mask = Mask.of(values)
        try:
            arguments = _checked(lambda: kind.arguments(values, context.file))
            with _heard() as log:
                outcome = returned(_called(kind, context, arguments), context.mask)
        finally:
            context.close()
        if isinstance(outcome, Failed):
            raise TypeError(outcome.error["message"])
        saved = {name: path.read_bytes() for name, path in files.outputs().items()}
        return Ran(outcome.result, saved, context.reports, context.mask.text(log.getvalue()))

    def _canceled(self) -> Callable[[], bool]:
        looks = iter(range(1, sys.maxsize))
        return lambda: next(looks) == self.cancel_at


def _called(kind: TaskType, context: Context, arguments: dict[str, Any]) -> Any:
    """Call the function, also from within an asynchronous test, whose event loop runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return call(kind.function, context, arguments)
    with ThreadPoolExecutor(1) as beside:
        inherited = contextvars.copy_context()
        return beside.submit(inherited.run, call, kind.function, context, arguments).result()


class _Recording(Context):
    """Keeps each report; a worker shows at most two a second."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.reports: list[dict[str, Any]] = []

    def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        super().progress(done, total, message)
        self.reports.append(dict(self.progress_now or {}))


@dataclass(frozen=True)
class _Given:
    """Parameters as a test gives them, made into what would be stored: files are ids, the rest is JSON."""

    files: FolderFiles
    folder: Path
    fields: dict[str, Field]

    def values(self, params: dict[str, Any]) -> dict[str, Any]:
        """Raises Invalid for a file of a kind that is not taken."""
        wrong: dict[str, str] = {}
        values = {}
        for name, value in params.items():
            try:
                values[name] = self._stored(value, self.fields.get(name, _ANY))
            except Invalid as error:
                wrong[name] = str(error)
        if wrong:
            raise Invalid(WRONG, wrong)
        return values

    def _stored(self, value: Any, each: Field) -> Any:
        if isinstance(value, bytes):
            value = Upload(_name(each), value)
        if isinstance(value, Upload):
            path = Path(tempfile.mkdtemp(dir=self.folder)) / "content"
            path.write_bytes(value.content)
            return self.files.take(each, path, value.name)
        if isinstance(value, Path):
            return self.files.take(each, value)
        if isinstance(value, BaseModel):
            value = {
                part.alias or name: getattr(value, name) for name, part in type(value).model_fields.items()
            }
        if isinstance(value, dict):
            parts = {part.name: part for part in each.children}
            return {name: self._stored(inner, parts.get(name, _ANY)) for name, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self._stored(inner, each) for inner in value]
        return (
            value.get_secret_value()
            if isinstance(value, SecretStr)
            else to_jsonable_python(value, fallback=str)
        )


_ANY = Field("", "", TEXT, False)


def _name(each: Field) -> str:
    """A name for bytes that a field takes, where there is one."""
    ends = ("", *(kind for kind in each.accept if kind[0] == "."), *mimetypes.types_map)
    names = (f"file{end}" for end in ends)
    return next((name for name in names if accepted(each, name, content_type_of(name))), "file")


def _checked(check: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Do it, with every sentence in the message. Raises Invalid."""
    try:
        return check()
    except Invalid as error:
        raise Invalid(explained(error), error.fields) from None
    except (ValidationError, NotFound) as error:
        raise Invalid(params_sentence(error)) from None


@contextlib.contextmanager
def _heard() -> Iterator[io.StringIO]:
    """What this process prints and logs meanwhile; it is printed as well, so that a failing test shows it."""
    log, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(log)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    level = root.level
    root.addHandler(handler)
    root.setLevel(min(level, logging.INFO))
    out, err = _Both(sys.stdout, log), _Both(sys.stderr, log)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            yield log
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


class _Both(io.TextIOBase):
    """Writes to a stream and to the log."""

    encoding = "utf-8"

    def __init__(self, stream: TextIO, log: io.StringIO) -> None:
        self._stream, self._log = stream, log

    def write(self, text: str) -> int:
        self._log.write(text)
        return self._stream.write(text)

    def flush(self) -> None:
        self._stream.flush()
