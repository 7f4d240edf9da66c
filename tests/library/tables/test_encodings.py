"""The encoding of a file: found where it is sure, refused with a list where it is not."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dtq import Fail
from dtq_library.encodings.code_pages import codec
from dtq_library.encodings.detection import CHOICES, decodable, detect_encoding
from tests.library.languages import ENCODINGS, WORDS, written
from tests.library.reading import Read, rows
from tests.plugins.examples import examples

PAIRS = [(language, encoding) for language, encodings in ENCODINGS.items() for encoding in encodings]
ENOUGH = 8
WESTERN = ("german", "french", "spanish", "portuguese", "italian", "swedish", "danish", "icelandic")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("encodings")


def read_as(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return unicodedata.normalize("NFC", content.decode(codec(detect_encoding(path)[0])))


@settings(max_examples=examples(80), deadline=None)
@given(pair=st.sampled_from(PAIRS), data=st.data())
def test_every_language_is_read_in_every_encoding_it_is_written_in(
    folder: Path, pair: tuple[str, str], data: st.DataObject
) -> None:
    language, encoding = pair
    words = data.draw(st.permutations(WORDS[language].split()).map(lambda found: found[:ENOUGH]))
    text = "id;name\n" + "".join(f"{at};{word}\n" for at, word in enumerate(words))

    assert read_as(folder / "table", written(text, encoding)) == text


@settings(max_examples=examples(25), deadline=None)
@given(data=st.data())
def test_names_of_several_western_languages_in_one_file(folder: Path, data: st.DataObject) -> None:
    words = [data.draw(st.sampled_from(WORDS[language].split())) for language in WESTERN]
    text = "name\n" + "".join(f"{word}\n" for word in words)

    assert read_as(folder / "table", text.encode("cp1252")) == text


@pytest.mark.parametrize(
    "text",
    [
        "name\nMüller\nNúñez\nLefèvre",
        "temp\n25°C\n30°C\n",
        "width\n5 µm\n",
        "a\nFoo – bar\n",
        "don’t\n“quoted”\n",
        "© 2020\nFoo™\n½ cup\n£5\n",
        "MÜLLER\nSTRAßE\nCAFÉ\n",
        "Côte d’Ivoire\nRéunion\nÅland\nCuraçao\nSão Tomé\n",
    ],
)
def test_a_few_western_words_and_signs(tmp_path: Path, text: str) -> None:
    assert read_as(tmp_path / "table", text.encode("cp1252")) == text


def test_what_is_unsure_is_refused_with_the_list(refused: Callable[..., str]) -> None:
    sentence = refused(b"a\n\xb5\xdf\xe4\xd0\xff\x81x\xfe\n")

    assert all(encoding in sentence for encoding in CHOICES)


def test_two_likely_readings_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "table"
    path.write_bytes("мир\nсон\n".encode("cp1251"))
    monkeypatch.setattr("dtq_library.encodings.code_pages._MARGIN", 9)

    with pytest.raises(Fail, match="It may be windows-1251 or mac-cyrillic or"):
        detect_encoding(path)


@pytest.mark.parametrize("encoding", CHOICES)
def test_every_encoding_can_be_chosen(read: Read, encoding: str) -> None:
    table = read("a\nb\n".encode(codec(encoding)), encoding=encoding)

    assert rows(table) == [("b",)]
    assert table.detected.encoding == encoding


# Bytes that do not decode

BEYOND_ASCII = st.text(st.sampled_from("éüñ€Ж名"), min_size=1, max_size=4)


@settings(max_examples=examples(60), deadline=None)
@given(
    lines=st.lists(BEYOND_ASCII, min_size=2, max_size=8),
    at=st.integers(0, 1_000),
    byte=st.integers(0xF8, 0xFF),
)
def test_a_bad_byte_in_utf8_is_named_or_replaced_and_nothing_else_changes(
    folder: Path, lines: list[str], at: int, byte: int
) -> None:
    row = at % len(lines)
    damaged = [line.encode() + (bytes([byte]) if number == row else b"") for number, line in enumerate(lines)]
    path = folder / "damaged"
    path.write_bytes(b"\n".join(damaged))

    with pytest.raises(Fail, match=f"Line {row + 1} .*utf-8 .byte 0x{byte:02x}"):
        decodable(path)
    found = decodable(path, undecodable="replace")
    expected = [line + ("\ufffd" if number == row else "") for number, line in enumerate(lines)]
    assert found.path.read_text(encoding=found.encoding) == "\n".join(expected)
    assert found.notes == [
        f"Undecodable bytes that were replaced with \ufffd: 1 (the first one on line {row + 1})."
    ]


def test_a_file_that_ends_within_a_character_is_damaged_utf8(refused: Callable[..., str]) -> None:
    assert refused("name\nJosé\nMálaga\né".encode()[:-1]).startswith("Line 4 doesn't decode as utf-8")


def test_a_bad_byte_in_a_code_page_is_named_or_replaced(read: Read, refused: Callable[..., str]) -> None:
    content = "Hélène\nBesançon\nCrème\nL".encode("cp1252") + b"\x81eds\n"

    assert refused(content).startswith("Line 4 doesn't decode as windows-1252 (byte 0x81).")
    assert rows(read(content, undecodable="replace"))[2] == ("L\ufffdeds",)


def test_replacing_changes_nothing_in_a_file_that_decodes(read: Read) -> None:
    table = read("a\nJosé \ufffd\n", undecodable="replace")

    assert (rows(table), table.notes) == ([("José \ufffd",)], [])
