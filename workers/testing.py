"""Unit tests of task types by the rules of this program: `dtq.testing`, and the form and the worker as well.

    from workers.testing import run

    def test_words_are_counted():
        done = run(count_words, source=b"one two two", least=2)
        assert done.result == {"words": 3, "common": {"two": 2}}

Parameters are held against the schema as in the form, with checks, grammars of lines and accepted kinds of
files; secrets are redacted in all their spellings, and the result is judged as a worker judges it.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.core.errors import Invalid, NotFound
from app.core.params.cli_args import WRONG, explained
from app.core.params.fields import Field, describe
from app.core.params.file_types import accepted
from app.core.params.kinds.texts import TEXT
from app.core.params.paths import every
from app.core.params.validate import validate
from app.core.secrets.redaction import Mask
from app.core.secrets.secret import revealed
from config import Settings, load
from dtq import TaskType, testing
from dtq.testing import Ran, Upload, content_type_of
from workers.attempt.attempt import Failed, params_sentence, returned
from workers.attempt.context import AttemptContext
from workers.attempt.coroutines import call
from workers.in_process import FolderFiles, Listener, NoStores, local_task

__all__ = ["Invalid", "Ran", "Trial", "Upload", "run"]


def run(type_: str | Callable[..., Any], /, **params: Any) -> Ran:
    """Run a task type once, as its first attempt, with parameters as `dtq.testing.run` takes them.

    Raises Invalid with the form's sentence for each parameter that is wrong, and what the function raises.
    """
    return Trial().run(type_, **params)


@dataclass(frozen=True)
class Trial(testing.Trial):
    """How it is run; see `dtq.testing.Trial`. Without ``settings``, they are those of ENVIRONMENT=local."""

    settings: Settings = field(default_factory=lambda: load({"ENVIRONMENT": "local"}))

    def _run(self, kind: TaskType, params: dict[str, Any], folder: Path) -> Ran:
        files = FolderFiles(folder / "saved")
        schema = kind.document()["schema"]
        given = _CheckedGiven(folder, files, {path: one for path, one in every(describe(schema))})
        values = _checked(lambda: validate(schema, given.values(params)))
        stores = NoStores(Listener(lambda progress: None), files, self.settings)
        context = _Recording(local_task(kind, values, self.attempt), stores, self.canceled())
        context.mask = Mask.of(values)
        try:
            arguments = _checked(lambda: kind.arguments(revealed(values), context.file))
            with testing.heard() as log:
                outcome = returned(testing.called(call, kind.function, context, arguments), context.mask)
        finally:
            context.close()
        if isinstance(outcome, Failed):
            raise TypeError(outcome.error["message"])
        saved = {name: path.read_bytes() for name, path in files.outputs().items()}
        printed = context.mask.text(log.getvalue())
        return Ran(outcome.result, saved, context.reports, printed, stores.children.submitted)


class _Recording(AttemptContext):
    """Keeps each report; a worker shows at most two a second."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.reports: list[dict[str, Any]] = []

    def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        super().progress(done, total, message)
        self.reports.append(dict(self.progress_now or {}))


class _CheckedGiven(testing.Given):
    """Parameters as a test gives them, whose files are held against what their fields accept."""

    def __init__(self, folder: Path, files: FolderFiles, fields: dict[str, Field]) -> None:
        super().__init__(folder)
        self._held = files
        self._fields = fields

    def values(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Raises Invalid for files of kinds that are not accepted."""
        wrong: dict[str, str] = {}
        values = {}
        for name, value in params.items():
            try:
                values[name] = self._stored(value, name)
            except Invalid as error:
                wrong[name] = str(error)
        if wrong:
            raise Invalid(WRONG, wrong)
        return values

    def take(self, where: str, path: Path, name: str) -> str:
        return self._held.take(self._fields.get(where, _ANY), path, name)

    def name(self, where: str) -> str:
        kinds = self._fields.get(where, _ANY).accept
        ends = ("", *(kind for kind in kinds if kind[0] == "."), *mimetypes.types_map)
        names = (f"file{end}" for end in ends)
        field = self._fields.get(where, _ANY)
        return next((name for name in names if accepted(field, name, content_type_of(name))), "file")


_ANY = Field("", "", TEXT, False)


def _checked(check: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Do it, with every sentence in the message. Raises Invalid."""
    try:
        return check()
    except Invalid as error:
        raise Invalid(explained(error), error.fields) from None
    except (ValidationError, NotFound) as error:
        raise Invalid(params_sentence(error)) from None
