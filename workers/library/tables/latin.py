"""Telling the code pages of Latin alphabets apart, by the letters that languages really use.

General detectors weigh how often letters occur, and a table of names and numbers is too short for that:
charset-normalizer takes a few French names for Polish ones. Here a code page fits when nearly everything
beyond ASCII is a letter of *one* language that is written in it, or a sign where signs stand.
"""

from __future__ import annotations

import re
from collections import Counter

_WESTERN = (
    "äöüß",  # German
    "àâæçéèêëîïôœùûüÿ",  # French
    "áéíñóúü¿¡ºª",  # Spanish
    "àáâãçéêíóôõúº",  # Portuguese
    "àèéìíòóù",  # Italian
    "àçèéíïòóúü·",  # Catalan
    "åäöé",  # Swedish, Finnish
    "æøåé",  # Danish, Norwegian
    "áéëïíóöüú",  # Dutch
)
_CENTRAL = (
    "ąćęłńóśźż",  # Polish
    "áčďéěíňóřšťúůýž",  # Czech
    "áäčďéíĺľňóôŕšťúýž",  # Slovak
    "áéíóöőúüű",  # Hungarian
    "ćčđšž",  # Croatian, Slovene
    "ăâîşţ",  # Romanian
)
_TURKISH = ("âçğîıöşûüİ",)
_ICELANDIC = ("áðéíóúýþæö",)
# In the order in which a tie is decided: what more people write comes first.
_CODE_PAGES = (
    ("windows-1252", _WESTERN),
    ("windows-1250", _CENTRAL),
    ("windows-1254", _TURKISH),
    ("windows-1252", _ICELANDIC),
    ("iso-8859-15", _WESTERN),
    ("iso-8859-2", _CENTRAL),
)
_FITS = 0.9
_ANYWHERE = frozenset("’‘“”„‚–—…«»‹›•§©®™€°\u00a0")
_BETWEEN_WORDS = re.compile(r"(?<![^\W\d_])[£¥±×¼½¾²³µ](?![^\W\d_])")
_NOT_LATIN = re.compile(r"[^\x00-\x7f\u00a0‘-„–—…«»]{3}")
"""Latin words have a letter beyond ASCII here and there; words of other scripts hold little else."""


def latin_encoding(sample: bytes) -> str | None:
    """The code page of text in a Latin alphabet; None when the text is in another script, or unclear."""
    scores = [_score(sample, encoding, alphabets) for encoding, alphabets in _CODE_PAGES]
    best = max(scores)
    return _CODE_PAGES[scores.index(best)][0] if best >= _FITS else None


def _score(sample: bytes, encoding: str, alphabets: tuple[str, ...]) -> float:
    """The share of characters beyond ASCII that one language, or punctuation, accounts for."""
    try:
        text = sample.decode(encoding)
    except UnicodeDecodeError:
        return 0.0
    if _NOT_LATIN.search(text):
        return 0.0
    beyond = Counter(char for char in text if not char.isascii())
    signs = sum(count for char, count in beyond.items() if char in _ANYWHERE) + len(
        _BETWEEN_WORDS.findall(text)
    )
    letters = max(_count(beyond, alphabet) for alphabet in alphabets)
    return (letters + signs) / max(1, beyond.total())


def _count(characters: Counter[str], alphabet: str) -> int:
    both_cases = {*alphabet, *alphabet.upper()}
    return sum(count for char, count in characters.items() if char in both_cases)
