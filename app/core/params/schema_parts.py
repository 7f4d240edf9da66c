"""Parts of a JSON Schema: what a `$ref` means, what the entries of a list are, whether anything goes."""

from __future__ import annotations

from typing import Any

from dtq.runtime import DEEPEST

Schema = dict[str, Any]
_SAYS_WHAT = {"type", "anyOf", "oneOf", "allOf", "enum", "const", "not", "format"}


def resolved(about: Schema, schema: Schema) -> Schema:
    """Follow a `$ref` into `$defs`; what stands beside it wins. The name of a class is no title.

    A reference that leads nowhere, elsewhere or in a circle says nothing about a value.
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


def without_null(about: Schema, schema: Schema) -> tuple[Schema, bool]:
    """Return X for an optional value, which is `anyOf [X, null]`, and whether null was among them."""
    options = about.get("anyOf", ())
    real = [option for option in options if option.get("type") != "null"]
    if len(real) == 1 and len(real) < len(options):
        outer = {key: value for key, value in about.items() if key != "anyOf"}
        return {**resolved(real[0], schema), **outer}, True
    return about, False


def items_of(about: Schema, schema: Schema) -> Schema:
    """Return what each entry of a list is; nothing for anything but a list."""
    return resolved(about.get("items", {}), schema) if about.get("type") == "array" else {}


def has_choices(about: Schema) -> bool:
    """Return whether a schema names every value."""
    return "enum" in about or "const" in about


def is_anything(about: Schema | bool, schema: Schema, depth: int = 0) -> bool:
    """Return whether anything goes: any value, an object of any values, a list of any values."""
    if isinstance(about, bool) or depth > DEEPEST:
        return bool(about)
    about = resolved(about, schema)
    if about.get("type") == "object" and "properties" not in about:
        return is_anything(about.get("additionalProperties", True), schema, depth + 1)
    if about.get("type") == "array":
        return is_anything(about.get("items", {}), schema, depth + 1)
    return not about.keys() & _SAYS_WHAT
