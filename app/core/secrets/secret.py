"""Secret parameters: how a secret is known as one on its way, and how it is kept out of sight.

From the moment it is read it is a :class:`Secret`, which shows itself to nobody; before it is stored it is
sealed (`app.core.secrets.vault`) into ``{"sealed": token}``. Both are recognized without the schema of the
type. What a task prints is `app.core.secrets.redaction`'s business.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from hmac import compare_digest
from typing import Any
from urllib.parse import unquote

MASK = "••••"
SEALED = "sealed"
_TOKEN = re.compile(r"[0-9]{1,3}\.[0-9a-f]{8}\.[A-Za-z0-9_=-]+")


class Secret:
    """A text that neither `repr` nor `str` nor JSON nor BSON gives away."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return compare_digest(_bytes(self._text), _bytes(other._text))

    def __hash__(self) -> int:
        return hash((Secret, self._text))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def is_secret(value: Any) -> bool:
    return isinstance(value, Secret)


def is_sealed(value: Any) -> bool:
    """Whether a value is a secret as it is stored. `validate.validate` takes no value that only looks so."""
    return (
        isinstance(value, dict)
        and value.keys() == {SEALED}
        and isinstance(value[SEALED], str)
        and _TOKEN.fullmatch(value[SEALED]) is not None
    )


def replaced(value: Any, wanted: Callable[[Any], bool], other: Callable[[Any], Any]) -> Any:
    """A copy with another value in the place of each that is wanted, however deep it lies."""
    if wanted(value):
        return other(value)
    if isinstance(value, dict):
        return {name: replaced(inner, wanted, other) for name, inner in value.items()}
    if isinstance(value, list):
        return [replaced(inner, wanted, other) for inner in value]
    return value


def forged(value: Any) -> str:
    """Why a value from outside cannot be taken, or nothing: it would be mistaken for a kept secret."""
    if not isinstance(value, dict | list):
        return ""
    plain = revealed(value)
    found = masked(plain) != plain
    return "This looks like a secret as it is kept, and cannot be given." if found else ""


def revealed(value: Any) -> Any:
    """A copy with each secret as plain text, to be looked at and then forgotten."""
    return replaced(value, is_secret, Secret.reveal)


def masked(value: Any) -> Any:
    """A copy that may be shown to anybody: secrets, sealed or not, are `MASK`."""
    return replaced(value, lambda inner: is_secret(inner) or is_sealed(inner), lambda _: MASK)


def secrets_in(value: Any) -> Iterator[str]:
    """The text of every secret in a value."""
    if isinstance(value, Secret):
        yield value.reveal()
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from secrets_in(inner)


def is_secret_schema(about: dict[str, Any]) -> bool:
    """Whether a schema is that of a `SecretStr`."""
    return about.get("format") == "password"


def marked(schema: dict[str, Any], values: Any) -> Any:
    """A copy in which every text that the schema calls a secret is one. An empty text hides nothing."""
    return _marked(schema, values, schema, set())


def _marked(about: Any, value: Any, root: dict[str, Any], followed: set[str]) -> Any:
    """Mark the secrets of a value; ``followed`` are the references that were applied to it before."""
    if not isinstance(about, dict):
        return value
    reference = about.get("$ref")
    if isinstance(reference, str) and reference not in followed:
        followed.add(reference)
        value = _marked(_named(reference, root), value, root, followed)
    for several in ("anyOf", "oneOf", "allOf"):
        for one in about.get(several, ()):
            value = _marked(one, value, root, followed)
    if isinstance(value, str):
        return Secret(value) if value and is_secret_schema(about) else value
    if isinstance(value, dict):
        known, rest = about.get("properties", {}), about.get("additionalProperties")
        return {name: _marked(known.get(name, rest), inner, root, set()) for name, inner in value.items()}
    if isinstance(value, list):
        first = about.get("prefixItems", ())
        schemas = [*first, *[about.get("items")] * (len(value) - len(first))]
        return [_marked(one, inner, root, set()) for one, inner in zip(schemas, value, strict=False)]
    return value


def _named(reference: str, root: dict[str, Any]) -> Any:
    """Return the part of a schema that a reference into itself names; None for any other."""
    if not reference.startswith("#"):
        return None
    part: Any = root
    for step in unquote(reference[1:]).split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(part, list) and key.isdecimal() and int(key) < len(part):
            part = part[int(key)]
        else:
            part = part.get(key) if isinstance(part, dict) else None
    return part
