"""A field of a form, and what every kind of field can do.

A kind knows everything about its fields: which JSON Schema makes one, how texts become values and values
texts, what a person is told, and, as plain data that templates read, how a form shows it. What is common
stands here; a module beside this one has the rest for its own kinds. Nothing here renders HTML.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from jsonschema.exceptions import ValidationError

from app.core.params import phrases
from app.core.params.constraints import own
from app.core.params.formats import patterns
from app.core.params.formats.plain_values import shown
from app.core.params.schema_parts import Schema

MAX_TEXT = 100_000
MAX_LENGTH = 2**31 - 1
MISSING = object()
"""What an empty field is where the default is meant."""
OFF = ("", "0", "false")

Choices = tuple[tuple[str, str], ...]
"""(value, label) pairs."""


@dataclass(frozen=True)
class Field:
    """One parameter as a form shows it.

    ``choices`` are (value, label) pairs; a value without a label stands as it is. ``minimum`` and
    ``maximum`` are as they are stored. ``of`` is what each line of a list is, ``children`` are the fields of
    a model. An ``advanced`` field is rarely needed and may be folded away.
    """

    name: str
    title: str
    kind: Kind
    required: bool
    help: str = ""
    default: Any = None
    nullable: bool = False
    choices: Choices = ()
    minimum: float | str | None = None
    maximum: float | str | None = None
    max_length: int | None = None
    min_items: int | None = None
    max_items: int | None = None
    children: tuple[Field, ...] = ()
    accept: tuple[str, ...] = ()
    advanced: bool = False
    of: Field | None = None
    schema: Schema = field(default_factory=dict, repr=False)

    @property
    def needs_entry(self) -> bool:
        """Whether a list must not be empty: by its own limit, else as anything else that is required.

        That no choice is ticked is an answer.
        """
        if not self.kind.has_entries or self.nullable:
            return False
        return self.required if self.min_items is None else self.min_items > 0

    @property
    def bounds(self) -> str:
        """The limits of a number, a date, a duration in words, or nothing."""
        low, high = self._limit(self.minimum), self._limit(self.maximum)
        above, below = self._excludes("Minimum"), self._excludes("Maximum")
        if low and high and not above and not below:
            return f"from {low} to {high}"
        if self.kind.is_time:
            least = f"after {low}" if above else f"from {low} on"
            most = f"before {high}" if below else f"until {high}"
        else:
            least = f"above {low}" if above else f"of {low} or more"
            most = f"below {high}" if below else f"up to {high}"
        return " and ".join(part for part, limit in ((least, low), (most, high)) if limit)

    def _limit(self, limit: float | str | None) -> str:
        return f"{limit:,}" if isinstance(limit, int) else self.kind.written(limit) or shown(limit)

    def _excludes(self, limit: str) -> bool:
        return f"exclusive{limit}" in self.schema or f"formatExclusive{limit}" in self.schema


class Kind:
    """One kind of field. Methods that read raise ValueError with a sentence for the person."""

    name: ClassVar[str]
    noun: ClassVar[str] = ""
    """What a value is called, at the beginning of a sentence; without it, no limits are named."""
    expectation: ClassVar[str] = "Enter text."
    missing: ClassVar[str] = phrases.NEEDED
    item: ClassVar[str] = ""
    """What its entries are called, such as file."""

    several: ClassVar[bool] = False
    has_entries: ClassVar[bool] = False
    is_group: ClassVar[bool] = False
    """Whether it is nothing but its parts: a model, or rows of one."""
    is_secret: ClassVar[bool] = False
    is_time: ClassVar[bool] = False
    is_json: ClassVar[bool] = False
    takes_files: ClassVar[bool] = False
    blank_is_text: ClassVar[bool] = False
    always_answered: ClassVar[bool] = False
    """Whether what is empty is a value, too: a switch that is off, a list without entries."""
    in_lists: ClassVar[bool] = False

    native: ClassVar[str] = "text"
    """The type of its `<input>`."""
    native_form: ClassVar[str] = ""
    """The texts that such an input shows; any other stands in a plain line, so that nothing typed is lost."""
    placeholder: ClassVar[str] = ""
    drawn_as: ClassVar[str] = "line"
    """The macro that draws it: line, area, moment, select, group, switch, file, model, ..."""
    names_limits: ClassVar[bool] = True
    """Whether limits stand beside the field, in words."""
    is_short: ClassVar[bool] = False
    height: ClassVar[int] = 5
    """The least height of its text area, in lines."""

    def __str__(self) -> str:
        return self.name

    @property
    def is_model(self) -> bool:
        """Whether its parts are there once."""
        return self.is_group and not self.several

    @property
    def is_rows(self) -> bool:
        """Whether its parts are there once per row."""
        return self.is_group and self.several

    # From JSON Schema

    def recognizes(self, about: Schema, schema: Schema) -> bool:
        """Return whether a part of a ``schema`` is of this kind; those before it in the registry are not."""
        raise NotImplementedError

    def source(self, about: Schema, schema: Schema) -> Schema:
        """Return what the limits of a field are read from."""
        return about

    def entry(self, about: Schema, schema: Schema) -> Schema | None:
        """Return what each line of the field is, where it has lines."""
        return None

    def model(self, about: Schema, schema: Schema) -> Schema | None:
        """Return the model whose fields are parts of this one."""
        return None

    def choices(self, source: Schema, labels: dict[str, str]) -> Choices:
        """Return the values to choose from."""
        return ()

    def accept(self, about: Schema, schema: Schema) -> Sequence[str]:
        """Return the kinds of files that the field takes."""
        return about.get("accept") or ()

    def publishable(self, field: Field) -> bool:
        """Return whether a parameter of a task type may be such a field."""
        return True

    # From text to value

    def parse(self, field: Field, text: str) -> Any:
        """Return the value that one text means, which is not empty."""
        if len(text) > MAX_TEXT:
            raise ValueError(f"Use {MAX_TEXT:,} characters or fewer.")
        if "\x00" in text:
            raise ValueError("A NUL character cannot be kept.")
        return text

    def read(self, field: Field, texts: list[str], rows: Sequence[str] = ()) -> Any:
        """Return the value of everything that was sent for a field, or `MISSING`; ``rows`` are its rows."""
        if len(texts) > 1:
            raise ValueError("Enter one value; several were sent.")
        text = texts[0].replace("\r\n", "\n") if texts else ""
        if not text.strip() and (not self.blank_is_text or field.required or field.nullable):
            return self._empty(field)
        return self.parse(field, text)

    def _empty(self, field: Field) -> Any:
        if field.required:
            raise ValueError(self.missing)
        if field.nullable:
            return None
        if self.noun and field.default is not None:
            raise ValueError(self._enter(field))
        return MISSING

    def _enter(self, field: Field) -> str:
        """Return the sentence for an empty field: `Enter a number from 1 to 5.`"""
        noun = self.noun if self.noun.isupper() else self.noun[0].lower() + self.noun[1:]
        return f"Enter {noun}{within(field)}."

    def no_entries(self, field: Field) -> list[Any] | None:
        """Return None for no choice, line or file where the schema has it, which often means "all"."""
        if field.nullable:
            return None
        if field.needs_entry:
            raise ValueError(self.missing)
        return []

    def typed(self, texts: Sequence[str]) -> list[str]:
        """Return what of the texts a person would call something; browsers end lines in their own way."""
        return [text.replace("\r\n", "\n").strip() for text in texts if text.strip()]

    def untouched(self, field: Field, texts: Sequence[str]) -> bool:
        """Return whether a field is as a new form has it; a required one is empty there."""
        if not self.typed(texts):
            return field.required or field.default in (None, "", [], {})
        try:
            return bool(self.read(field, list(texts)) == field.default)
        except ValueError:
            return False

    def from_words(self, field: Field, texts: list[str]) -> list[str]:
        """Return words of a command line as a browser would have sent them."""
        return texts

    # From value to text

    def written(self, value: Any) -> str | None:
        """Return a stored value as a person writes it; None where it is shown as it is."""
        return None

    def format(self, field: Field, value: Any) -> str:
        """Return a value as :meth:`parse` takes it."""
        text = self.written(value)
        return shown(value) if text is None else text

    def texts(self, field: Field, value: Any, *, given: bool = False) -> tuple[str, ...]:
        """Return what a form would send for a value; ``given`` says that None is one, and no default."""
        return () if value is None else self._texts(field, value)

    def _texts(self, field: Field, value: Any) -> tuple[str, ...]:
        return (self.format(field, value),)

    def differs(self, field: Field, texts: Sequence[str]) -> bool:
        """Return whether texts say something else than the default of their field."""
        return self.typed(texts) != self.typed(self.texts(field, field.default))

    def instant(self, value: Any) -> datetime | None:
        """Return the moment that a stored value is."""
        return None

    def link(self, value: Any) -> str:
        """Return the address that a stored value is, if a page may link to it."""
        return ""

    # What a person is told

    def expected(self, field: Field) -> str:
        """Return the sentence for a value of another kind."""
        return self.expectation

    def problem(self, field: Field, error: ValidationError, depth: int = 1) -> str:
        """Return what is wrong with a field, the path to which has ``depth`` steps."""
        if error.validator == "anyOf" and error.context:
            error = next((one for one in error.context if one.validator != "type"), error.context[0])
        return self._problem(field, error, list(error.absolute_path)[depth:])

    def _problem(self, field: Field, error: ValidationError, inside: list[str | int]) -> str:
        """Return the sentence for what is wrong ``inside`` of a value."""
        if own(error):
            return error.message
        labels = [label for _, label in field.choices]
        return phrases.broken(error, field.help, labels, self.item) or self.expected(field)

    def words(self, field: Field) -> str:
        """Return the limits of a field in sentences, or nothing."""
        if not self.names_limits:
            return ""
        schema = field.schema
        return sentences(
            f"{self.noun} {field.bounds}." if field.bounds and self.noun else "",
            phrases.steps(schema),
            phrases.digits(schema),
            phrases.length(schema, required=field.required),
            phrases.form(schema, field.help),
            phrases.entries(schema),
        )

    def hint(self, field: Field) -> str:
        """Return what else has to be known to fill a field in."""
        return ""

    # How a form shows it

    def widget(self, field: Field) -> str:
        """Return which macro draws a field."""
        return self.drawn_as

    def options(self, field: Field) -> Choices:
        """Return what a group or a select offers, with an option for "none" where that is an answer."""
        return field.choices

    def says_optional(self, field: Field) -> bool:
        """Return whether nothing is an answer; a number with a default always has another."""
        return field.nullable if self.noun and field.default is not None else not field.required

    def attributes(self, field: Field, text: str) -> dict[str, Any]:
        """Return what the tag of an input or a text area has besides its name and value."""
        shows = not text or not self.native_form or re.fullmatch(self.native_form, text, re.IGNORECASE)
        native = self.native if shows else "text"
        said = {"type": native} | lengths(field) | _pattern(field) | self._limits(field, text, native)
        return said | ({"placeholder": self.placeholder} if self.placeholder else {})

    def _limits(self, field: Field, text: str, native: str) -> dict[str, Any]:
        """Return the attributes of limits that an input of the type ``native`` has."""
        return {}


def within(field: Field) -> str:
    """Return the bounds as a part of a sentence."""
    return f" {field.bounds}" if field.bounds else ""


def sentences(*parts: str) -> str:
    """Return sentences as one text, without empty ones."""
    return " ".join(part for part in parts if part)


def is_on(texts: Sequence[str]) -> bool:
    """Return whether a switch is on."""
    return bool(texts) and texts[-1] not in OFF


def lengths(field: Field) -> dict[str, Any]:
    """Return the limits of a text as attributes."""
    found = {"minlength": field.schema.get("minLength"), "maxlength": field.schema.get("maxLength")}
    return {name: limit for name, limit in found.items() if limit and limit <= MAX_LENGTH}


def least_and_most(field: Field) -> dict[str, str]:
    """Return the bounds of a value as attributes."""
    limits = {"min": shown(field.minimum), "max": shown(field.maximum)}
    return {name: limit for name, limit in limits.items() if limit}


def _pattern(field: Field) -> dict[str, str]:
    pattern = patterns.for_browser(field.schema.get("pattern", ""))
    return {"pattern": pattern} if pattern else {}
