"""The fields of a form: what the JSON Schema of a task type asks a person for.

:func:`describe` turns the schema into fields; what was sent for them is read and judged in `validate`.
Nothing here renders HTML.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.core.params.formats.plain_values import shown
from app.core.params.formats.text_formats import FORMATS, WRITTEN, rewritten
from app.core.secrets.secret import is_secret_schema
from dtq._types.signature import DEEPEST


@dataclass(frozen=True)
class Field:
    """One parameter as a form shows it.

    ``kind`` is text, textarea, int, float, decimal, bool, date, time, datetime, duration, email, url,
    json, choice, choices (several of them), list (one per line, each as ``of`` says), file, files, secret,
    model (fields of its own: ``children``) or rows (any number of a model). ``choices`` are (value,
    label) pairs; a value without a label stands as it is. ``minimum`` and ``maximum`` are as they are
    kept. An ``advanced`` one is rarely needed and may be folded away.
    """

    name: str
    title: str
    kind: str
    required: bool
    help: str = ""
    default: Any = None
    nullable: bool = False
    choices: tuple[tuple[str, str], ...] = ()
    minimum: float | str | None = None
    maximum: float | str | None = None
    max_length: int | None = None
    min_items: int | None = None
    max_items: int | None = None
    children: tuple[Field, ...] = ()
    accept: tuple[str, ...] = ()
    advanced: bool = False
    of: Field | None = None
    schema: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def needs_entry(self) -> bool:
        """Whether a list must not be empty: by its own limit, else as anything else that is required.

        That no choice is ticked is an answer.
        """
        if self.kind not in ("list", "files", "rows") or self.nullable:
            return False
        return self.required if self.min_items is None else self.min_items > 0

    @property
    def bounds(self) -> str:
        """The limits of a number, a date, a duration in words, or nothing."""
        low, high = self._limit(self.minimum), self._limit(self.maximum)
        above, below = self._excludes("Minimum"), self._excludes("Maximum")
        if low and high and not above and not below:
            return f"from {low} to {high}"
        if self.kind in WRITTEN and WRITTEN[self.kind].later:
            least = f"after {low}" if above else f"from {low} on"
            most = f"before {high}" if below else f"until {high}"
        else:
            least = f"above {low}" if above else f"of {low} or more"
            most = f"below {high}" if below else f"up to {high}"
        return " and ".join(part for part, limit in ((least, low), (most, high)) if limit)

    def _limit(self, limit: float | str | None) -> str:
        return f"{limit:,}" if isinstance(limit, int) else rewritten(self.kind, limit) or shown(limit)

    def _excludes(self, limit: str) -> bool:
        return f"exclusive{limit}" in self.schema or f"formatExclusive{limit}" in self.schema


def describe(schema: dict[str, Any]) -> list[Field]:
    """The fields of a form, in the order of the schema's properties.

    A model within more than `DEEPEST` others has no children here; `workers.types.form_rules` refuses it.
    """
    return _fields(schema, schema, 0)


def _fields(part: dict[str, Any], schema: dict[str, Any], depth: int) -> list[Field]:
    """The fields of the schema, or of the model that is ``part`` of it and stands in ``depth`` others."""
    required = set(part.get("required", ()))
    return [
        _field(name, _resolve(about, schema), name in required, schema, depth)
        for name, about in part.get("properties", {}).items()
    ]


def _resolve(about: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Follow a `$ref` into `$defs`; what stands beside it wins. The name of a class is no title.

    One that leads nowhere, elsewhere or in a circle says nothing about a value.
    """
    followed: set[str] = set()
    while "$ref" in about:
        name = str(about["$ref"])
        target = schema.get("$defs", {}).get(name.removeprefix("#/$defs/"))
        if not isinstance(target, dict) or name in followed:
            target = {}
        followed.add(name)
        named = {key: value for key, value in target.items() if key not in ("title", "description")}
        about = {**named, **{key: value for key, value in about.items() if key != "$ref"}}
    return about


def _without_null(about: dict[str, Any], schema: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """An optional value is `anyOf [X, null]`: X, and whether null was among them."""
    kinds = about.get("anyOf", ())
    real = [kind for kind in kinds if kind.get("type") != "null"]
    if len(real) == 1 and len(real) < len(kinds):
        outer = {key: value for key, value in about.items() if key != "anyOf"}
        return {**_resolve(real[0], schema), **outer}, True
    return about, False


def _kind(about: dict[str, Any], schema: dict[str, Any]) -> str:
    if about.get("format") == "file-id":
        return "file"
    if is_secret_schema(about):
        return "secret"
    if "properties" in about:
        return "model"
    if "enum" in about or "const" in about:
        return "choice"
    if _is_json(about, schema):
        return "json"
    if about.get("type") == "array":
        items = _items(about, schema)
        if "properties" in items or items.get("format") == "file-id":
            return "rows" if "properties" in items else "files"
        return "choices" if "enum" in items or "const" in items else "list"
    simple = {"string": "text", "integer": "int", "number": "float", "boolean": "bool"}
    kind = simple.get(about.get("type", ""), "text")
    if kind != "text":
        return kind
    return "textarea" if about.get("format") == "textarea" else FORMATS.get(about.get("format", ""), kind)


def _is_json(about: dict[str, Any] | bool, schema: dict[str, Any], depth: int = 0) -> bool:
    """Whether anything goes: any value, an object of any values, a list of any values."""
    if isinstance(about, bool) or depth > DEEPEST:
        return bool(about)
    about = _resolve(about, schema)
    if about.get("type") == "object" and "properties" not in about:
        return _is_json(about.get("additionalProperties", True), schema, depth + 1)
    if about.get("type") == "array":
        return _is_json(about.get("items", {}), schema, depth + 1)
    return not about.keys() & _SAYS_WHAT


_SAYS_WHAT = {"type", "anyOf", "oneOf", "allOf", "enum", "const", "not", "format"}


def _items(about: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """What each part of a list is."""
    return _resolve(about.get("items", {}), schema)


def _children(kind: str, about: dict[str, Any], schema: dict[str, Any], depth: int) -> tuple[Field, ...]:
    if kind not in ("model", "rows") or depth >= DEEPEST:
        return ()
    return tuple(_fields(about if kind == "model" else _items(about, schema), schema, depth + 1))


def _choices(about: dict[str, Any], labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    values = about.get("enum", [about["const"]] if "const" in about else [])
    return tuple((str(value), labels.get(str(value), str(value))) for value in values)


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize() if name.islower() else name


def _field(name: str, about: dict[str, Any], required: bool, schema: dict[str, Any], depth: int) -> Field:
    about, nullable = _without_null(about, schema)
    kind = _kind(about, schema)
    of = _field(name, _items(about, schema), True, schema, depth) if kind == "list" else None
    source = _items(about, schema) if kind == "choices" else about
    return Field(
        name=name,
        title=about.get("title") or _title(name),
        kind=kind,
        required=required,
        help=about.get("description", ""),
        default=about.get("default"),
        nullable=nullable,
        choices=_choices(source, about.get("labels", {})) if kind in ("choice", "choices") else (),
        minimum=_first(about, "minimum", "exclusiveMinimum", "formatMinimum", "formatExclusiveMinimum"),
        maximum=_first(about, "maximum", "exclusiveMaximum", "formatMaximum", "formatExclusiveMaximum"),
        max_length=about.get("maxLength"),
        min_items=about.get("minItems"),
        max_items=about.get("maxItems"),
        children=_children(kind, about, schema, depth),
        accept=tuple(
            about.get("accept") or (_items(about, schema).get("accept", ()) if kind == "files" else ())
        ),
        advanced=bool(about.get("advanced")) and not required,
        of=of,
        schema=source,
    )


def _first(about: dict[str, Any], *keys: str) -> Any:
    return next((about[key] for key in keys if key in about), None)
