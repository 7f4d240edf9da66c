"""Telling single-byte code pages apart, by the letters that languages really use.

General detectors weigh how often letters occur, and a table of names and numbers is too short for it:
charset-normalizer takes a few French names for Polish ones. Here a code page fits when words beyond ASCII are
words of one language that is written in it: all letters are in its alphabet, capitals stand where capitals
stand, and signs stand where signs do. A file may hold names of several languages, so when no single language
fits, the words are judged one by one.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from functools import cache

from dtq_library.encodings.alphabets import LATIN_PAGES, MISPLACED, OTHER_PAGES, Alphabet

Words = Counter[str]

_FITS = 0.9
_LIKELY = 0.75
_COMMON = -2.6
_MARGIN = 0.12
"""How common the letters have to be (`_commonness`), and how much commoner than in another reading."""
_CODECS = {"shift_jis": "cp932", "windows-874": "cp874"}  # Windows writes letters that "shift_jis" lacks.

_WORD = re.compile(r"[^\W\d_]*[^\x00-\x7f](?:[^\W\d_]|[^\x00-\x7f])*")
_INSIDE = re.compile("[’'·\u00ad\u00a0/]|(?<![a-z])[\u2013\u2014]|[\u2013\u2014](?![a-z])")
_SIGNS = frozenset("’‘“”„‚–—…«»‹›•§©®™€°£¥±×¼½¾²³µªº¿¡†‡‰·¶\u00a0\u00ad")
_BEFORE, _AFTER = "‘’“„‚«»‹›…•¿¡–—†‡", "’‘”“»«›‹…™®°ºª–—†‡"
"""Signs that stand alone, and those among them that may touch the first and the last letter of a word."""
_UNIT = re.compile("°[CFKR]|[µμ][A-Za-z]{1,3}")
_NOT_LATIN = re.compile(r"[^\x00-\x7f]{3}")
"""Latin words have letters beyond ASCII here and there; words of other scripts hold little else."""


def codec(encoding: str) -> str:
    """Return the Python codec for an encoding as it is named here."""
    return _CODECS.get(encoding, encoding)


def code_pages(sample: bytes) -> list[str]:
    """Return the code page of a text in one of the known alphabets; none when none fits, several in doubt."""
    words = {page: _words(sample, page) for page in dict(LATIN_PAGES) | dict(OTHER_PAGES)}
    return _latin(words, _FITS) or _other(words) or _latin(words, _LIKELY)


def _latin(words: Mapping[str, Words], least: float) -> list[str]:
    """One language that fits nearly all words comes first, then the page whose languages fit most words."""
    for pages, together in ((LATIN_PAGES, False), (_merged(), True)):
        scores = [_latin_score(words[page], alphabets, together=together) for page, alphabets in pages]
        if max(scores) >= least:
            return [pages[scores.index(max(scores))][0]]
    return []


@cache
def _merged() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Every page once, with the alphabets of all its languages."""
    merged: dict[str, tuple[str, ...]] = {}
    for page, alphabets in LATIN_PAGES:
        merged[page] = (*merged.get(page, ()), *alphabets)
    return tuple(merged.items())


def _latin_score(words: Words, alphabets: tuple[str, ...], *, together: bool) -> float:
    """The share of words that one language accounts for, or all languages of the page together."""
    fitting = [{word for word in words if _fits_latin(word, alphabet)} for alphabet in alphabets]
    sets = [set().union(*fitting)] if together else fitting
    return max(sum(words[word] for word in found) for found in sets) / max(1, words.total())


def _other(words: Mapping[str, Words]) -> list[str]:
    """The page of another script; several when other letters are about as likely for the same bytes."""
    scored = [
        (_commonness(words[page], alphabet), page)
        for page, alphabets in OTHER_PAGES
        for alphabet in alphabets
        if _other_score(words[page], alphabet) >= _FITS
    ]
    best = max((common for common, _ in scored), default=_COMMON)
    near = [page for common, page in scored if common > max(_COMMON, best - _MARGIN)]
    # Of near ones, the pages under which most of the bytes are letters; these must agree.
    letters = {page: _letters(words[page]).total() for page in near}
    found = [page for page in near if letters[page] == max(letters.values())]
    if all(words[page] == words[found[0]] for page in found):
        return found[:1]
    return list(dict.fromkeys(found))


def _other_score(words: Words, alphabet: Alphabet) -> float:
    letters = _both_cases(alphabet.letters)
    fitting = sum(count for word, count in words.items() if _fits_other(word, alphabet, letters))
    return fitting / max(1, words.total())


def _commonness(words: Words, alphabet: Alphabet) -> float:
    """The mean logarithm of how common the letters are, by Zipf's law from their order in the alphabet."""
    letters = _letters(words)
    ranks = {char: rank for rank, char in enumerate(alphabet.common, start=2)}
    rare = 2 * len(alphabet.common)
    return -sum(count * math.log(ranks.get(char, rare)) for char, count in letters.items()) / max(
        1, letters.total()
    )


def _letters(words: Words) -> Counter[str]:
    return Counter(char.lower() for word in words.elements() for char in word if char.isalpha())


def _words(sample: bytes, encoding: str) -> Words:
    """The words that hold a character beyond ASCII; what does not decode is no letter of theirs."""
    text = unicodedata.normalize("NFC", sample.decode(codec(encoding), "replace"))
    found = _WORD.findall(text)
    parts = (part for word in found for part in ([word] if _is_sign(word) else _INSIDE.split(word)))
    return Counter(part for part in parts if not part.isascii())


@cache
def _both_cases(letters: str) -> frozenset[str]:
    return frozenset((*letters, *letters.upper()))


def _fits_latin(word: str, alphabet: str) -> bool:
    """Whether the letters of a word are those of a language, with capitals where they belong."""
    core = _without_signs(word)
    own = _both_cases(alphabet)
    if _NOT_LATIN.search(core) or not all(char.isascii() or char in own for char in core):
        return False
    return not _misplaced(alphabet).search(core)


def _is_sign(word: str) -> bool:
    return _SIGNS.issuperset(word) or _UNIT.fullmatch(word) is not None


def _without_signs(word: str) -> str:
    return "" if _is_sign(word) else word.lstrip(_BEFORE).rstrip(_AFTER)


@cache
def _misplaced(alphabet: str) -> re.Pattern[str]:
    """A capital beyond ASCII after a small letter, a small one between capitals, and what no word has."""
    letters = [char for char in alphabet if char.isalpha() and char != "ß"]
    small = "".join(char for char in letters if char.islower())
    capital = "".join(char for char in alphabet.upper() if char.isupper() and not char.isascii())
    return re.compile(
        rf"[a-z{small}][{capital}]|[A-Z][{small}][A-Z]|[A-Z][{capital}][a-z]"
        rf"|(?i:{MISPLACED.get(alphabet, '(?!)')})"
    )


def _fits_other(word: str, alphabet: Alphabet, letters: frozenset[str]) -> bool:
    core = _without_signs(word)
    if not all(char in letters for char in core) or re.search(alphabet.misplaced, core.lower()):
        return False
    return not alphabet.cased or core in (core.lower(), core.upper(), core[:1].upper() + core[1:].lower())
