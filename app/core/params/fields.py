"""The fields of a form: what the JSON Schema of a task type asks a person for.

:func:`describe` turns the schema into fields, each of a kind that `kinds` has; what was sent for them is read
and judged in `validate`.
"""

from __future__ import annotations

from typing import Any

from app.core.params.kinds import recognize
from app.core.params.kinds.kind import Field
from app.core.params.schema_parts import Schema, resolved, without_null
from dtq.runtime import DEEPEST

__all__ = ["DEEPEST", "Field", "describe"]


def describe(schema: Schema) -> list[Field]:
    """The fields of a form, in the order of the schema's properties.

    A model within more than `DEEPEST` others has no children here; `workers.types.form_rules` refuses it.
    """
    return _fields(schema, schema, 0)


def _fields(part: Schema, schema: Schema, depth: int) -> list[Field]:
    """The fields of the schema, or of the model that is ``part`` of it and stands in ``depth`` others."""
    required = set(part.get("required", ()))
    return [
        _field(name, resolved(about, schema), name in required, schema, depth)
        for name, about in part.get("properties", {}).items()
    ]


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize() if name.islower() else name


def _field(name: str, about: Schema, required: bool, schema: Schema, depth: int) -> Field:
    about, nullable = without_null(about, schema)
    kind = recognize(about, schema)
    entry, model = kind.entry(about, schema), kind.model(about, schema)
    source = kind.source(about, schema)
    return Field(
        name=name,
        title=about.get("title") or _title(name),
        kind=kind,
        required=required,
        help=about.get("description", ""),
        default=about.get("default"),
        nullable=nullable,
        choices=kind.choices(source, about.get("labels", {})),
        minimum=_first(about, "minimum", "exclusiveMinimum", "formatMinimum", "formatExclusiveMinimum"),
        maximum=_first(about, "maximum", "exclusiveMaximum", "formatMaximum", "formatExclusiveMaximum"),
        max_length=about.get("maxLength"),
        min_items=about.get("minItems"),
        max_items=about.get("maxItems"),
        children=tuple(_fields(model, schema, depth + 1)) if model and depth < DEEPEST else (),
        accept=tuple(kind.accept(about, schema)),
        advanced=bool(about.get("advanced")) and not required,
        of=None if entry is None else _field(name, entry, True, schema, depth),
        schema=source,
    )


def _first(about: Schema, *keys: str) -> Any:
    return next((about[key] for key in keys if key in about), None)
