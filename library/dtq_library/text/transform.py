"""Steps over lines, each a generator: only sorting holds the whole text, and says so when it is too large."""

from __future__ import annotations

import hashlib
import re
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from dtq import Fail
from dtq_library.text.patterns import Pattern

Case = Literal["keep", "lower", "upper", "title"]
Sort = Literal["keep", "ascending", "descending", "reverse"]

KEEP, DROP, FIND, REPLACE = (
    "Keep lines that contain",
    "Drop lines that contain",
    "Find",
    "Replace with",
)
"""The titles of the parameters that may hold a pattern."""
SORT_MAX_CHARS = 64_000_000
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_CASES: dict[str, Callable[[str], str]] = {
    "lower": str.lower,
    "upper": str.upper,
    # `str.title` would make "Don'T" of "don't".
    "title": lambda text: _WORD.sub(lambda word: word[0][0].upper() + word[0][1:].lower(), text),
}


@dataclass(frozen=True)
class TransformOptions:
    """What is done, in the order of the fields; the first two are conditions on how.

    ``patterns``: what lines have to contain, and what is replaced, are regular expressions.
    """

    ignore_case: bool = False
    patterns: bool = False
    keep_lines: str = ""
    drop_lines: str = ""
    find: str = ""
    replace_with: str = ""
    case: Case = "keep"
    unique: bool = False
    sort: Sort = "keep"
    prefix: str = ""
    suffix: str = ""
    number_lines: bool = False
    wrap_at: int | None = None


def transform(lines: Iterable[str], options: TransformOptions, counts: Counter[str]) -> Iterator[str]:
    """Lines without ends in and out; ``counts`` gets what happened."""
    found = _filtered(_counted(lines, counts, "lines_in"), options, counts)
    if options.find:
        found = _replaced(found, options, counts)
    if options.case != "keep":
        found = map(_CASES[options.case], found)
    if options.unique:
        found = _unique(found, options, counts)
    if options.sort != "keep":
        found = _sorted(found, options)
    if options.prefix or options.suffix:
        found = (f"{options.prefix}{line}{options.suffix}" for line in found)
    if options.number_lines:
        found = (f"{number}. {line}" for number, line in enumerate(found, start=1))
    if options.wrap_at:
        found = _wrapped(found, options.wrap_at)
    return _counted(found, counts, "lines_out")


def _counted(lines: Iterable[str], counts: Counter[str], name: str) -> Iterator[str]:
    for line in lines:
        counts[name] += 1
        yield line


def _folded(text: str, options: TransformOptions) -> str:
    return text.casefold() if options.ignore_case else text


Contains = Callable[[str, int], bool]
"""Whether a line, which has this number, contains something."""


def _contains(where: str, text: str, options: TransformOptions) -> Contains:
    if options.patterns:
        return Pattern(where, text, ignore_case=options.ignore_case).found
    wanted = _folded(text, options)
    return lambda line, number: wanted in _folded(line, options)


def _filtered(lines: Iterator[str], options: TransformOptions, counts: Counter[str]) -> Iterator[str]:
    keep = _contains(KEEP, options.keep_lines, options) if options.keep_lines else None
    drop = _contains(DROP, options.drop_lines, options) if options.drop_lines else None
    for number, line in enumerate(lines, start=1):
        if (keep and not keep(line, number)) or (drop and drop(line, number)):
            counts["filtered"] += 1
        else:
            yield line


def _replaced(lines: Iterator[str], options: TransformOptions, counts: Counter[str]) -> Iterator[str]:
    """Every occurrence of a literal text, or match of a pattern, from left to right."""
    if options.patterns:
        yield from _matches_replaced(lines, options, counts)
        return
    pattern = re.compile(re.escape(options.find), re.IGNORECASE if options.ignore_case else 0)
    for line in lines:
        changed, times = pattern.subn(lambda match: options.replace_with, line)
        counts["replaced"] += times
        yield changed


def _matches_replaced(lines: Iterator[str], options: TransformOptions, counts: Counter[str]) -> Iterator[str]:
    pattern = Pattern(FIND, options.find, ignore_case=options.ignore_case)
    pattern.require_template(REPLACE, options.replace_with)
    for number, line in enumerate(lines, start=1):
        changed, times = pattern.replaced(line, options.replace_with, number)
        counts["replaced"] += times
        yield changed


def _unique(lines: Iterator[str], options: TransformOptions, counts: Counter[str]) -> Iterator[str]:
    """The first of equal lines, wherever they stand. What was seen is remembered in 16 bytes a line."""
    seen: set[bytes] = set()
    for line in lines:
        own = hashlib.blake2b(
            _folded(line, options).encode("utf-8", "surrogatepass"), digest_size=16
        ).digest()
        if own in seen:
            counts["duplicates"] += 1
        else:
            seen.add(own)
            yield line


def _sorted(lines: Iterator[str], options: TransformOptions) -> Iterator[str]:
    held, size = [], 0
    for line in lines:
        held.append(line)
        size += len(line) + 1
        if size > SORT_MAX_CHARS:
            raise Fail(
                f"The text has more than {SORT_MAX_CHARS:,} characters, the most that can be sorted; "
                "filter it or split it."
            )
    if options.sort == "reverse":
        return reversed(held)
    return iter(sorted(held, key=lambda line: _folded(line, options), reverse=options.sort == "descending"))


def _wrapped(lines: Iterator[str], width: int) -> Iterator[str]:
    """Longer lines at spaces and tabs; a word that is longer than a line stays whole."""
    wrapper = textwrap.TextWrapper(
        width, expand_tabs=False, replace_whitespace=False, break_long_words=False, break_on_hyphens=False
    )
    for line in lines:
        yield from [line] if len(line) <= width else wrapper.wrap(line) or [""]
