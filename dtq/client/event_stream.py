"""Server-sent events, read from bytes as they come. It asks no server.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from dtq.client.errors import BadAnswer

MEDIA_TYPE = "text/event-stream"
MOST = 16 * 2**20
"""Bytes of one event; ours have some hundred KB at most."""


@dataclass(frozen=True)
class Event:
    """An event with its name, what it says, and the last ID that the server has given."""

    name: str
    data: dict[str, Any]
    id: str


class EventReader:
    """Takes the bytes of one answer, which may break off anywhere; an event that did is none."""

    def __init__(self, last_id: str = "") -> None:
        self.last_id = last_id
        self._rest = b""
        self._name = ""
        self._data: list[str] = []

    def take(self, chunk: bytes) -> list[Event]:
        """Return the events that have become whole. Raises BadAnswer."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > MOST:
            raise BadAnswer("The server's stream of events has an event without end. Check the URL.")
        events = [self._line(line.removesuffix(b"\r").decode("utf-8", "replace")) for line in lines]
        return [event for event in events if event]

    def _line(self, line: str) -> Event | None:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._name = value
        elif field == "id":
            self.last_id = value
        elif not line:
            return self._whole()
        return None

    def _whole(self) -> Event | None:
        name, data = self._name, "\n".join(self._data)
        self._name, self._data = "", []
        if not data:
            return None
        try:
            found = json.loads(data)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise BadAnswer("The server's stream of events is not of this API. Check the URL.")
        return Event(name or "message", found, self.last_id)
