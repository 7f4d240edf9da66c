"""What is shown of a text that is too long, or that a terminal would have shown otherwise.

A cut keeps the essential part and says how much it left out.
"""

from __future__ import annotations

import re

from app.core.quantities import plural

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
    return f" {MARK} {plural(count, what)} left out {MARK} "


def tail(text: str, most: int) -> tuple[str, int]:
    """Return the end of a text, about ``most`` characters, and how many are left out before it.

    It begins with a line, unless that would leave out much of it: a line may be all that there is.
    """
    begin = len(text) - most
    if begin <= 0:
        return text, 0
    line = text.find("\n", begin - 1, begin + most // 4) + 1
    begin = line if 0 < line < len(text) else begin
    return text[begin:], begin


def without_begun(content: bytes) -> bytes:
    """Return UTF-8 without a character at its end whose rest is missing."""
    for back in range(1, min(4, len(content) + 1)):
        byte = content[-back]
        if byte & 0xC0 != 0x80:
            length = next((size for size, leads in _LEADS.items() if byte in leads), 1)
            return content[:-back] if length > back else content
    return content


def without_rest(content: bytes) -> bytes:
    """Return UTF-8 without the rest of a character whose beginning is missing."""
    all_rest = len(content) if len(content) < 4 else 0  # four in a row are no UTF-8 at all
    return content[next((at for at in range(min(4, len(content))) if content[at] & 0xC0 != 0x80), all_rest) :]


def settled(text: str) -> str:
    """Return an output as a terminal leaves it: lines that were written over as they were last, no colors.

    That is what carriage returns, backspaces and the usual sequences of progress bars do. A place where the
    middle of an output is missing (`hole`) stays, and nothing is written over across it.
    """
    if not _CONTROL.search(text):
        return text
    return "".join(part if at % 2 else _settled(part) for at, part in enumerate(_HOLE.split(text)))


def hole(size_kb: int) -> str:
    """Return the line that stands where the middle of an output is missing."""
    return f"\n{MARK} {size_kb} KB left out {MARK}\n"


_LEADS = {2: range(0xC2, 0xE0), 3: range(0xE0, 0xF0), 4: range(0xF0, 0xF5)}
_HOLE = re.compile(f"(\n{MARK} [0-9]+ KB left out {MARK}\n)")
_CONTROL = re.compile("[\r\b\x1b]")
_IGNORED = re.compile(
    "\x1b\\[[0-9;:]*m"  # colors
    "|\x1b\\][^\x07\x1b\n]*(?:\x07|\x1b\\\\)"  # titles and links
    "|\x1b\\[\\?[0-9;]*[a-zA-Z]"  # modes, such as a hidden cursor
    "|\r+(?=\n)"
)
_TOKEN = re.compile("\x1b\\[([0-9;]*)([@-~])|([^\x1b\r\b\n]+)|(.)", re.DOTALL)
_FURTHEST = 10_000
"""How far one sequence moves at most: a number in an output is nobody's promise."""


def _settled(text: str) -> str:
    text = _IGNORED.sub("", text)
    if "\x1b" in text or "\b" in text:
        return _Screen().shown(text)
    if "\r" not in text:
        return text
    return "\n".join(_overwritten(line.split("\r")) if "\r" in line else line for line in text.split("\n"))


def _overwritten(states: list[str]) -> str:
    """Each state written over those before: of a longer one the end is still seen."""
    shown = states[-1]
    for state in reversed(states[:-1]):
        if len(state) > len(shown):
            shown += state[len(shown) :]
    return shown


class _Screen:
    """Lines and a cursor, as far as progress bars need a terminal."""

    def __init__(self) -> None:
        self._lines: list[list[str]] = [[]]
        self._row = self._column = 0

    def shown(self, text: str) -> str:
        for match in _TOKEN.finditer(text):
            number, command, written, control = match.groups()
            if written is not None:
                self._write(written)
            elif command is not None:
                self._move(command, number)
            elif control == "\n":
                self._down(1, extend=True)
                self._column = 0
            elif control == "\r":
                self._column = 0
            elif control == "\b":
                self._column = max(0, self._column - 1)
        return "\n".join("".join(line) for line in self._lines)

    def _write(self, text: str) -> None:
        line = self._lines[self._row]
        line += " " * (self._column - len(line))
        line[self._column : self._column + len(text)] = text
        self._column += len(text)

    def _down(self, rows: int, *, extend: bool = False) -> None:
        self._row += rows
        if extend and self._row == len(self._lines):
            self._lines.append([])
        self._row = max(0, min(self._row, len(self._lines) - 1))

    def _move(self, command: str, number: str) -> None:
        given = number.partition(";")[0]
        count = min(int(given or 1), _FURTHEST)
        line = self._lines[self._row]
        if command in "AF":
            self._down(-max(1, count))
        elif command in "BE":
            self._down(max(1, count))
        elif command == "C":
            self._column = min(self._column + max(1, count), _FURTHEST)
        elif command == "D":
            self._column = max(0, self._column - max(1, count))
        elif command == "G":
            self._column = max(0, count - 1)
        elif command == "K":
            self._erase(line, given or "0")
        elif command == "J" and (given or "0") == "0":
            del line[self._column :], self._lines[self._row + 1 :]
        if command in "EF":
            self._column = 0

    def _erase(self, line: list[str], which: str) -> None:
        if which == "0":
            del line[self._column :]
        elif which == "1":
            line[: self._column] = " " * min(self._column, len(line))
        elif which == "2":
            line.clear()
