"""OpenDocument spreadsheets: what their cells hold, what is repeated, and what is refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from dtq_library.tables.layout import Layout
from tests.library.conftest import Cleaned
from tests.library.reading import Read, headers, rows
from tests.workers.library.spreadsheets import ods, ods_cell, ods_row, ods_table


def words(*texts: str) -> str:
    return ods_row(*(ods_cell("string", shown=text) for text in texts))


KINDS: list[tuple[str, Any]] = [
    (ods_cell("float", "1.5", "1,50"), 1.5),
    (ods_cell("float", "7", "7"), 7),
    (ods_cell("percentage", "0.25", "25%"), 0.25),
    (ods_cell("currency", "12.5", "12,50 €"), 12.5),
    (ods_cell("boolean", "true", "TRUE"), True),
    (ods_cell("date", "2023-03-15", "15.03.23"), dt.date(2023, 3, 15)),
    (ods_cell("date", "2023-03-15T12:30:00.123456789", "x"), dt.datetime(2023, 3, 15, 12, 30, 0, 123000)),
    (ods_cell("time", "PT10H30M00S", "10:30"), dt.time(10, 30)),
    (ods_cell("time", "PT36H00M00.500000000S", "36:00"), dt.timedelta(hours=36, milliseconds=500)),
    (ods_cell("string", shown="a &amp; b"), "a & b"),
    (ods_cell("string", shown='a<text:s text:c="2"/>b<text:line-break/><text:span>c</text:span>'), "a  b\nc"),
]


@pytest.mark.parametrize(("cell", "value"), KINDS)
def test_what_a_cell_holds(read: Read, cell: str, value: Any) -> None:
    table = read(ods(ods_table("One", words("a", "b"), ods_row(cell, ods_cell("float", "1")))), "t.ods")

    assert (headers(table), rows(table)) == (["a", "b"], [(value, 1)])
    assert (table.detected.format, table.detected.sheet) == ("ods", "One")


def test_repeated_rows_and_cells_are_there_as_often(read: Read) -> None:
    twice = ods_cell("float", "1", more='table:number-columns-repeated="2"')
    content = ods(
        ods_table("One", words("a", "b", "c"), ods_row(twice, ods_cell("string", shown="x"), times=3))
    )

    assert rows(read(content, "t.ods")) == [(1, 1, "x")] * 3


def test_remarks_on_a_cell_are_no_part_of_it(read: Read) -> None:
    noted = (
        '<table:table-cell office:value-type="string"><office:annotation><text:p>check</text:p>'
        "</office:annotation><text:p>x</text:p></table:table-cell>"
    )

    assert rows(read(ods(ods_table("One", words("a"), ods_row(noted))), "t.ods")) == [("x",)]


def test_errors_are_missing_and_said(read: Read) -> None:
    error = ods_cell("string", shown="#DIV/0!", more='table:formula="of:=1/0" calcext:value-type="error"')
    table = read(ods(ods_table("One", words("a"), ods_row(ods_cell("float", "1")), ods_row(error))), "t.ods")

    assert rows(table) == [(1,), (None,)]
    assert table.notes == [
        "Column a: errors of the spreadsheet, read as missing: #DIV/0! (1); the first one is in row 3."
    ]


def test_a_formula_that_was_never_computed_is_refused(refused: Callable[..., str]) -> None:
    formula = '<table:table-cell table:formula="of:=1+1"/>'
    content = ods(ods_table("One", words("a", "b"), ods_row(ods_cell("float", "1"), formula)))

    assert refused(content, "t.ods").startswith(
        "Formulas without a computed value: 1; the first one is in B2."
    )


def test_sheets_and_titles_are_as_in_other_workbooks(read: Read) -> None:
    content = ods(
        ods_table("One", words("Report"), words("a", "b"), ods_row(*2 * [ods_cell("float", "1")])),
        ods_table("Two", words("c")),
    )

    assert headers(read(content, "t.ods")) == ["a", "b"]
    assert read(content, "t.ods").notes[0] == "The workbook has 2 sheets; the first one, One, was read."
    assert headers(read(content, "t.ods", sheet="Two")) == ["c"]
    assert rows(read(content, "t.ods", layout=Layout(header="none")))[0] == ("Report", None)


def test_a_cleaned_one_becomes_a_workbook(clean: Callable[..., Cleaned]) -> None:
    content = ods(ods_table("One", words("a"), ods_row(ods_cell("float", "1"))))
    cleaned = clean(content, "sales.ods")

    assert cleaned.report["file"]["name"] == "sales-clean.xlsx"
    assert cleaned.content.startswith(b"PK")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (ods(key="<encryption-data/>"), "The spreadsheet is protected with a password;"),
        (ods("<table:broken>"), "The OpenDocument spreadsheet is damaged"),
        (ods(mimetype="application/vnd.oasis.opendocument.text"), "This is not a table that can be read:"),
        (ods(ods_table("One")), "The sheet One is empty"),
        (
            ods(ods_table("One", words("a"), ods_row(ods_cell("date", "soon")))),
            "The OpenDocument spreadsheet is damaged",
        ),
    ],
)
def test_what_is_refused(refused: Callable[..., str], content: bytes, sentence: str) -> None:
    assert refused(content, "t.ods").startswith(sentence)
