"""The parameters of a task as a form sends and shows them.

What lives here: reading what a browser sent for the parameters of a type, storing the files that
came with it, and the texts that the form shows (again). The envelope (priority, title, ...) lives in
`forms`; kinds and bounds come from `app.core.fields`, messages from `app.core.params`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from werkzeug.datastructures import FileStorage, MultiDict

from app.core.accept import accepted, not_accepted, require_accepted
from app.core.catalog import TaskType
from app.core.errors import Invalid, TooLarge
from app.core.fields import Field
from app.core.files import Files, StoredFile, safe_name
from app.core.kinds import NOUNS
from app.core.limits import words
from app.core.params import from_form, validate
from app.web import kept
from app.web.attributes import AREAS, attributes
from app.web.kept import DROP, KEEP, NOTHING, Keeper, Kept
from app.web.texts import texts_of, typed

PREFIX = "p-"
RADIOS = 4
WIDGETS = {"bool": "switch", "choices": "group", "file": "file", "datetime": "moment", "secret": "secret"}
HINTS = {
    "list": "One a line.",
    "duration": "Such as 1h 30m, 2 days or 00:05:00; a number alone is seconds.",
    "datetime": "The zone is a name such as Europe/Berlin, or an offset such as +02:00.",
    "json": "Any value as JSON.",
}
SHAPES = {
    "object": 'A JSON object, such as `{"name": "value"}`.',
    "array": "A JSON list, such as `[1, 2]`.",
}
GONE = "This file is no longer here. Please choose it again."


@dataclass(frozen=True)
class Input:
    """One parameter as the page shows it. ``texts`` is what a browser would send for it; never a secret."""

    field: Field
    texts: tuple[str, ...] = ()
    error: str = ""
    file: StoredFile | None = None
    kept: Kept = NOTHING

    @property
    def name(self) -> str:
        return PREFIX + self.field.name

    @property
    def text(self) -> str:
        return self.texts[0] if self.texts else ""

    @property
    def on(self) -> bool:
        """Whether a switch is on."""
        return bool(self.texts) and self.texts[-1] not in ("", "false", "0")

    @property
    def widget(self) -> str:
        """Which macro draws it: line, area, moment, select, group, switch, file or secret."""
        kind = "choice" if self.field.kind == "bool" and self.field.nullable else self.field.kind
        if kind == "choice":
            return "group" if len(self.options) <= RADIOS else "select"
        return "area" if kind in AREAS else WIDGETS.get(kind, "line")

    @property
    def zone(self) -> str:
        """The zone beside a date and time: UTC where nothing says otherwise."""
        return self.texts[1] if len(self.texts) > 1 else "UTC"

    @property
    def options(self) -> tuple[tuple[str, str], ...]:
        """(value, label) pairs, with one for "none" where that is an answer."""
        if self.field.kind == "bool":
            return (("", "Not set"), ("1", "Yes"), ("0", "No"))
        none = (("", "None"),) if self.field.kind == "choice" and self.field.nullable else ()
        return none + self.field.choices

    @property
    def help(self) -> str:
        """The help of the type, and what else has to be known to fill the field in."""
        field = self.field
        hint = SHAPES.get(field.schema.get("type", ""), "") if field.kind == "json" else ""
        of = HINTS.get(field.of.kind, "") if field.of else ""
        hints = (self.kept.note, field.help, words(field), hint or HINTS.get(field.kind, ""), of)
        return " ".join(part for part in hints if part)

    @property
    def attributes(self) -> dict[str, Any]:
        """What the HTML of an input or a text area says besides its name and value."""
        return attributes(self.field, self.text)

    @property
    def stands_out(self) -> bool:
        """Whether it is wrong or differs from its default, so that it must not be folded away."""
        default = replace(self, texts=texts_of(self.field, {}))
        if self.field.kind == "bool" and not self.field.nullable:
            return bool(self.error) or self.on != default.on
        wrong = bool(self.error or self.kept.token)
        return wrong or typed(self.field, self.texts) != typed(self.field, default.texts)

    @property
    def rows(self) -> int:
        """The height of a text area, by what is in it."""
        least = 3 if self.field.kind == "list" else 5
        return max(least, min(20, self.text.count("\n") + 2))

    @property
    def described_by(self) -> str:
        """The ids of the help and the error, for `aria-describedby`."""
        return f"{self.name}-help {self.name}-error" if self.help else f"{self.name}-error"

    @property
    def says_optional(self) -> bool:
        """Where nothing is an answer; a switch, and a choice or a number with a default, always have one."""
        if self.field.kind in NOUNS and self.field.default is not None:
            return self.field.nullable
        return not self.field.required and self.widget in ("line", "area", "moment", "file", "secret")


@dataclass(frozen=True)
class Parameters:
    """The parameter part of one submission: its values are whole when ``problems`` is empty."""

    inputs: tuple[Input, ...]
    values: dict[str, Any]
    problems: dict[str, str]

    @property
    def files(self) -> tuple[StoredFile, ...]:
        return tuple(each.file for each in self.inputs if each.file)


# What a form shows before anything was sent


def initial(
    fields: Sequence[Field],
    past: Mapping[str, Any],
    files: Files,
    owner: str,
    secrets: Mapping[str, Kept] | None = None,
) -> tuple[Input, ...]:
    """The inputs with the values of a past task where it has them, else with the defaults.

    ``secrets`` are those of the past task. What ``owner`` may not use, or what is gone, is said
    beside its field.
    """
    filled = [
        Input(each, texts_of(each, past), kept=(secrets or {}).get(each.name, NOTHING)) for each in fields
    ]
    known = _usable(filled, files, owner)
    return tuple(_with_file(each, known) for each in filled)


def _usable(inputs: Sequence[Input], files: Files, owner: str) -> dict[str, StoredFile]:
    return files.usable({each.text for each in inputs if each.field.kind == "file" and each.text}, owner)


def _with_file(each: Input, known: Mapping[str, StoredFile]) -> Input:
    if each.field.kind != "file" or not each.text:
        return each
    file = known.get(each.text)
    return replace(each, file=file) if file else replace(each, texts=(), error=GONE)


# What came back


def receive(
    task_type: TaskType,
    sent: MultiDict[str, str],
    uploads: MultiDict[str, FileStorage],
    files: Files,
    owner: str,
    keeper: Keeper,
) -> Parameters:
    """Read the parameters of one submission; uploads are stored before anything is judged.

    Names that are no parameter are left to :func:`unexpected`.
    """
    fields = task_type.fields
    texts = {each.name: sent.getlist(PREFIX + each.name) for each in fields}
    problems = _store(fields, texts, sent, uploads, files, owner) | kept.take(fields, texts, sent, keeper)
    known = _usable([Input(each, tuple(texts[each.name])) for each in fields], files, owner)
    problems |= _file_problems(fields, texts, known, problems)
    values, unread = from_form(fields, texts)
    problems = _invalid(task_type, values) | unread | problems
    secrets = kept.keep(fields, texts, problems, keeper)
    inputs = [Input(each, tuple(texts[each.name]), problems.get(each.name, "")) for each in fields]
    shown_again = tuple(
        replace(each, file=known.get(each.text), kept=secrets.get(each.field.name, NOTHING))
        for each in inputs
    )
    return Parameters(shown_again, values, problems)


def _store(
    fields: Sequence[Field],
    texts: dict[str, list[str]],
    sent: MultiDict[str, str],
    uploads: MultiDict[str, FileStorage],
    files: Files,
    owner: str,
) -> dict[str, str]:
    """Put the id of each stored upload in the place of the field's text; returns what was refused."""
    refused = {}
    for each in fields:
        chosen = [upload for upload in uploads.getlist(PREFIX + each.name) if upload.filename]
        if each.kind != "file" or not chosen:
            if DROP + each.name in sent:
                texts[each.name] = []
            continue
        try:
            texts[each.name] = [str(store(each, chosen, files, owner).id)]
        except (Invalid, TooLarge) as error:
            refused[each.name] = str(error)
    return refused


def store(each: Field, chosen: Sequence[FileStorage], files: Files, owner: str) -> StoredFile:
    """Stream one upload into the store.

    Raises Invalid for several files or one of a kind that is not taken, TooLarge.
    """
    if len(chosen) != 1:
        raise Invalid("One file is expected here.")
    name, content_type = safe_name(chosen[0].filename or ""), chosen[0].mimetype or "application/octet-stream"
    require_accepted(each, name, content_type)
    return files.save(chosen[0].stream, name, content_type, owner, role="input")


def _file_problems(
    fields: Sequence[Field],
    texts: dict[str, list[str]],
    known: Mapping[str, StoredFile],
    refused: Mapping[str, str],
) -> dict[str, str]:
    """Ids that are unknown or somebody else's are a problem, and are not shown again."""
    problems = {}
    for each in fields:
        given = "".join(texts[each.name][:1])
        if each.kind != "file" or not given or each.name in refused:
            continue
        file = known.get(given)
        if file is None:
            texts[each.name] = []
            problems[each.name] = GONE
        elif not accepted(each, file.name, file.content_type):
            problems[each.name] = not_accepted(each, file.name)
    return problems


def _invalid(task_type: TaskType, values: dict[str, Any]) -> dict[str, str]:
    """The schema's problems; fills ``values`` with the defaults when there are none."""
    try:
        values.update(validate(task_type.schema, values))
    except Invalid as error:
        return error.fields
    return {}


def unexpected(
    fields: Sequence[Field],
    envelope: Sequence[str],
    sent: MultiDict[str, str],
    uploads: MultiDict[str, FileStorage],
) -> list[str]:
    """A sentence for every name that this form does not have, or has once and was sent twice."""
    texts = {PREFIX + each.name for each in fields} | {
        DROP + each.name for each in fields if each.kind in ("file", "secret")
    }
    texts |= {KEEP + each.name for each in fields if each.kind == "secret"}
    chosen = {PREFIX + each.name for each in fields if each.kind == "file"}
    unknown = [name for name in sent if name not in texts and name not in envelope]
    unknown += [name for name in uploads if name not in chosen]
    twice = [name for name in envelope if len(sent.getlist(name)) > 1]
    return [f"This form has no field “{name[:80]}”, so nothing was created." for name in unknown] + [
        f"The field “{name}” was sent twice, so nothing was created." for name in twice
    ]
