"""A switch, one of several values, and several of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.core.params import phrases
from app.core.params.kinds.kind import Choices, Field, Kind, is_on
from app.core.params.schema_parts import Schema, has_choices, items_of

RADIOS = 4
YES = ("yes", "true", "on", "y", "1")
NO = ("no", "false", "off", "n", "0")


class Boolean(Kind):
    """Yes or no; where neither is an answer, too, one of three choices."""

    name = "bool"
    expectation = "Choose yes or no."
    always_answered = True
    names_limits = False

    def recognizes(self, about: Schema, schema: Schema) -> bool:
        return about.get("type") == "boolean"

    def read(self, field: Field, texts: list[str], rows: Sequence[str] = ()) -> bool | None:
        return None if field.nullable and texts == [""] else is_on(texts)

    def untouched(self, field: Field, texts: Sequence[str]) -> bool:
        return bool(self.read(field, list(texts)) == (False if field.required else field.default))

    def differs(self, field: Field, texts: Sequence[str]) -> bool:
        if field.nullable:
            return super().differs(field, texts)
        return is_on(texts) != is_on(self.texts(field, field.default))

    def from_words(self, field: Field, texts: list[str]) -> list[str]:
        return [self._switch(field, text.strip().lower()) for text in texts]

    def _switch(self, field: Field, text: str) -> str:
        """Return 1 for on and 0 for off; empty is "not set" where that is an answer."""
        if text in YES:
            return "1"
        if text in NO:
            return "0"
        if field.nullable and not text:
            return ""
        raise ValueError(self.expectation)

    def _texts(self, field: Field, value: Any) -> tuple[str, ...]:
        return ("1",) if value else ("0",)

    def widget(self, field: Field) -> str:
        return "group" if field.nullable else "switch"

    def options(self, field: Field) -> Choices:
        return (("", "Not set"), ("1", "Yes"), ("0", "No"))

    def says_optional(self, field: Field) -> bool:
        return False

    def attributes(self, field: Field, text: str) -> dict[str, Any]:
        return {"type": "radio" if field.nullable else "checkbox"}


class Choice(Kind):
    """One of the values that the schema names."""

    name = "choice"
    names_limits = False

    def recognizes(self, about: Schema, schema: Schema) -> bool:
        return has_choices(about)

    def choices(self, source: Schema, labels: dict[str, str]) -> Choices:
        return tuple((str(value), labels.get(str(value), str(value))) for value in values_of(source))

    def parse(self, field: Field, text: str) -> Any:
        """Return the choice with its type."""
        for value in values_of(field.schema):
            if str(value) == text:
                return value
        raise ValueError(phrases.choose([label for _, label in field.choices]))

    def _texts(self, field: Field, value: Any) -> tuple[str, ...]:
        return (str(value),)

    def widget(self, field: Field) -> str:
        return "group" if len(self.options(field)) <= RADIOS else "select"

    def options(self, field: Field) -> Choices:
        return ((("", "None"),) if field.nullable else ()) + field.choices

    def says_optional(self, field: Field) -> bool:
        return False

    def attributes(self, field: Field, text: str) -> dict[str, Any]:
        return {"type": "radio"}


class SeveralChoices(Choice):
    """Any number of the values that the schema names; none is an answer."""

    name = "choices"
    expectation = "Enter a list."
    several = True
    always_answered = True

    def recognizes(self, about: Schema, schema: Schema) -> bool:
        return has_choices(items_of(about, schema))

    def source(self, about: Schema, schema: Schema) -> Schema:
        return items_of(about, schema)

    def read(self, field: Field, texts: list[str], rows: Sequence[str] = ()) -> list[Any] | None:
        return [self.parse(field, text) for text in texts if text] or self.no_entries(field)

    def _texts(self, field: Field, value: Any) -> tuple[str, ...]:
        return tuple(str(item) for item in (value if isinstance(value, list) else [value]))

    def words(self, field: Field) -> str:
        return phrases.entries(field.schema)

    def widget(self, field: Field) -> str:
        return "group"

    def options(self, field: Field) -> Choices:
        return field.choices

    def attributes(self, field: Field, text: str) -> dict[str, Any]:
        return {"type": "checkbox"}


def values_of(schema: Schema) -> Sequence[Any]:
    """Return every value that a schema names."""
    values: Sequence[Any] = schema.get("enum", [schema["const"]] if "const" in schema else [])
    return values


BOOL, CHOICE, CHOICES = Boolean(), Choice(), SeveralChoices()
