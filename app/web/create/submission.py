"""A form as a browser sent it: read, stored and judged once, for the new task or to be shown again.

Files are taken by `uploads`, secrets by `secret_fields`, rows added and left out by `repeatable`, texts
read by the kinds of their fields.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bson import ObjectId
from werkzeug.datastructures import FileStorage, MultiDict

from app.core.access.files import FileAccess
from app.core.catalog import TaskType
from app.core.errors import Invalid
from app.core.files.store import StoredFile
from app.core.params.fields import Field
from app.core.params.paths import RowsOf, gathered, laid_out, rows_among
from app.core.params.validate import read_laid_out, validate
from app.core.quantities import plural
from app.core.tasks.task import NewTask
from app.web.create import notify, repeatable, secret_fields, uploads
from app.web.create.envelope import NAMES, Envelope
from app.web.create.form_fields import Input, blank_row, shown_with
from app.web.create.secret_fields import KEEP, Keeper
from app.web.create.uploads import DROP, PREFIX, Texts

MOST_NAMED = 20


@dataclass(frozen=True)
class Posted:
    """What a request brought, from whom, and where its files go."""

    texts: MultiDict[str, str]
    uploads: MultiDict[str, FileStorage]
    files: FileAccess
    keeper: Keeper

    @property
    def owner(self) -> str:
        return self.keeper.owner

    def by_path(self) -> Texts:
        """What came for parameters and their parts, whether there are such or not."""
        names = [name for name in (*self.texts, *self.uploads) if name.startswith(PREFIX)]
        return {name.removeprefix(PREFIX): self.texts.getlist(name) for name in names}


@dataclass(frozen=True)
class Submission:
    """A form that was sent, read once; its ``values`` are whole where nothing is wrong.

    ``problems`` are sentences by the path of a field, ``unexpected`` those that belong to none. ``inputs``
    show what was sent again, the secrets sealed, and ``look_at`` is the row that was asked for.
    """

    task_type: TaskType
    envelope: Envelope
    owner: str
    inputs: tuple[Input, ...]
    values: Mapping[str, Any] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    files: tuple[StoredFile, ...] = ()
    unexpected: tuple[str, ...] = ()
    look_at: str = ""

    def new_task(self, parent: ObjectId | None) -> NewTask:
        """The task that was asked for; only where nothing is wrong."""
        return self.envelope.new_task(self.task_type, dict(self.values), self.files, self.owner, parent)


@dataclass(frozen=True)
class _Taken:
    """The texts by path, their fields laid out, what is wrong already, and the files that are there."""

    laid: Sequence[Field]
    rows: RowsOf
    texts: Texts
    problems: dict[str, str]
    known: Mapping[str, StoredFile]

    def changed(self, fields: Sequence[Field], texts: Texts, problems: dict[str, str]) -> _Taken:
        """The same with other rows."""
        rows = rows_among(texts)
        return _Taken(laid_out(fields, rows), rows, texts, problems, self.known)

    def shown(self, problems: Mapping[str, str], keeper: Keeper) -> tuple[Input, ...]:
        """The form again. Its secrets are sealed, and no texts of the page any more."""
        secrets = secret_fields.take_out(self.laid, self.texts, problems, keeper)
        return shown_with(self.laid, self.texts, problems, self.known, secrets)


def receive(task_type: TaskType, envelope: Envelope, posted: Posted) -> Submission:
    """Read a form; uploads are stored before anything is judged."""
    fields = task_type.fields
    taken = _taken(fields, posted)
    unexpected = _unexpected(taken.laid, posted)
    if any(each.kind.is_rows for each in taken.laid):
        taken = taken.changed(fields, *repeatable.compact(fields, taken.texts, taken.problems))
    by_path, unread = read_laid_out(taken.laid, taken.texts, taken.rows)
    values, problems = _judged(task_type, gathered(fields, by_path, taken.rows), unread | taken.problems)
    envelope.check()
    return Submission(
        task_type,
        envelope,
        posted.owner,
        taken.shown(problems, posted.keeper),
        values,
        problems,
        _named_files(taken, by_path),
        tuple(unexpected),
    )


def reshape(task_type: TaskType, envelope: Envelope, posted: Posted, wanted: str) -> Submission:
    """The form as it was sent, with a row more or less.

    Uploads are stored, nothing else is judged. Raises BadQuery where there is no such row.
    """
    taken = _taken(task_type.fields, posted)
    texts, problems, place = repeatable.changed(
        task_type.fields, taken.texts, taken.problems, wanted, blank_row
    )
    inputs = taken.changed(task_type.fields, texts, problems).shown(problems, posted.keeper)
    return Submission(task_type, envelope, posted.owner, inputs, look_at=place)


def _taken(fields: Sequence[Field], posted: Posted) -> _Taken:
    came = posted.by_path()
    rows = rows_among(came)
    laid = laid_out(fields, rows)
    texts = {each.name: came.get(each.name, []) for each in laid}
    refused = uploads.store_all(laid, texts, posted.texts, posted.uploads, posted.files)
    known = uploads.usable(laid, texts, posted.files)
    missing = uploads.drop_gone(laid, texts, known)
    unusable = secret_fields.fill_in_kept(laid, texts, posted.texts, posted.keeper)
    problems = uploads.not_taken(laid, texts, known) | missing | refused | unusable
    return _Taken(laid, rows, texts, problems, known)


def _judged(
    task_type: TaskType, values: dict[str, Any], problems: dict[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The values with the defaults, if they are right, and the problems with those of the schema.

    What the type says of several parameters together is not asked while one of them could not be read.
    """
    omitted = ("checks",) if problems else ()
    schema = {word: about for word, about in task_type.schema.items() if word not in omitted}
    try:
        return values | validate(schema, values, task_type.fields), problems
    except Invalid as error:
        return values, error.fields | problems


def _named_files(taken: _Taken, by_path: Mapping[str, Any]) -> tuple[StoredFile, ...]:
    """The files that the values name, each once, in the order of the form."""
    named: dict[str, None] = {}
    for each in taken.laid:
        if each.kind.takes_files and (value := by_path.get(each.name)):
            named |= dict.fromkeys(value if each.kind.several else [value])
    return tuple(taken.known[one] for one in named if one in taken.known)


def _unexpected(laid: Sequence[Field], posted: Posted) -> list[str]:
    """A sentence for every name that this form does not have, or has once and was sent twice."""
    chosen = {PREFIX + each.name for each in laid if each.kind.takes_files}
    secrets = {each.name for each in laid if each.kind.is_secret}
    texts = {PREFIX + each.name for each in laid} | {DROP + name.removeprefix(PREFIX) for name in chosen}
    texts |= {sent + name for sent in (KEEP, DROP) for name in secrets}
    unknown = [name for name in posted.texts if name not in texts and name not in NAMES]
    unknown += [name for name in posted.uploads if name not in chosen]
    twice = [name for name in NAMES if name != notify.NAME and len(posted.texts.getlist(name)) > 1]
    sentences = [f"This form has no field “{name[:80]}”, so nothing was created." for name in unknown]
    if len(unknown) > MOST_NAMED:
        more = len(unknown) - MOST_NAMED
        sentences[MOST_NAMED:] = [f"It has none of {plural(more, 'other field')} that came, either."]
    return sentences + [f"The field “{name}” was sent twice, so nothing was created." for name in twice]
