"""The parameters of a task as a form shows them.

What lives here: the texts that the form shows, at first and again. Parameters that have parts are one flat
list with their parts, by path (`app.core.params.paths`). What comes back is read by `submission`. The
envelope (priority, title, ...) lives in `envelope`; kinds and bounds come from `app.core.params.fields`,
messages from `app.core.params.validate`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.core.access.files import FileAccess
from app.core.files.store import StoredFile
from app.core.params.fields import Field
from app.core.params.kinds.kind import is_on, sentences
from app.core.params.paths import flattened, laid_out
from app.web.create import repeatable as rows
from app.web.create import uploads
from app.web.create.secret_fields import NOTHING, Kept
from app.web.create.uploads import PREFIX, Texts


@dataclass(frozen=True)
class Input:
    """One parameter, or a part of one, as the page shows it.

    ``texts`` is what a browser would send for it, never a secret: the ids of files, the numbers of rows, 1
    for a model that is given. ``files`` are those of them that are known.
    """

    field: Field
    texts: tuple[str, ...] = ()
    error: str = ""
    files: tuple[StoredFile, ...] = ()
    kept: Kept = NOTHING

    @property
    def file(self) -> StoredFile | None:
        return self.files[0] if self.files else None

    @property
    def upload_name(self) -> str:
        """What its files are sent to: the parameter, whichever row it stands in."""
        return rows.without_numbers(self.field.name)

    @property
    def needed(self) -> bool:
        """Whether a browser may insist on it: in a row, or in a model, it may be that nothing is wanted."""
        must = self.field.needs_entry if self.field.kind.has_entries else self.field.required
        return must and self.field.required and "." not in self.field.name

    @property
    def full(self) -> bool:
        """Whether no row can be added."""
        return len(self.texts) >= rows.most(self.field)

    @property
    def most(self) -> int:
        """How many rows, or files, there can be."""
        return rows.most(self.field)

    @property
    def token(self) -> str:
        """What stands for the number of a new row."""
        return rows.token(self.field.name)

    @property
    def name(self) -> str:
        return PREFIX + self.field.name

    @property
    def text(self) -> str:
        return self.texts[0] if self.texts else ""

    @property
    def on(self) -> bool:
        """Whether a switch is on."""
        return is_on(self.texts)

    @property
    def widget(self) -> str:
        """Which macro draws it."""
        return self.field.kind.widget(self.field)

    @property
    def zone(self) -> str:
        """The zone beside a date and time: UTC where nothing says otherwise."""
        return self.texts[1] if len(self.texts) > 1 else "UTC"

    @property
    def options(self) -> tuple[tuple[str, str], ...]:
        """(value, label) pairs, with one for "none" where that is an answer."""
        return self.field.kind.options(self.field)

    @property
    def help(self) -> str:
        """The help of the type, and what else has to be known to fill the field in."""
        field = self.field
        return sentences(self.kept.note, field.help, field.kind.words(field), field.kind.hint(field))

    @property
    def attributes(self) -> dict[str, Any]:
        """What the HTML of an input or a text area says besides its name and value."""
        return self.field.kind.attributes(self.field, self.text)

    @property
    def stands_out(self) -> bool:
        """Whether it is wrong or differs from its default, so that it must not be folded away."""
        return bool(self.error or self.kept.token) or self.field.kind.differs(self.field, self.texts)

    @property
    def rows(self) -> int:
        """The height of a text area, by what is in it."""
        return max(self.field.kind.height, min(20, self.text.count("\n") + 2))

    @property
    def described_by(self) -> str:
        """The ids of the help and the error, for `aria-describedby`."""
        return f"{self.name}-help {self.name}-error" if self.help else f"{self.name}-error"

    @property
    def says_optional(self) -> bool:
        """Where nothing is an answer; a switch, and a choice or a number with a default, always have one."""
        return self.field.kind.says_optional(self.field)


@dataclass(frozen=True)
class Page:
    """What the macros of a form ask for besides their input: every input by its path, and where files go."""

    type_name: str
    placed: Mapping[str, Input]
    upload_max: int
    look_at: str = ""

    @property
    def rows(self) -> bool:
        """Whether there are buttons for rows."""
        return any(each.field.kind.is_rows for each in self.placed.values())

    def stands_out(self, folded: Sequence[Input]) -> bool:
        """Whether one of these, or a part of one, must not be folded away."""
        names = tuple(f"{each.field.name}." for each in folded)
        parts = [each for path, each in self.placed.items() if path.startswith(names) and "~" not in path]
        return any(each.stands_out for each in (*folded, *parts))


# What a form shows before anything was sent


def initial(
    fields: Sequence[Field],
    past: Mapping[str, Any],
    files: FileAccess,
    secrets: Mapping[str, Kept] | None = None,
) -> tuple[Input, ...]:
    """The inputs with the values of a past task where it has them, else with the defaults.

    ``secrets`` are those of the past task. Files that the person may not use, or that are gone, are said
    beside their field.
    """
    values = flattened(fields, past, least=rows.least)
    laid = laid_out(fields, lambda path: values.get(path, ()))
    texts = {each.name: list(texts_of(each, values)) for each in laid}
    known = uploads.usable(laid, texts, files)
    return shown_with(laid, texts, uploads.drop_gone(laid, texts, known), known, secrets or {})


def shown_with(
    laid: Iterable[Field],
    texts: Texts,
    problems: Mapping[str, str],
    known: Mapping[str, StoredFile],
    secrets: Mapping[str, Kept],
) -> tuple[Input, ...]:
    """The inputs of what was typed, with what is wrong beside each, and the secrets that are kept."""
    return tuple(
        Input(
            each,
            tuple(texts.get(each.name, ())),
            problems.get(each.name, ""),
            tuple(known[one] for one in texts.get(each.name, ()) if each.kind.takes_files and one in known),
            secrets.get(each.name, NOTHING),
        )
        for each in laid
    )


def placed(fields: Sequence[Field], inputs: Sequence[Input]) -> dict[str, Input]:
    """Every input by its path, and those of a row that is not there yet wherever the script can add one."""
    there = {each.field.name: each.texts for each in inputs if each.field.kind.is_rows}
    laid = laid_out(fields, lambda path: (*there.get(path, ()), rows.token(path)))
    new = [each for each in laid if "~" in each.name]
    blank = [Input(each, () if each.kind.is_rows else texts_of(each, {})) for each in new]
    return {each.field.name: each for each in (*inputs, *blank)}


def blank_row(each: Field, within: str) -> Texts:
    """What a new row of ``each`` holds; ``within`` is the path of the row, with a dot at its end."""
    values = flattened(each.children, {}, within, rows.least)
    laid = laid_out(each.children, lambda path: values.get(path, ()), within)
    return {part.name: list(texts_of(part, values)) for part in laid}


def texts_of(each: Field, past: Mapping[str, Any]) -> tuple[str, ...]:
    """The texts of a field's value among the ``past`` ones, else of its default."""
    return each.kind.texts(each, past.get(each.name, each.default), given=each.name in past)
