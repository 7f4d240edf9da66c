"""Text as lines, so that they can be numbered; bounded, the whole of it is a download."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MOST_CHARS = 200_000
MOST_LINES = 5_000
NEEDS = "a text"


@dataclass(frozen=True)
class ResultText:
    """``lines`` of the beginning; ``cut`` where there is more; ``chars`` in all."""

    lines: list[str]
    chars: int
    cut: bool


def build(value: Any) -> ResultText | None:
    """None for what is no text."""
    if not isinstance(value, str):
        return None
    lines = value[:MOST_CHARS].replace("\r\n", "\n").split("\n")
    if lines[-1] == "" and len(lines) > 1:
        lines.pop()
    cut = len(value) > MOST_CHARS or len(lines) > MOST_LINES
    return ResultText(lines[:MOST_LINES], len(value), cut)
