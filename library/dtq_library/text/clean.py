"""One line at a time: what a person cannot see, did not type, or did not mean.

Every step counts the lines that it changed. Steps come in a fixed order, so the counts mean one thing.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

from dtq_library.text.source import split_end

Unicode = Literal["NFC", "NFKC", "keep"]
LineEnds = Literal["lf", "crlf", "keep"]
Spaces = Literal["collapse", "plain", "keep"]
Quotes = Literal["straight", "keep"]
Tabs = Literal["keep", "2", "4", "8"]
BlankLines = Literal["keep", "one", "none"]

ENDS = {"lf": "\n", "crlf": "\r\n"}
_KEPT = "\t\u200c\u200d"  # Joiners: letters of some scripts and most emoji of several parts need them.
_ODD_SPACES = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_RUN = re.compile(r"(?<=\S) {2,}(?=\S)")
_QUOTES = str.maketrans({**dict.fromkeys("“”„‟", '"'), **dict.fromkeys("‘’‚‛", "'")})
_DISCARDED = "\u00ad\u180e\u200b\u2060\ufeff"
_BREAKS = str.maketrans(dict.fromkeys("\x0b\x0c\x85\u2028\u2029", " "))


@dataclass(frozen=True)
class CleanOptions:
    """What is done, in the order of the fields."""

    invisible: bool = True
    unicode: Unicode = "NFC"
    spaces: Spaces = "collapse"
    quotes: Quotes = "keep"
    tabs: Tabs = "keep"
    trailing: bool = True
    blank_lines: BlankLines = "keep"
    line_ends: LineEnds = "lf"


class Cleaner:
    """``counts`` are lines that each step changed, and lines and characters in and out."""

    def __init__(self, options: CleanOptions) -> None:
        self._options = options
        self._steps = _steps(options)
        self._end = ENDS.get(options.line_ends, "")
        self.counts: Counter[str] = Counter()

    def clean(self, lines: Iterable[str]) -> Iterator[str]:
        """The lines that stay, each with an end."""
        waiting = 0
        for body, end in map(self._line, lines):
            if self._options.blank_lines == "keep" or body.strip():
                if waiting and self.counts["lines_out"]:
                    yield self._out("", end)
                    waiting -= 1
                self.counts["blank_lines"] += waiting
                waiting = 0
                yield self._out(body, end)
            elif self._options.blank_lines == "one":
                waiting += 1
            else:
                self.counts["blank_lines"] += 1
        self.counts["blank_lines"] += waiting

    def _line(self, line: str) -> tuple[str, str]:
        body, end = split_end(line)
        self.counts["lines_in"] += 1
        self.counts["characters_in"] += len(body)
        for name, step in self._steps:
            changed = step(body)
            self.counts[name] += changed != body
            body = changed
        own = self._end or end or "\n"
        self.counts["line_ends"] += own != end
        return body, own

    def _out(self, body: str, end: str) -> str:
        self.counts["lines_out"] += 1
        self.counts["characters_out"] += len(body)
        return body + end


def _steps(options: CleanOptions) -> list[tuple[str, Callable[[str], str]]]:
    steps: list[tuple[str, bool, Callable[[str], str]]] = [
        ("invisible", options.invisible, without_invisible),
        ("unicode", options.unicode != "keep", _normal(options.unicode)),
        ("spaces", options.spaces == "plain", plain_spaces),
        ("spaces", options.spaces == "collapse", lambda text: _RUN.sub(" ", plain_spaces(text))),
        ("quotes", options.quotes == "straight", lambda text: text.translate(_QUOTES)),
        ("tabs", options.tabs != "keep", lambda text: text.expandtabs(int(options.tabs))),
        ("trailing", options.trailing, lambda text: text.rstrip()),
    ]
    return [(name, step) for name, wanted, step in steps if wanted]


def plain_spaces(text: str) -> str:
    """Every kind of space as the usual one."""
    return _ODD_SPACES.sub(" ", text)


def _normal(form: Unicode) -> Callable[[str], str]:
    return str if form == "keep" else partial(unicodedata.normalize, form)


def without_invisible(text: str) -> str:
    """Without control characters, marks of direction and spaces without a width; tabs and joiners stay.

    What breaks a line or a page within a line becomes a space, for it stands between words.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(char for char in text.translate(_BREAKS) if not _invisible(char))


def _invisible(char: str) -> bool:
    if char in _KEPT:
        return False
    category = unicodedata.category(char)
    return category == "Cc" or char in _DISCARDED or (category == "Cf" and _directs(char))


def _directs(char: str) -> bool:
    """Marks, embeddings, overrides and isolates: they can show code in another order than it runs."""
    return char in "\u061c\u200e\u200f" or "\u202a" <= char <= "\u202e" or "\u2066" <= char <= "\u2069"
