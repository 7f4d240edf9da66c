"""Run a task type in a unit test, with no program, no store and no process.

    from dtq.testing import run

    def test_words_are_counted():
        done = run(count_words, source=b"one two two", least=2)
        assert done.result == {"words": 3, "common": {"two": 2}}

The function is given what a worker gives it: parameters through the model of its signature, files, a
context. Whatever it raises (`Fail`, `Retry`, an error of its own) is raised here, as it is. The program
judges what only forms know, such as checks, grammars of lines and accepted kinds of files.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import hashlib
import inspect
import io
import json
import logging
import mimetypes
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TextIO

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import PydanticSerializationError, to_jsonable_python

from dtq._types.colliding_keys import SAME_KEYS, colliding_key
from dtq._types.numbers import finite
from dtq._types.task_type import TaskType, known, registered
from dtq.child_tasks import ChildTask, Recorder, Submission
from dtq.context import Context
from dtq.filenames import safe_name
from dtq.files import File
from dtq.outcomes import Canceled

__all__ = ["Invalid", "Ran", "Submission", "Trial", "Upload", "run"]

MASK = "••••"
LEAST_SECRET = 4
"""What is shorter would be found in ordinary words."""


class Invalid(ValueError):
    """Parameters were refused; ``fields`` maps the name of a parameter to its sentence."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(
            "\n  ".join(["Check the parameters.", *(f"{n}: {why}" for n, why in fields.items())])
        )
        self.fields = dict(fields)


@dataclass(frozen=True)
class Upload:
    """A file for a parameter, with the name that a person's file would have.

        run(clean_table, source=Upload("sales.csv", b"a,b\\n1,2\\n"))

    A parameter that takes several files takes a list of them.
    """

    name: str
    content: bytes


@dataclass(frozen=True)
class Ran:
    """What came of a run. ``result`` is as it would be stored: JSON. ``files`` are those that were saved.

    ``progress`` has each report (`done`, `total`, `message`); ``log`` is what was printed and logged;
    ``submitted`` are the tasks that it submitted. Secret parameters are redacted in result, files, progress
    and log, in their plain spelling.
    """

    result: Any
    files: dict[str, bytes]
    progress: list[dict[str, Any]]
    log: str
    submitted: list[Submission] = field(default_factory=list)


def run(type_: str | Callable[..., Any], /, **params: Any) -> Ran:
    """Run a task type once, as its first attempt.

        done = run(greet, name="Ada", token="a secret")

    A parameter that is a file is given as a `Path`, as `bytes` or as an `Upload`, also in a list or a dict;
    a model as an instance of it or as a dict; a secret as a `str` or `SecretStr`. Raises Invalid with a
    sentence for each parameter that is wrong, and what the function raises.
    """
    return Trial().run(type_, **params)


@dataclass(frozen=True)
class Trial:
    """How it is run: as which attempt; canceled at which call of `progress` or `check_canceled`; with which
    settings.

        with pytest.raises(Canceled):
            Trial(attempt=2, cancel_at=3, settings=SimpleNamespace(http_max_mb=1)).run(copy_lines, source=b"")
    """

    attempt: int = 1
    cancel_at: int | None = None
    settings: Any = field(default_factory=SimpleNamespace)

    def run(self, type_: str | Callable[..., Any], /, **params: Any) -> Ran:
        """Run it as :func:`run` does. Raises Canceled, too, unless the function catches it."""
        kind = known(type_) if isinstance(type_, str) else registered(type_)
        with tempfile.TemporaryDirectory(prefix="task-test-") as folder:
            return self._run(kind, params, Path(folder))

    def _run(self, kind: TaskType, params: dict[str, Any], folder: Path) -> Ran:
        given = Given(folder)
        values = given.values(params)
        arguments = _arguments(kind, values, given.file)
        context = _TrialContext(self, given, sorted(_secrets_in(arguments), key=len, reverse=True))
        with heard() as log:
            result = _plain(called(_call, kind, context, arguments))
        return Ran(
            context.redacted(result),
            context.saved,
            context.reports,
            context.redact(log.getvalue()),
            context.recorder.submitted,
        )

    def canceled(self) -> Callable[[], bool]:
        """Return what says at each look whether the task was canceled."""
        looks = iter(range(1, sys.maxsize))
        return lambda: next(looks) == self.cancel_at


def _arguments(kind: TaskType, values: dict[str, Any], files: Callable[[str], File]) -> dict[str, Any]:
    try:
        return kind.arguments(values, files)
    except ValidationError as error:
        problems = {".".join(map(str, problem["loc"])): f"{problem['msg']}." for problem in error.errors()}
        raise Invalid(problems) from None


def _secrets_in(value: Any) -> Iterator[str]:
    """Yield the text of every secret among the arguments of a function."""
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        yield from _secrets_in(dict(value))
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _secrets_in(inner)


def _call(kind: TaskType, context: Context, arguments: dict[str, Any]) -> Any:
    if inspect.iscoroutinefunction(kind.function):
        return asyncio.run(kind.function(context, **arguments))
    return kind.function(context, **arguments)


def called(call: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function, also from within an asynchronous test, whose event loop runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return call(*arguments)
    with ThreadPoolExecutor(1) as beside:
        inherited = contextvars.copy_context()
        return beside.submit(inherited.run, call, *arguments).result()


def _plain(result: Any) -> Any:
    """Return a result as it would be stored. Raises TypeError for what JSON has not."""
    try:
        value = to_jsonable_python(result, inf_nan_mode="constants")
        json.dumps(value, allow_nan=False)
    except (PydanticSerializationError, ValueError, RecursionError) as error:
        raise TypeError(f"The task ended, but its result cannot be kept: {error}") from error
    if (key := colliding_key(result, value)) is not None:
        raise TypeError(f"The task ended, but its result cannot be kept: {SAME_KEYS.format(key=key)}")
    return value


class _TrialContext(Context):
    """A context without a worker; it keeps each report, of which a worker shows at most two a second."""

    def __init__(self, trial: Trial, given: Given, secrets: list[str]) -> None:
        self.task_id = self.idempotency_key = uuid.uuid4().hex[:24]
        self.attempt = trial.attempt
        self.settings = trial.settings
        self.saved: dict[str, bytes] = {}
        self.reports: list[dict[str, Any]] = []
        self.recorder = Recorder()
        self._canceled = trial.canceled()
        self._secrets = [secret for secret in secrets if len(secret) >= LEAST_SECRET]
        self._work_dir = given.folder / "work"
        self._file = given.file

    @property
    def work_dir(self) -> Path:
        self._work_dir.mkdir(exist_ok=True)
        return self._work_dir

    def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        self.check_canceled()
        self.reports.append(
            {
                "done": finite("ctx.progress", "done", done),
                "total": None if total is None else finite("ctx.progress", "total", total),
                "message": self.redact(str(message)),
            }
        )

    def check_canceled(self) -> None:
        if self._canceled():
            raise Canceled

    def save_file(self, path: Path, name: str, content_type: str | None = None) -> dict[str, Any]:
        content = path.read_bytes()
        name = safe_name(self.redact(name))
        self.saved[name] = content
        return {
            "file_id": uuid.uuid4().hex[:24],
            "name": name,
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "content_type": content_type or content_type_of(name),
        }

    def file(self, file_id: str) -> File:
        return self._file(file_id)

    def _submit(self, submission: Submission) -> str:
        return self.recorder.submit(submission)

    def children(self) -> list[ChildTask]:
        return self.recorder.children()

    def redact(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text

    def redacted(self, value: Any) -> Any:
        """Return a JSON value with every text redacted."""
        if isinstance(value, dict):
            return {self.redact(name): self.redacted(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.redacted(inner) for inner in value]
        return self.redact(value) if isinstance(value, str) else value

    def redact_file(self, path: Path) -> None:
        content = path.read_bytes()
        for secret in map(str.encode, self._secrets):
            content = content.replace(secret, b"*" * len(secret))
        path.write_bytes(content)


class Given:
    """Parameters as a test gives them, made into what would be stored: files are IDs, the rest is JSON."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[str, File] = {}

    def values(self, params: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self._stored(value, name) for name, value in params.items()}

    def file(self, file_id: str) -> File:
        """Return a file by its ID."""
        if file_id not in self._files:
            raise ValueError("give a file as a Path, as bytes or as an Upload")
        return self._files[file_id]

    def take(self, where: str, path: Path, name: str) -> str:
        """Take a file for the parameter at a path such as `guests.photo`; return its ID."""
        name, content = safe_name(name), path.read_bytes()
        file_id = f"{len(self._files):024x}"
        digest = hashlib.sha256(content).hexdigest()
        self._files[file_id] = File(name, len(content), content_type_of(name), digest, lambda: path, file_id)
        return file_id

    def name(self, where: str) -> str:
        """Return a name for bytes that a parameter takes."""
        return "file"

    def _stored(self, value: Any, where: str) -> Any:
        if isinstance(value, bytes):
            value = Upload(self.name(where), value)
        if isinstance(value, Upload):
            path = Path(tempfile.mkdtemp(dir=self.folder)) / "content"
            path.write_bytes(value.content)
            return self.take(where, path, value.name)
        if isinstance(value, Path):
            return self.take(where, value, value.name)
        if isinstance(value, BaseModel):
            fields = type(value).model_fields
            value = {about.alias or name: getattr(value, name) for name, about in fields.items()}
        if isinstance(value, dict):
            return {name: self._stored(inner, f"{where}.{name}") for name, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self._stored(inner, where) for inner in value]
        return (
            value.get_secret_value()
            if isinstance(value, SecretStr)
            else to_jsonable_python(value, fallback=str)
        )


def content_type_of(name: str) -> str:
    """Return the type of a file by the end of its name."""
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


@contextlib.contextmanager
def heard() -> Iterator[io.StringIO]:
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
