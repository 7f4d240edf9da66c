"""The parameters of a task as a browser sent them: read, stored, judged, and shown again.

Files are taken by `uploads`, secrets kept by `secret_fields`, rows added and left out by `repeatable`, texts
read by `app.core.params.validate`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import FileStorage, MultiDict

from app.core.catalog import TaskType
from app.core.errors import Invalid
from app.core.files.store import Files, StoredFile
from app.core.params.fields import Field
from app.core.params.paths import file_ids, laid_out, rows_among
from app.core.params.validate import from_form, validate
from app.core.quantities import plural
from app.web.create import repeatable, secret_fields, uploads
from app.web.create.form_fields import Input, blank_row, shown_with
from app.web.create.secret_fields import KEEP, Keeper
from app.web.create.uploads import DROP, PREFIX, Texts, takes_files

MOST_NAMED = 20


@dataclass(frozen=True)
class Posted:
    """One submission, by whom, and where its files go."""

    texts: MultiDict[str, str]
    uploads: MultiDict[str, FileStorage]
    files: Files
    keeper: Keeper

    @property
    def owner(self) -> str:
        return self.keeper.owner

    def by_path(self) -> Texts:
        """What came for parameters and their parts, whether there are such or not."""
        names = [name for name in (*self.texts, *self.uploads) if name.startswith(PREFIX)]
        return {name.removeprefix(PREFIX): self.texts.getlist(name) for name in names}


@dataclass(frozen=True)
class Parameters:
    """The parameter part of one submission: its values are whole when ``problems`` is empty."""

    inputs: tuple[Input, ...]
    values: dict[str, Any]
    problems: dict[str, str]
    files: tuple[StoredFile, ...]


def receive(task_type: TaskType, posted: Posted) -> Parameters:
    """Read the parameters of one submission; uploads are stored before anything is judged.

    Names that are no parameter are left to :func:`unexpected`.
    """
    fields = task_type.fields
    texts, problems, known = _taken(fields, posted)
    texts, problems = repeatable.compact(fields, texts, problems)
    values, unread = from_form(fields, texts)
    problems = _invalid(task_type, values, unread | problems)
    inputs = _shown(fields, posted, texts, problems, known)
    named = dict.fromkeys(one for ids in file_ids(fields, values).values() for one in ids)
    return Parameters(inputs, values, problems, tuple(known[one] for one in named if one in known))


def reshaped(task_type: TaskType, posted: Posted, wanted: str) -> tuple[tuple[Input, ...], str]:
    """The form as it was sent, with a row more or less, and the path of what to look at then.

    Uploads are stored, nothing else is judged. Raises BadQuery where there is no such row.
    """
    fields = task_type.fields
    texts, problems, known = _taken(fields, posted)
    texts, problems, place = repeatable.changed(fields, texts, problems, wanted, blank_row)
    return _shown(fields, posted, texts, problems, known), place


def _shown(
    fields: Sequence[Field],
    posted: Posted,
    texts: Texts,
    problems: dict[str, str],
    known: dict[str, StoredFile],
) -> tuple[Input, ...]:
    """The form again; secrets are sealed, and no texts of the page any more."""
    laid = laid_out(fields, rows_among(texts))
    secrets = secret_fields.keep(laid, texts, problems, posted.keeper)
    return shown_with(laid, texts, problems, known, secrets)


def _taken(fields: Sequence[Field], posted: Posted) -> tuple[Texts, dict[str, str], dict[str, StoredFile]]:
    """The texts by path, what is wrong with files and kept secrets, and the files that are there."""
    came = posted.by_path()
    laid = laid_out(fields, rows_among(came))
    texts = {each.name: came.get(each.name, []) for each in laid}
    refused = uploads.store_all(laid, texts, posted.texts, posted.uploads, posted.files, posted.owner)
    known = uploads.usable(laid, texts, posted.files, posted.owner)
    missing = uploads.without_gone(laid, texts, known)
    unusable = secret_fields.take(laid, texts, posted.texts, posted.keeper)
    return texts, uploads.not_taken(laid, texts, known) | missing | refused | unusable, known


def _invalid(task_type: TaskType, values: dict[str, Any], unread: dict[str, str]) -> dict[str, str]:
    """The problems, with those of the schema; fills ``values`` with the defaults when it finds none.

    What the type says of several parameters together is not asked while one of them could not be read.
    """
    omitted = ("checks",) if unread else ()
    schema = {word: about for word, about in task_type.schema.items() if word not in omitted}
    try:
        values.update(validate(schema, values))
    except Invalid as error:
        return error.fields | unread
    return unread


def unexpected(fields: Sequence[Field], envelope: Sequence[str], posted: Posted) -> list[str]:
    """A sentence for every name that this form does not have, or has once and was sent twice."""
    laid = laid_out(fields, rows_among(posted.by_path()))
    chosen = {PREFIX + each.name for each in laid if takes_files(each)}
    secrets = {each.name for each in laid if each.kind == "secret"}
    texts = {PREFIX + each.name for each in laid} | {DROP + name.removeprefix(PREFIX) for name in chosen}
    texts |= {sent + name for sent in (KEEP, DROP) for name in secrets}
    unknown = [name for name in posted.texts if name not in texts and name not in envelope]
    unknown += [name for name in posted.uploads if name not in chosen]
    twice = [name for name in envelope if len(posted.texts.getlist(name)) > 1]
    sentences = [f"This form has no field “{name[:80]}”, so nothing was created." for name in unknown]
    if len(unknown) > MOST_NAMED:
        more = len(unknown) - MOST_NAMED
        sentences[MOST_NAMED:] = [f"It has none of {plural(more, 'other field')} that came, either."]
    return sentences + [f"The field “{name}” was sent twice, so nothing was created." for name in twice]
