"""What is shown of a text that is too long, or that a terminal would have shown otherwise.

A cut keeps the essential part and says how much it left out.
"""

from __future__ import annotations

MARK = "…"


def shortened(text: str, most: int) -> str:
    """Return a text of at most ``most`` characters: its beginning, how much is missing, and its end."""
    if len(text) <= most:
        return text
    mark = left_out(len(text))  # The number that stands there is never longer.
    room = most - len(mark)
    if room < 2:
        return text[: max(0, most - 1)] + MARK[:most]
    tail = room // 3
    head = room - tail
    return f"{text[:head]}{left_out(len(text) - head - tail)}{text[len(text) - tail :]}"


def left_out(count: int, what: str = "character") -> str:
    """Return the words for what a cut has left out."""
    return f" {MARK} {count:,} {what}{'' if count == 1 else 's'} left out {MARK} "
