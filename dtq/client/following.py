"""Server-sent events, read from bytes as they come, and what is new of a log that is read again and again.

It asks no server.

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


# Where there are no events: the log, read again and again

ANCHOR = 400
"""Characters at the end of what was read, by which the place is found again in a log that lost its middle."""
REST = 50_000
LEFT_OUT = "… part of the log is left out …\n"


class LogTail:
    """Remembers what was read of the log of an attempt."""

    def __init__(self) -> None:
        self.attempt = 0
        self._read = ""

    def attempts(self, latest: int) -> list[int]:
        """Return the attempts whose logs to read now: the one before once more, to its end."""
        return list(dict.fromkeys(attempt for attempt in (self.attempt, latest) if attempt))

    def fresh(self, attempt: int, text: str, complete: bool) -> str:
        """Return what is new; whole lines only, while the attempt may still print. No part comes twice."""
        if attempt != self.attempt:
            self.attempt, self._read = attempt, ""
        whole = text if complete else text[: text.rfind("\n") + 1]
        if whole.startswith(self._read):
            new = whole[len(self._read) :]
        elif len(whole) <= len(self._read) and self._read.startswith(whole):
            return ""
        else:
            new = self._after_gap(whole)
        self._read = whole
        return new

    def _after_gap(self, whole: str) -> str:
        anchor = self._read[-ANCHOR:]
        at = whole.rfind(anchor) if anchor else -1
        if at >= 0:
            return whole[at + len(anchor) :]
        return LEFT_OUT + whole[whole.rfind("\n", 0, -REST) + 1 if len(whole) > REST else 0 :]
