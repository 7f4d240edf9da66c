"""Addresses of pages, which every page has a hundred of: made once, and remembered."""

from __future__ import annotations

from typing import Any

from bson import ObjectId
from flask import Flask, has_request_context, request

MOST_REMEMBERED = 4_096
LONGEST_REMEMBERED = 300
REMEMBERED = (str, int, ObjectId, type(None))
"""Types of values that are equal only where their texts in an address are. A flag is none: True equals 1."""


class AddressedFlask(Flask):
    """Flask that remembers the paths it made.

    A path depends on the endpoint, its values and the prefix below which the request came in. These are its
    key, so it never becomes old. An address with a scheme and a host is made anew.
    """

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self._paths: dict[Any, str] = {}

    def url_for(
        self,
        /,
        endpoint: str,
        *,
        _anchor: str | None = None,
        _method: str | None = None,
        _scheme: str | None = None,
        _external: bool | None = None,
        **values: Any,
    ) -> str:
        """As Flask's own."""
        more: dict[str, Any] = {
            "_anchor": _anchor,
            "_method": _method,
            "_scheme": _scheme,
            "_external": _external,
        }
        if any(more.values()) or not has_request_context() or not _are_remembered(values):
            return super().url_for(endpoint, **more, **values)
        relative_to = request.blueprint if endpoint.startswith(".") else None
        key = (endpoint, relative_to, request.environ.get("SCRIPT_NAME"), tuple(values.items()))
        known = self._paths.get(key)
        if known is None:
            known = super().url_for(endpoint, **values)
            self._remember(key, known)
        return known

    def _remember(self, key: Any, path: str) -> None:
        if len(path) > LONGEST_REMEMBERED:
            return
        if len(self._paths) >= MOST_REMEMBERED:
            self._paths.clear()
        self._paths[key] = path


def _are_remembered(values: dict[str, Any]) -> bool:
    return all(type(value) in REMEMBERED for value in values.values())
