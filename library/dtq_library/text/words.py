"""What a word and a sentence is.

A word is a run of letters, marks and digits; apostrophes and hyphens between letters belong to it (don't,
well-known), and points and commas between digits (3.14). That is close to Unicode's word boundaries (UAX 29),
but for hyphens. A sentence ends with . ! ? or their like before a space, not after a known abbreviation or
an initial, and not before a small letter.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import regex

ABBREVIATIONS = frozenset(
    [
        "mr",
        "mrs",
        "ms",
        "dr",
        "prof",
        "st",
        "sr",
        "jr",
        "vs",
        "etc",
        "inc",
        "ltd",
        "co",
        "corp",
        "no",
        "nr",
        "vol",
    ]
    + [
        "fig",
        "al",
        "approx",
        "ca",
        "bzw",
        "usw",
        "ggf",
        "evtl",
        "vgl",
        "z.b",
        "d.h",
        "e.g",
        "i.e",
        "a.m",
        "p.m",
    ]
)


@cache
def _word() -> regex.Pattern[str]:
    import regex

    run = r"[\p{L}\p{N}][\p{L}\p{M}\p{N}]*"
    return regex.compile(rf"{run}(?:(?:['’\-‐·]|(?<=\p{{N}})[.,](?=\p{{N}})){run})*")


@cache
def _end() -> regex.Pattern[str]:
    import regex

    return regex.compile(r"""[.!?…؟।]+["'”’»)\]]*(?=\s|$)|[。！？]["'”’»」』）]*""")


@cache
def _unspaced() -> regex.Pattern[str]:
    import regex

    scripts = ("Han", "Hiragana", "Katakana", "Thai", "Lao", "Khmer", "Myanmar")
    return regex.compile("[" + "".join(rf"\p{{{name}}}" for name in scripts) + "]")


def words(text: str) -> list[str]:
    """The words of a text, as they are written."""
    return _word().findall(text)


def unspaced_letters(text: str) -> int:
    """Letters of scripts that put no spaces between words."""
    return 0 if text.isascii() else len(_unspaced().findall(text))


def count_sentences(paragraph: str) -> int:
    """Sentences of a paragraph; what stands after the last end is one if it has a word."""
    ends = list(_ends(paragraph))
    return len(ends) + (_word().search(paragraph, ends[-1] if ends else 0) is not None)


def _ends(paragraph: str) -> Iterator[int]:
    start = 0
    for match in _end().finditer(paragraph):
        following = paragraph[match.end() : match.end() + 40].lstrip()[:1]
        before = _last_token(paragraph[max(0, match.start() - 20) : match.start()])
        abbreviated = before.lower() in ABBREVIATIONS or (len(before) == 1 and before.isupper())
        point = match[0].startswith(".")
        if following and (following.islower() or (point and abbreviated)):
            continue
        if _word().search(paragraph, start, match.end()):
            start = match.end()
            yield start


def _last_token(text: str) -> str:
    """Letters, digits and points at the end of a text."""
    at = len(text)
    while at and (text[at - 1].isalnum() or text[at - 1] == "."):
        at -= 1
    return text[at:].rstrip(".")
