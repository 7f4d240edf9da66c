"""Text in a line or an area, secrets, and the base of what is stored as text but means something else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Generic, TypeVar

from app.core.params.formats import patterns
from app.core.params.kinds.kind import Field, Kind, lengths
from app.core.params.schema_parts import Schema
from app.core.secrets.secret import Secret, is_secret_schema

AREA = "textarea"
Value = TypeVar("Value")


class Text(Kind):
    """A line of text, and what no other kind recognizes."""

    name = "text"
    blank_is_text = True
    in_lists = True

    def recognizes(self, about: Schema, schema: Schema) -> bool:
        return True

    def publishable(self, field: Field) -> bool:
        known = field.schema.get("format") in (None, AREA, patterns.FORMAT)
        return known and field.schema.get("type") == "string"


class TextArea(Text):
    """Text of several lines."""

    name = "textarea"
    in_lists = False
    drawn_as = "area"

    def recognizes(self, about: Schema, schema: Schema) -> bool:
        return about.get("format") == AREA

    def attributes(self, field: Field, text: str) -> dict[str, Any]:
        return lengths(field)


class SecretText(Kind):
    """A text that no page shows again."""

    name = "secret"
    is_secret = True
    drawn_as = "secret"

    def recognizes(self, about: Schema, schema: Schema) -> bool:
        return is_secret_schema(about)

    def read(self, field: Field, texts: list[str], rows: Sequence[str] = ()) -> Any:
        value = super().read(field, texts)
        return Secret(value) if isinstance(value, str) and value else value

    def texts(self, field: Field, value: Any, *, given: bool = False) -> tuple[str, ...]:
        return ()


class StoredText(Kind, Generic[Value]):
    """A kind whose values are stored as text, published as ``json_format``.

    :meth:`understand` is for what a person typed, :meth:`load` for what is stored; both raise ValueError with
    a sentence. :meth:`write` gives a text that :meth:`understand` reads.
    """

    json_format: ClassVar[str]
    in_lists = True

    def recognizes(self, about: Schema, schema: Schema) -> bool:
        return about.get("format") == self.json_format

    def understand(self, text: str) -> Value:
        """Return what a person means."""
        raise NotImplementedError

    def load(self, text: str) -> Value:
        """Return the value of a stored text."""
        return self.understand(text)

    def store(self, value: Value) -> str:
        """Return the text that is stored."""
        return str(value)

    def write(self, value: Value) -> str:
        """Return the text that a person reads."""
        return self.store(value)

    def parse(self, field: Field, text: str) -> str:
        return self.store(self.understand(text.strip()))

    def written(self, value: Any) -> str | None:
        if not isinstance(value, str):
            return None
        try:
            return self.write(self.load(value))
        except ValueError:
            return None


TEXT, TEXT_AREA, SECRET = Text(), TextArea(), SecretText()
