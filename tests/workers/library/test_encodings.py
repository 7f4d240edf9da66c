"""The encoding of a file: found where it is sure, refused with a list where it is not."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers.library.languages import ENCODINGS, WORDS, written
from tests.workers.library.reading import Read, rows
from workers import Fail
from workers.library.tables.code_pages import codec
from workers.library.tables.encodings import CHOICES, detect_encoding

PAIRS = [(language, encoding) for language, encodings in ENCODINGS.items() for encoding in encodings]
ENOUGH = 8
WESTERN = ("german", "french", "spanish", "portuguese", "italian", "swedish", "danish", "icelandic")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("encodings")


def read_as(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return unicodedata.normalize("NFC", content.decode(codec(detect_encoding(path)[0])))


@settings(max_examples=80, deadline=None)
@given(pair=st.sampled_from(PAIRS), data=st.data())
def test_every_language_is_read_in_every_encoding_it_is_written_in(
    folder: Path, pair: tuple[str, str], data: st.DataObject
) -> None:
    language, encoding = pair
    words = data.draw(st.permutations(WORDS[language].split()).map(lambda found: found[:ENOUGH]))
    text = "id;name\n" + "".join(f"{at};{word}\n" for at, word in enumerate(words))

    assert read_as(folder / "table", written(text, encoding)) == text


@settings(max_examples=25, deadline=None)
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
    monkeypatch.setattr("workers.library.tables.code_pages._MARGIN", 9)

    with pytest.raises(Fail, match="It may be windows-1251 or mac-cyrillic or"):
        detect_encoding(path)


@pytest.mark.parametrize("encoding", CHOICES)
def test_every_encoding_can_be_chosen(read: Read, encoding: str) -> None:
    table = read("a\nb\n".encode(codec(encoding)), encoding=encoding)

    assert rows(table) == [("b",)]
    assert table.detected.encoding == encoding
