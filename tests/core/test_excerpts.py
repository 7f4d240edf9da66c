"""What is shown of a long text, and of one that a terminal would have shown otherwise."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.excerpts import (
    _overwritten,
    _Screen,
    hole,
    settled,
    shortened,
    tail,
    without_begun,
    without_rest,
)

PIECES = st.sampled_from(["a", "Ж", "\n", "\r\n", "\r", " ", "x" * 100, "😀", "\x1b[K", "\b", "line\n"])
TEXTS = st.lists(PIECES, max_size=60).map("".join)


@given(text=TEXTS, most=st.integers(0, 120))
def test_a_shortened_text_has_both_ends_and_says_how_much_is_missing(text: str, most: int) -> None:
    short = shortened(text, most)
    assert len(short) <= most
    if len(text) <= most:
        assert short == text
    elif found := re.search(r" … ([\d,]+) characters? left out … ", short, re.DOTALL):
        head, rest = short[: found.start()], short[found.end() :]
        missing = int(found[1].replace(",", ""))
        assert text.startswith(head) and text.endswith(rest)
        assert len(head) + missing + len(rest) == len(text) and len(head) >= len(rest)


@given(text=TEXTS, most=st.integers(1, 400))
def test_a_tail_is_never_empty_and_never_cuts_away_its_only_line(text: str, most: int) -> None:
    end, missing = tail(text, most)
    assert len(end) + missing == len(text) and text.endswith(end) and len(end) <= most
    assert bool(end) == bool(text)
    assert len(end) >= min(len(text), most - most // 4)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("x" * 300_000, "x" * 200_000),
        ("x" * 300_000 + "\n", "x" * 199_999 + "\n"),
        ("x" * 300_000 + "\nlast\n", "x" * 199_994 + "\nlast\n"),
        ("first\n" + "line\n" * 40_000, "line\n" * 40_000),
        ("first\n" + "x\n" + "line\n" * 39_999, "x\n" + "line\n" * 39_999),
        ("", ""),
    ],
)
def test_the_end_of_a_log_begins_with_a_line_where_one_is_near(text: str, kept: str) -> None:
    assert tail(text, 200_000)[0] == kept


@pytest.mark.parametrize(
    ("printed", "seen"),
    [
        ("".join(f"\r{number} %" for number in range(101)) + "\n", "100 %\n"),
        ("".join(f"{number} %\r" for number in range(101)), "100 %"),
        ("before\n10 %\r20 %\r\nafter\r\n", "before\n20 %\nafter\n"),
        ("a longer one\rshort\n", "shortger one\n"),
        ("a longer one\r\x1b[Kshort\n", "short\n"),
        ("a longer one\x1b[2K\rshort\n", "short\n"),
        ("abc\b\bX\n", "aXc\n"),
        ("working |\b/\b-\b\\\bdone\n", "working done\n"),
        ("\x1b[31mred\x1b[0m and \x1b[1;4mbold\x1b[m\n", "red and bold\n"),
        ("\x1b]0;a title\x07text\n", "text\n"),
        ("\x1b[?25lhidden cursor\x1b[?25h\n", "hidden cursor\n"),
        ("one: 1\ntwo: 1\n\x1b[A\x1b[Aone: 2\ntwo: 2\n", "one: 2\ntwo: 2\n"),
        ("one\ntwo\n\x1b[2A\x1b[Jlast\n", "last\n"),
        ("abc\x1b[2DX\x1b[10CY\n", "aXc" + " " * 9 + "Y\n"),
        ("10 %" + hole(64) + "\x1b[5A90 %\r99 %\n", "10 %" + hole(64) + "99 %\n"),
        ("lone \x1b escape\n", "lone  escape\n"),
        ("\x1b[999999999999Cfar\n", " " * 10_000 + "far\n"),
    ],
)
def test_progress_bars_are_as_they_were_last(printed: str, seen: str) -> None:
    assert settled(printed) == seen


@given(TEXTS)
def test_what_has_no_control_characters_stays_as_it_is(text: str) -> None:
    plain = re.sub("[\r\b\x1b]", "", text)
    assert settled(plain) == plain


@given(st.lists(st.text("ab Ж", max_size=6), min_size=1, max_size=12))
def test_written_over_is_what_the_screen_shows(states: list[str]) -> None:
    assert _overwritten(states) == _Screen().shown("\r".join(states))


@given(TEXTS)
def test_no_control_character_is_left_and_again_is_the_same(text: str) -> None:
    once = settled(text)
    assert not re.search("[\r\b\x1b]", once) and settled(once) == once


@given(st.text(max_size=20), st.integers(0, 80))
def test_a_character_that_a_cut_has_halved_goes(text: str, at: int) -> None:
    content = text.encode("utf-8", "replace")
    head, rest = content[:at], content[at:]
    assert text.startswith(without_begun(head).decode()) and len(head) - len(without_begun(head)) < 4
    assert text.endswith(without_rest(rest).decode()) and len(rest) - len(without_rest(rest)) < 4


def test_what_is_no_utf8_stays() -> None:
    assert without_begun(b"a\xff") == b"a\xff" and without_rest(b"\x80" * 9) == b"\x80" * 9
    assert without_begun(b"secret \xc0\xc0\xc0\xc0") == b"secret \xc0\xc0\xc0\xc0"
