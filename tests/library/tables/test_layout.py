"""How a delimited file is laid out: found out, or as a person says."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dtq_library.tables.io.read import read_table
from dtq_library.tables.layout import Layout
from dtq_library.tables.model import DELIMITERS, ReadOptions
from tests.library.conftest import Cleaned
from tests.library.reading import Read, headers, rows
from tests.plugins.examples import examples


@pytest.mark.parametrize(
    "text",
    [
        "# exported by tool\na;b;c\n1;2;3\n",
        "Report 2024\n\na;b;c\n1;2;3\n4;5;6\n",
        "# x\n# y\na,b,c\n1,2,3\n",
        "sep=;\na;b;c\n1;2;3\n",
        "a::b::c\n1::2::3\n",
        "a^b^c\n1^2^3\n",
        "a~b~c\n1~2~3\n",
        "a b c\n1 2 3\n4 5 6\n7 8 9\n10 11 12\n",
        "a  b   c\n1    2 3\n 4  5 6\n7 8  9\n10 11 12\n",
    ],
)
def test_header_and_delimiter_are_found(read: Read, text: str) -> None:
    table = read(text)

    assert headers(table) == ["a", "b", "c"]
    assert rows(table)[0] == ("1", "2", "3")


def test_what_stood_above_the_header_is_told(read: Read) -> None:
    note = read("Report 2024\n\na;b\n1;2\n").notes[0]

    assert note.startswith("Lines above the header that were skipped: 2 (line 1: Report 2024).")


@pytest.mark.parametrize(
    ("text", "header"),
    [
        (
            "Name, Vorname;Betrag, EUR;Datum\nMeier, Jan;12,50;01.02.2024\n",
            ["Name, Vorname", "Betrag, EUR", "Datum"],
        ),
        ("name;amount\nAnn;1,5\nBob;2,5\n", ["name", "amount"]),
        ("name,note\nAnn,x;y\nBob,z;w\n", ["name", "note"]),
        ("#id;name\n1;x\n2;y\n", ["#id", "name"]),
        ("first last\nAnn Lee\nBob Ray\n", ["first last"]),
        ("title\nOne: two\nThree\n", ["title"]),
        ("# title\nx\ny\n", ["x"]),
    ],
)
def test_a_delimiter_within_text_does_not_win(read: Read, text: str, header: list[str]) -> None:
    assert headers(read(text)) == header


@pytest.mark.parametrize(
    ("layout", "text", "expected"),
    [
        ({"header": "none"}, "1,x\n2,y\n", (["", ""], [("1", "x"), ("2", "y")])),
        ({"header_line": 3}, "a,b,c\n1,2,3\nx,y\n1,2\n", (["x", "y"], [("1", "2")])),
        ({"skip_lines": 1}, "a,b,c\nx,y\n1,2\n", (["x", "y"], [("1", "2")])),
        ({"comment": "//"}, "// note, x\na,b\n//1,2\n3,4\n", (["a", "b"], [("3", "4")])),
        ({"separator": "<>"}, 'a<>b\n"1<>2"<>3\n', (["a", "b"], [("1<>2", "3")])),
        ({"quote": "'"}, "a,b\n'1,2',3\n", (["a", "b"], [("1,2", "3")])),
        ({"quote": ""}, 'a,b\n5",6\n', (["a", "b"], [('5"', "6")])),
        ({"escape": "\\"}, 'a,b\n"5\\" nail",6\n', (["a", "b"], [('5" nail', "6")])),
    ],
)
def test_what_a_person_says(
    read: Read, layout: dict[str, Any], text: str, expected: tuple[list[str], list[tuple[str, ...]]]
) -> None:
    table = read(text, layout=Layout(**layout))

    assert (headers(table), rows(table)) == expected


def test_lines_are_counted_from_the_top_of_the_file_all_the_same(refused: Callable[..., str]) -> None:
    sentence = refused("x\n# y\na,b\n1,2\n# z\n1,2,3\n", layout=Layout(skip_lines=1, comment="#"))

    assert sentence.startswith("Line 6 has 3 fields")


@pytest.mark.parametrize(
    ("text", "beginning"),
    [
        ("2019,2020\n1,2\n", "The header has numbers (2019, 2020)."),
        ("a,,b\n1,2,3\n", "Columns without a name in the header, which are named by their position: 1."),
        ("a,b\n1;2,x\n", None),
        ("a:b\n1:2\n", None),
    ],
)
def test_warnings(read: Read, text: str, beginning: str | None) -> None:
    notes = read(text).notes

    assert [note for note in notes if beginning is None or not note.startswith(beginning)] == []
    assert bool(notes) == bool(beginning)


def test_one_column_that_looks_like_several_is_told(read: Read) -> None:
    assert read("a;b\n1;2\n", delimiter="comma").notes[0].startswith("Only one column was found.")


def test_skipping_that_would_lose_nearly_all_is_neither_advised_nor_done(refused: Callable[..., str]) -> None:
    content = "a,b\n1,2,3\n4,5,6\n"

    assert "skip" not in refused(content)
    assert "keep 0" in refused(content, broken_rows="skip")


def test_a_file_without_a_header_keeps_its_first_record(clean: Callable[..., Cleaned]) -> None:
    cleaned = clean("1,x\n2,y\n", layout={"header": "none"})

    assert cleaned.text == "column_1,column_2\n1,x\n2,y\n"
    assert (cleaned.report["rows_in"], cleaned.report["rows_out"]) == (2, 2)


WORD = st.text(st.sampled_from('abc,;|^~"x '), max_size=5).map(str.strip)


@settings(max_examples=examples(80), deadline=None)
@given(
    table=st.lists(st.tuples(WORD, WORD, st.integers(-99, 99).map(str)), min_size=1, max_size=5),
    delimiter=st.sampled_from([*DELIMITERS.values(), "::"]),
)
def test_whatever_is_written_with_a_delimiter_is_read_with_it(
    tmp_path_factory: pytest.TempPathFactory, table: list[tuple[str, str, str]], delimiter: str
) -> None:
    path: Path = tmp_path_factory.getbasetemp() / "layout"
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter="\x1f" if delimiter == "::" else delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([("name", "note", "n"), *table])
    path.write_text(text.getvalue().replace("\x1f", delimiter), newline="")
    found = read_table(path, "t.csv", ReadOptions(layout=Layout(separator=delimiter)), lambda share: None)

    assert rows(found) == [tuple(cell or None for cell in row) for row in table]
