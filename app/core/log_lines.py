"""How log lines are written, by workers and the web server: text for people, JSON for machines (LOG_FORMAT).

A line of JSON has `time`, `level`, `logger`, `message`; where they are known, `worker`, `task` and `attempt`;
`traceback` as one field; and what a call gives as ``extra``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from pythonjsonlogger.json import JsonFormatter

TEXT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"

_attempt: ContextVar[dict[str, Any] | None] = ContextVar("attempt of log lines", default=None)
"""Of this thread: another one, such as maintenance, may log about other tasks meanwhile."""


class JsonLines(JsonFormatter):
    """One JSON object per line, so that nothing that is logged can forge a line."""

    def __init__(self, worker: str = "") -> None:
        super().__init__(
            ["levelname", "name", "message"],
            rename_fields={"levelname": "level", "name": "logger", "exc_info": "traceback"},
            static_fields={"worker": worker} if worker else None,
            timestamp="time",
        )

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        return {**log_data, "level": log_data["level"].lower(), **(_attempt.get() or {})}


def formatter(log_format: str, worker: str = "") -> logging.Formatter:
    return JsonLines(worker) if log_format == "json" else logging.Formatter(TEXT)


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
