"""Secrets in what a task says: found in every usual spelling, and in pieces of an output."""

from __future__ import annotations

import base64
import html
import json
import re
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.secrets.redaction import FILL, Mask, collapsed
from app.core.secrets.secret import MASK

CANARY = 's3cr3t /Canary+ü"&'


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "spelled",
    [
        CANARY,
        quote(CANARY),
        quote(CANARY, safe=""),
        quote_plus(CANARY),
        re.sub("%..", lambda match: match[0].lower(), quote(CANARY)),
        CANARY.encode().hex(),
        CANARY.encode().hex().upper(),
        b64(CANARY),
        base64.urlsafe_b64encode(CANARY.encode()).decode(),
        json.dumps(CANARY)[1:-1],
        json.dumps(CANARY, ensure_ascii=False)[1:-1],
        repr(CANARY)[1:-1],
        repr(CANARY.encode())[2:-1],
        html.escape(CANARY),
    ],
)
def test_a_usual_spelling_is_found(spelled: str) -> None:
    assert Mask([CANARY]).text(f"<{spelled}>{spelled}").strip("=") in (f"<{MASK}>{MASK}", f"<{MASK}==>{MASK}")


@pytest.mark.parametrize("user", ["", "u", "me", "bob", "user"])
def test_base64_is_found_in_the_middle_of_something_longer(user: str) -> None:
    encoded = b64(f"{user}:{CANARY}:and more")
    shown = Mask([CANARY]).text(encoded)

    assert MASK in shown
    left = [part for part in shown.split(MASK) if part]
    assert sum(map(len, left)) < len(encoded) - len(b64(CANARY)) + 8


def test_each_long_line_of_a_key_is_one_and_blanks_around_it_do_not_matter() -> None:
    mask = Mask(["-----BEGIN KEY-----\nMIIEvQIBADANBg\nab\n-----END KEY-----\n"])

    assert mask.text("  > MIIEvQIBADANBg\r\n") == f"  > {MASK}\r\n"
    assert Mask(["hunter22\n"]).text("it is hunter22.") == f"it is {MASK}."


def test_what_is_shorter_than_four_characters_is_not_looked_for() -> None:
    assert not Mask(["abc", "", "  a ", "     "])
    assert Mask(["abc"]).text("the abc") == "the abc"
    assert Mask(["abcd"]).text("the abcd") == f"the {MASK}"


def test_secrets_that_overlap_are_hidden_whole() -> None:
    assert Mask(["abcdef", "defghi"]).text("xabcdefghix") == f"x{MASK}x"


def test_values_of_a_result_and_their_names() -> None:
    value: Any = {CANARY: [1, None, f"a {CANARY}"], "pin": 4711, "other": 47110, "yes": True}

    assert Mask([CANARY, "4711"]).value(value) == {
        MASK: [1, None, f"a {MASK}"],
        "pin": MASK,
        "other": 47110,
        "yes": True,
    }


def test_a_filled_output_is_shown_with_the_mask() -> None:
    assert collapsed(b"a " + FILL * 18 + b" b") == f"a {MASK} b".encode()


@given(st.lists(st.sampled_from(["aab", "aaba", "a", "b", "aabaab", "c", "\n"])), st.integers(0, 40))
def test_what_is_settled_does_not_change_with_what_comes(words: list[str], cut: int) -> None:
    """At any point, the beginning that is settled reads as it does in the end."""
    mask, whole = Mask(["aabaab", "baac"]), "".join(words).encode()
    seen = whole[:cut]

    def filled(content: bytes) -> bytes:
        for start, end in mask.spans(content):
            content = content[:start] + FILL * (end - start) + content[end:]
        return content

    settled = mask.settled(seen, mask.spans(seen))
    assert filled(seen)[:settled] == filled(whole)[:settled]
    assert b"aabaab" not in filled(whole)
