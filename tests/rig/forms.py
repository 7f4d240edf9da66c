"""What a browser would send of a form."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from werkzeug.datastructures import MultiDict


class Sent(HTMLParser):
    """What the form on a page would send as it stands, and where each name's message is."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.values: MultiDict[str, Any] = MultiDict()
        self.errors: dict[str, str] = {}
        self._inside = False
        self._area: str | None = None
        self._select: str | None = None
        self._note: str | None = None
        self._templates = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._templates += tag == "template"
        if self._templates:
            return
        given = dict(attrs)
        name = given.get("name") or ""
        self._inside = self._inside or (
            tag == "form" and not {"data-create", "data-columns"}.isdisjoint(given)
        )
        if (given.get("id") or "").endswith("-error") and "hidden" not in given:
            self._note = str(given["id"]).removesuffix("-error")
        if not self._inside:
            return
        if tag == "input" and (given["type"] not in ("radio", "checkbox", "file") or "checked" in given):
            self.values.add(name, given.get("value") or "")
        elif tag == "textarea":
            self._area = name
            self.values[name] = ""
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and ("selected" in given or self._select not in self.values):
            self.values[self._select] = given.get("value") or ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self.values[self._area] = data.removeprefix("\n")
        if self._note:
            self.errors[self._note] = self.errors.get(self._note, "") + data

    def handle_endtag(self, tag: str) -> None:
        self._templates -= tag == "template"
        self._inside = self._inside and tag != "form"
        self._area = None if tag == "textarea" else self._area
        self._select = None if tag == "select" else self._select
        self._note = None if tag == "p" else self._note
