"""The text that a long JSON string is, read piece by piece."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.params.formats.json_text import text_in

TEXTS = st.lists(
    st.one_of(st.text(), st.sampled_from(["\\", '"', "\n", "Ж", "😀", "\u2028", "\\u0416", "\x00", "\x7f"]))
).map("".join)


def pieces(content: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(content), size):
        yield content[at : at + size]


@given(text=TEXTS, ascii_only=st.booleans(), size=st.integers(1, 9))
def test_it_is_the_text_wherever_the_pieces_end(text: str, ascii_only: bool, size: int) -> None:
    content = json.dumps(text, ensure_ascii=ascii_only).encode()
    assert b"".join(text_in(pieces(content, size))).decode() == text


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=20), size=st.integers(1, 9))
def test_half_a_pair_stays_its_escape(text: str, size: int) -> None:
    written = json.dumps(f"{text}\ud83d|\ude00{text}\ud83d", ensure_ascii=False)
    content = written.encode("utf-8", "backslashreplace")
    said = b"".join(text_in(pieces(content, size))).decode()
    assert said == f"{text}\\ud83d|\\ude00{text}\\ud83d"


@pytest.mark.parametrize("content", [b"", b"[1]", b'"no end', b'"wrong \\x escape"', b'"\\u12'])
def test_what_is_no_string_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="JSON string"):
        list(text_in([content]))
