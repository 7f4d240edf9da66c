"""How log lines are written, by workers and the web server: text for people, JSON for machines (LOG_FORMAT).

A line of JSON has `time`, `level`, `logger`, `message`; where they are known, `worker`, `task` and `attempt`,
or `request_id`; `traceback` as one field; and what a call gives as ``extra``. Nothing that is logged can
forge a line: in text, signs that end a line or move a cursor are escaped, and tracebacks are indented.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from pythonjsonlogger.json import JsonFormatter

TEXT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
INDENT = "    "

_attempt: ContextVar[dict[str, Any] | None] = ContextVar("attempt of log lines", default=None)
"""Of this thread: another one, such as maintenance, may log about other tasks meanwhile."""
_request: ContextVar[str] = ContextVar("request of log lines", default="")


class JsonLines(JsonFormatter):
    """One JSON object per line."""

    def __init__(self, worker: str = "") -> None:
        super().__init__(
            ["levelname", "name", "message"],
            rename_fields={"levelname": "level", "name": "logger", "exc_info": "traceback"},
            static_fields={"worker": worker} if worker else None,
            timestamp="time",
        )

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        request = {"request_id": found} if (found := _request.get()) else {}
        return {**log_data, "level": log_data["level"].lower(), **request, **(_attempt.get() or {})}


class TextLines(logging.Formatter):
    """One line per record, and a traceback below it that is indented."""

    def __init__(self) -> None:
        super().__init__(TEXT)

    def format(self, record: logging.LogRecord) -> str:
        record.exc_text = None  # Another handler may have written it, not indented.
        return super().format(record)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        line = printable(super().formatMessage(record))
        return f"{line} [request {found}]" if (found := _request.get()) else line

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        return _indented(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802 - logging's name
        return _indented(stack_info)


def printable(text: str) -> str:
    """Return a text on one line, with every sign escaped that a terminal would not print."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text
    )


def _indented(text: str) -> str:
    return "\n".join(INDENT + printable(line) for line in text.split("\n"))


def formatter(log_format: str, worker: str = "") -> logging.Formatter:
    return JsonLines(worker) if log_format == "json" else TextLines()


def start_up_line(text: str, env: Mapping[str, str], level: int = logging.CRITICAL) -> str:
    """Return what a program says before its log is set up, as LOG_FORMAT of an environment says.

    In text it is as it is. The settings may be what is wrong, so they are not asked.
    """
    if env.get("LOG_FORMAT", "").strip().lower() != "json":
        return text
    return JsonLines().format(logging.LogRecord("start-up", level, "", 0, text, None, None))


def set_request(request_id: str) -> None:
    """Say which request the lines of this thread are about from now on; empty for none."""
    _request.set(request_id)


def request_id() -> str:
    """Return the ID of the request that this thread answers; empty where there is none."""
    return _request.get()


def set_attempt(task_id: object = None, attempt: int | None = None) -> None:
    """Say which attempt the lines of this thread are about from now on; nothing for none."""
    _attempt.set({"task": str(task_id), "attempt": attempt} if task_id else None)


@contextmanager
def about_attempt(task_id: object, attempt: int) -> Iterator[None]:
    """The lines of this thread are about an attempt."""
    set_attempt(task_id, attempt)
    try:
        yield
    finally:
        set_attempt()
