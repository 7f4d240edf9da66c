"""The texts that a form holds for a value: what a browser would send back if nobody changed anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.core.params.fields import Field
from app.core.params.parsers import text_of


def texts_of(each: Field, past: Mapping[str, Any]) -> tuple[str, ...]:
    """The texts of a field's value among the ``past`` ones, else of its default."""
    value = past.get(each.name, each.default)
    if each.kind == "secret":
        return ()  # no page holds one
    if each.kind == "model":
        return () if each.nullable and value in (None, False) else ("1",)
    if value is not None:
        return _texts(each, value)
    # An empty field is its default, which is not what JSON's null was meant to be.
    return ("null",) if each.kind == "json" and each.name in past and not each.nullable else ()


def _texts(each: Field, value: Any) -> tuple[str, ...]:
    if each.kind == "bool":
        return ("1",) if value else ("0",)
    if each.kind == "choice":
        return (str(value),)
    if each.kind == "datetime":
        local, _, zone = text_of(each, value).rpartition(" ")
        return (local.replace(" ", "T"), zone) if local else (zone,)
    if each.kind == "rows":
        return tuple(str(number) for number in range(len(value)))
    if each.kind not in ("list", "choices", "files"):
        return (text_of(each, value),)
    many = value if isinstance(value, list) else [value]
    if each.kind in ("choices", "files"):
        return tuple(str(item) for item in many)
    return ("\n".join(text_of(each.of or each, item) for item in many),)


def typed(each: Field, texts: Sequence[str]) -> list[str]:
    """What of it a person would call something; browsers end lines in their own way."""
    if each.kind == "datetime" and not "".join(texts[:1]).strip():
        return []  # whatever the zone beside it says
    return [text.replace("\r\n", "\n").strip() for text in texts if text.strip()]
