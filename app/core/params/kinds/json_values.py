"""Values of which the schema says nothing, or only that they are an object or a list: typed as JSON."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from jsonschema.exceptions import ValidationError

from app.core.params.formats import json_text
from app.core.params.kinds.kind import Field, Kind
from app.core.params.schema_parts import Schema, is_anything

_EXPECTED = {
    "object": 'Enter an object, such as {"name": "value"}.',
    "array": "Enter a list in brackets, such as [1, 2].",
}
_HINTS = {
    "object": 'A JSON object, such as `{"name": "value"}`.',
    "array": "A JSON list, such as `[1, 2]`.",
}


class Json(Kind):
    """Any JSON."""

    name = "json"
    noun = "JSON"
    expectation = "Enter JSON."
    is_json = True
    drawn_as = "area"

    def recognizes(self, about: Schema, schema: Schema) -> bool:
        return is_anything(about, schema)

    def parse(self, field: Field, text: str) -> Any:
        return json_text.read(text)

    def format(self, field: Field, value: Any) -> str:
        return json_text.write(value)

    def texts(self, field: Field, value: Any, *, given: bool = False) -> tuple[str, ...]:
        # An empty field is its default, which is not what JSON's null was meant to be.
        if value is None and given and not field.nullable:
            return ("null",)
        return super().texts(field, value, given=given)

    def expected(self, field: Field) -> str:
        return _EXPECTED.get(field.schema.get("type", ""), self.expectation)

    def _problem(self, field: Field, error: ValidationError, inside: list[str | int]) -> str:
        path = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in inside).lstrip(".")
        if not path:
            return super()._problem(field, error, inside)
        schema: Any = error.schema
        return f"At {path[:60]}: " + super()._problem(replace(field, schema=schema), error, inside)

    def hint(self, field: Field) -> str:
        return _HINTS.get(field.schema.get("type", ""), "Any value as JSON.")

    def attributes(self, field: Field, text: str) -> dict[str, Any]:
        return {"data-json": "", "spellcheck": "false"}


JSON = Json()
