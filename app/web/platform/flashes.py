"""What a page says once about what was just done: on the page that the browser is sent to, and nowhere else.

Flask's own messages go to whichever page of the session is opened next, which may be one in another tab, or
one opened much later. Here a message has an address and a short life.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from flask import Flask, request, session

from app.core.clock import utcnow

KEY = "flashes"
LIFE_S = 60
MOST = 5


@dataclass(frozen=True)
class Undo:
    """A button that takes back what was done: where its form is sent, and with what."""

    address: str
    fields: Mapping[str, str] = field(default_factory=dict)


def flash_at(address: str, message: str, category: str, undo: Undo | None = None) -> None:
    """Say it on the next page of this session at an address of ours. ``message`` may be Markup."""
    said = {"at": address, "when": _now(), "category": category, "message": message}
    if undo:
        said["undo"] = [undo.address, dict(undo.fields)]
    kept = [*_young(), said]
    session[KEY] = kept[-MOST:]


def _taken() -> list[tuple[str, Any, Undo | None]]:
    """Return what is to be said on the page that is made now, and forget it."""
    if KEY not in session:
        return []
    here = (request.script_root + request.path, sorted(request.args.items(multi=True)))
    young = _young()
    mine = [each for each in young if _place(each["at"]) == here]
    del session[KEY]
    if rest := [each for each in young if each not in mine]:
        session[KEY] = rest
    return [(each["category"], each["message"], _undo(each)) for each in mine]


def _undo(said: dict[str, Any]) -> Undo | None:
    return Undo(*said["undo"]) if "undo" in said else None


def _young() -> list[dict[str, Any]]:
    return [each for each in session.get(KEY, ()) if 0 <= _now() - each["when"] < LIFE_S]


def _place(address: str) -> tuple[str, list[tuple[str, str]]]:
    parts = urlsplit(address)
    return unquote(parts.path), sorted(parse_qsl(parts.query, keep_blank_values=True))


def _now() -> float:
    return utcnow().timestamp()


def init_app(app: Flask) -> None:
    app.context_processor(lambda: {"flashes": _taken})
