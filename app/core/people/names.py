"""Names of users and groups: which may be used, and which are the same to the eye.

Two names that differ in case, width, spaces or in letters of other alphabets that look the same would let
somebody pass for another. So a name has letters of one alphabet and nothing invisible (after UTS 39, which
calls this single-script), and its shape is unique.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from app.core.errors import Invalid
from app.core.tasks.task import one_line

LONGEST_NAME = 80
MOST_GROUPS = 50
ONE_ALPHABET = "Use letters of one alphabet: letters of another one can look the same."
_ALPHABETS = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU", "DESERET", "OSAGE")
"""Alphabets with letters that look the same."""
_NAME = re.compile(rf"[\w.@+-](?:[\w .@+-]{{0,{LONGEST_NAME - 2}}}[\w.@+-])?\Z")
_GROUP = re.compile(r"[\w.@:/+-]{1,80}\Z")
_SHAPES = str.maketrans(
    "0Iıɩ1ӏ" "аеорсухіјѕһԁԛԝѵгпАВЕЅІЈКМНОРСТХУҺԌԚԜӀ" "οανρυικγτωΑΒΕΖΗΙΚΜΝΟΡΤΥΧ" "օոսհցզՕՍԼ" "ɑɡᴏᴠᴡᴢᴄ"
    "ᎠᎪᎬᎻᎫᏦᏞᎷᏢᎡᏚᎢᏙᎳᏃᏟᏴᎶ",
    "oliill" "aeopcyxijshdqwvrnABESIJKMHOPCTXYhGQWl" "oavpuikytwABEZHIKMNOPTYX" "onuhgqOUL" "agovwzc"
    "DAEHJKLMPRSTVWZCBG",
)  # fmt: skip
"""Letters and digits that look like an ASCII letter, most of those that UTS 39 lists, and that letter."""


def name_key(name: str) -> str:
    """Return what a user is found by: names that differ in case or width are one."""
    return unicodedata.normalize("NFKC", name).casefold()


def name_shape(name: str) -> str:
    """Return what a name looks like: names of one shape cannot be told apart by eye."""
    plain = unicodedata.normalize("NFKC", name).translate(_SHAPES).casefold()
    return plain.translate(_SHAPES)


def checked_name(name: str) -> str:
    """Return a name as it is stored. Raises Invalid."""
    name = re.sub(" +", " ", unicodedata.normalize("NFC", name)).strip()
    if not _NAME.match(name) or not _visible(name):
        raise Invalid(
            "Check the name.",
            {"name": f"Use 1 to {LONGEST_NAME} letters, digits, spaces, and the signs . @ + - _ only."},
        )
    if mixes_alphabets(name):
        raise Invalid("Check the name.", {"name": ONE_ALPHABET})
    return name


def mixes_alphabets(name: str) -> bool:
    """Return whether a name has letters of two alphabets, as a Latin name with a Cyrillic a has."""
    first_words = {unicodedata.name(letter, "").partition(" ")[0] for letter in name}
    return len(first_words.intersection(_ALPHABETS)) > 1


def _visible(name: str) -> bool:
    """Return whether every character is shown: some that are letters to Unicode are blank."""
    return one_line(name) == name


def checked_groups(groups: Iterable[str]) -> list[str]:
    """Return names of groups, sorted, without repeats. Raises Invalid."""
    found = sorted({unicodedata.normalize("NFC", group) for group in groups})
    if len(found) > MOST_GROUPS or not all(_GROUP.match(group) and _visible(group) for group in found):
        raise Invalid(
            "Check the groups.",
            {"groups": f"Use up to {MOST_GROUPS} names of letters, digits, and . @ : / + - _ only."},
        )
    if any(mixes_alphabets(group) for group in found):
        raise Invalid("Check the groups.", {"groups": ONE_ALPHABET})
    return found


def usable_groups(groups: Iterable[str]) -> tuple[str, ...]:
    """Return those names of groups that can be used, sorted; what a provider sends may be anything."""
    return tuple(sorted({group for group in groups if _GROUP.match(group) and _visible(group)})[:MOST_GROUPS])


def names_of_provider(name: str, provider: str) -> Iterator[str]:
    """Yield what a user of a provider may be called, of at most `LONGEST_NAME`, until one is free."""
    plain = re.sub(r"[^\w .@+-]", "", one_line(unicodedata.normalize("NFC", name)))
    plain = plain.strip()[: LONGEST_NAME - 50].strip() or "user"
    if not mixes_alphabets(plain):
        yield plain
    yield f"{plain}@{provider}"
    number = 2
    while True:
        yield f"{plain}@{provider}-{number}"
        number += 1
