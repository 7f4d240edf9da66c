"""Spreadsheets: durations, times, dates from 1904, errors, formulas, titles; and both readers alike."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dtq_library.tables.layout import Layout
from dtq_library.tables.model import ReadOptions
from dtq_library.tables.sheets import workbooks
from dtq_library.tables.sheets.xlsx import format_kind
from dtq_library.tables.stage import Stage
from tests.library.reading import Read, headers, rows, workbook
from tests.plugins.examples import examples
from tests.workers.library.spreadsheets import number, sheet, text, xlsx

DAY = dt.date(2023, 3, 15)
SERIAL = 45000  # the day above
MIXED = "Values of several types became text: a."


def column(*cells: str) -> bytes:
    return xlsx(sheet([text("a"), text("b")], *([cell, number(1)] for cell in cells)))


# Durations, times, dates, numbers and texts in one column


CELLS: dict[str, tuple[str, Any, str]] = {
    "duration": (number(1.5, "hours"), dt.timedelta(hours=36), "36:00:00"),
    "built-in duration": (number(-0.0625, "built-in hours"), dt.timedelta(hours=-1.5), "-01:30:00"),
    "time": (number(0.25, "clock"), dt.time(6), "06:00:00"),
    "day": (number(SERIAL, "day"), DAY, "2023-03-15"),
    "moment": (number(SERIAL + 0.5, "moment"), dt.datetime(2023, 3, 15, 12), "2023-03-15T12:00:00"),
    "whole": (number(7), 7, "7"),
    "digits": (number(0.96910940048123), 0.96910940048123, "0.96910940048123"),
    "quoted letters": (number(2.5, "said"), 2.5, "2.5"),
    "text": (text("x"), "x", "x"),
    "truth": ('<c t="b"><v>1</v></c>', True, "true"),
}
ALIKE = [
    {"duration", "built-in duration"},
    {"day", "moment"},
    {"whole", "digits", "quoted letters"},
]


@pytest.mark.parametrize("kind", CELLS)
def test_a_column_of_one_kind_has_its_type(read: Read, kind: str) -> None:
    cell, value, _ = CELLS[kind]
    table = read(column(cell, cell), "t.xlsx")

    assert rows(table) == [(value, 1), (value, 1)]
    assert table.notes == []


@pytest.mark.parametrize("one", CELLS)
@pytest.mark.parametrize("other", CELLS)
def test_a_column_of_two_kinds_is_text_that_says_what_the_cells_said(
    read: Read, one: str, other: str
) -> None:
    table = read(column(CELLS[one][0], CELLS[other][0]), "t.xlsx")
    found = [row[0] for row in rows(table)]

    if one == other or any({one, other} <= alike for alike in ALIKE):
        assert all(not isinstance(value, str) or value == "x" for value in found)
        assert [float(v) if isinstance(v, int) else v for v in found][0] is not None
    else:
        assert found == [CELLS[one][2], CELLS[other][2]]
        assert table.notes == [MIXED]


def test_times_among_dates_are_no_days_of_1899(read: Read) -> None:
    table = read(column(number(0.5, "clock"), number(SERIAL, "day")), "t.xlsx")

    assert [row[0] for row in rows(table)] == ["12:00:00", "2023-03-15"]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("General", "number"),
        ("0.00E+00", "number"),
        ("[Red]0.0", "number"),
        ('0 "days"', "number"),
        ("0\\d", "number"),
        ("[$-409]d/m/yy h:mm AM/PM;@", "date"),
        ("mmm", "date"),
        ("mm:ss.0", "time"),
        ("[$-F400]h:mm:ss\\ AM/PM", "time"),
        ("[hh]:mm", "duration"),
        ("[mm]", "duration"),
        ("[ss].00", "duration"),
        ("#,##0;[h]", "number"),
        ("", "number"),
    ],
)
def test_what_a_number_format_shows(code: str, kind: str) -> None:
    assert format_kind(code) == kind


# Dates that count from 1904


EXTENSION = (
    '<extLst><ext xmlns:x14="http://schemas.microsoft.com/office/spreadsheetml/2009/9/main" uri="{1}">'
    '<x14:workbookPr defaultImageDpi="32767"/></ext></extLst>'
)


@pytest.mark.parametrize("extensions", ["", EXTENSION])
@pytest.mark.parametrize(("properties", "days"), [('<workbookPr date1904="1"/>', 0), ("<workbookPr/>", 1462)])
def test_dates_count_from_where_the_workbook_says(
    read: Read, extensions: str, properties: str, days: int
) -> None:
    day = number(SERIAL - 1462 + days, "day")
    content = xlsx(sheet([text("a")], [day], [number(SERIAL - 1462 + days, "day")]), properties, extensions)

    assert rows(read(content, "t.xlsx")) == [(DAY,), (DAY,)]


def test_times_of_a_workbook_from_1904_are_times(read: Read) -> None:
    content = xlsx(sheet([text("a")], [number(0.25, "clock")]), '<workbookPr date1904="true"/>', EXTENSION)

    assert rows(read(content, "t.xlsx")) == [(dt.time(6),)]


# Errors and formulas


def test_errors_are_missing_and_said(read: Read) -> None:
    error = '<c t="e"><f>B2/0</f><v>#DIV/0!</v></c>'
    table = read(column(number(1), error, '<c t="e"><v>#N/A</v></c>', error), "t.xlsx")

    assert [row[0] for row in rows(table)] == [1, None, None, None]
    assert table.notes == [
        "Column a: errors of the spreadsheet, read as missing: #DIV/0! (2), #N/A (1); "
        "the first one is in row 3."
    ]


@pytest.mark.parametrize(
    "formula",
    [
        "<c><f>1+1</f></c>",
        "<c><f>1+1</f><v/></c>",
        "<c><f>1+1</f><v></v></c>",
        '<c><f t="shared" si="0"/></c>',
    ],
)
def test_a_formula_that_was_never_computed_is_refused(refused: Callable[..., str], formula: str) -> None:
    assert refused(column(number(1), formula, formula), "t.xlsx") == (
        "Formulas without a computed value: 2; the first one is in A3. Open the workbook in a spreadsheet "
        "program, save it and upload it again."
    )


def test_openpyxl_computes_nothing_and_is_refused(refused: Callable[..., str]) -> None:
    book, made = openpyxl.Workbook(), io.BytesIO()
    book.active.append(["a", "twice"])
    book.active.append([1, "=A2*2"])
    book.save(made)

    assert refused(made.getvalue(), "t.xlsx").startswith(
        "Formulas without a computed value: 1; the first one is in B2"
    )


def test_a_formula_whose_value_is_an_empty_text_is_missing(read: Read) -> None:
    table = read(column('<c t="str"><f>IF(1,"")</f><v></v></c>', text("x")), "t.xlsx")

    assert [row[0] for row in rows(table)] == [None, "x"]


def test_computed_formulas_count_by_their_value(read: Read) -> None:
    table = read(column("<c><f>1+1</f><v>2</v></c>", '<c t="str"><f>"x"</f><v>3</v></c>'), "t.xlsx")

    assert [row[0] for row in rows(table)] == ["2", "3"]


def test_a_workbook_that_asks_to_be_computed_is_told(read: Read) -> None:
    formula = "<c><f>1+1</f><v>0</v></c>"
    content = xlsx(sheet([text("a")], [formula]), extensions='<calcPr calcId="124519" fullCalcOnLoad="1"/>')

    assert (
        read(content, "t.xlsx")
        .notes[0]
        .startswith("The workbook was written by a program that leaves its formulas")
    )
    assert read(workbook(One=[["a"], [1]]), "t.xlsx").notes == []


# How cells are written


@pytest.mark.parametrize("cell", [text("y"), '<c t="e"><v>#REF!</v></c>'])
def test_texts_are_read_without_how_they_are_spoken(read: Read, cell: str) -> None:
    """The same by both readers: an error makes the second one read."""
    strings = (
        '<si><r><t>東</t></r><r><t xml:space="preserve">京 </t></r><rPh sb="0" eb="1"><t>トウ</t></rPh></si>'
        "<si><t>line_x000D_end</t></si>"
    )
    content = xlsx(
        sheet([text("a"), text("b")], ['<c t="s"><v>0</v></c>', cell], ['<c t="s"><v>1</v></c>', cell]),
        strings=strings,
    )

    assert [row[0] for row in rows(read(content, "t.xlsx"))] == ["東京 ", "line\rend"]


def test_rows_and_cells_need_not_say_where_they_are(read: Read) -> None:
    row = f'<row>{text("a")}{text("b")}</row><row>{number(1)}<c t="e"><v>#REF!</v></c></row>'

    assert rows(read(xlsx(row), "t.xlsx")) == [(1, None)]


def test_a_table_may_begin_anywhere(read: Read) -> None:
    """Both readers; an error makes the second one read."""
    for last in (number(2), '<c t="e"><v>#REF!</v></c>'):
        table = read(
            xlsx(
                sheet(["", ""], ["", text("a"), text("b")], ["", number(1), last], ["", number(1), number(2)])
            ),
            "t.xlsx",
        )
        assert (headers(table), rows(table)[1], table.first_row) == (["a", "b"], (1, 2), 3)


@pytest.mark.parametrize("kind", ['<c r="XFE1"><v>1</v></c>', '<c r="A1048577" t="e"><v>#REF!</v></c>'])
def test_cells_beyond_a_sheet_are_refused(refused: Callable[..., str], kind: str) -> None:
    content = xlsx(f'<row r="1">{text("a")}<c t="e"><v>#REF!</v></c>{kind}</row>')

    assert "save it again" in refused(content, "t.xlsx")


# Titles and the layout


def test_titles_above_the_header_are_skipped_and_told(read: Read) -> None:
    table = read(workbook(One=[["Sales 2024"], ["as of May"], [], ["a", "b"], [1, 2], [3, 4]]), "t.xlsx")

    assert (headers(table), rows(table), table.first_row) == (["a", "b"], [(1, 2), (3, 4)], 5)
    assert table.notes == [
        "Rows above the header that were skipped: 3 (row 1: Sales 2024). "
        "If they belong to the table, set Header on line under Layout."
    ]


@pytest.mark.parametrize(
    "cells",
    [
        [["a"], [1], [2]],
        [[None, "b"], [1, 2]],
        [["a", None, "c"], [1, None, 2]],
    ],
)
def test_a_header_is_no_title(read: Read, cells: list[list[Any]]) -> None:
    table = read(workbook(One=cells), "t.xlsx")

    assert headers(table) == [cell or "" for cell in cells[0]]
    assert table.notes == []


LAYOUTS: list[tuple[dict[str, Any], list[str], list[tuple[Any, ...]]]] = [
    ({"header_line": 3}, ["a", "b"], [(1, 2), (3, 4)]),
    ({"header_line": 1}, ["Title", ""], [(None, None), ("a", "b"), ("1", "2"), ("3", "4")]),
    ({"skip_lines": 1}, ["a", "b"], [(1, 2), (3, 4)]),
    ({"skip_lines": 3, "header": "none"}, ["", ""], [(1, 2), (3, 4)]),
    ({"comment": "Ti"}, ["a", "b"], [(1, 2), (3, 4)]),
]


@pytest.mark.parametrize(("layout", "names", "values"), LAYOUTS)
@pytest.mark.parametrize("error", [False, True])
def test_the_layout_of_a_sheet_may_be_told(
    read: Read, layout: dict[str, Any], names: list[str], values: list[tuple[Any, ...]], error: bool
) -> None:
    """Both readers."""
    third = ['<c t="e"><v>#REF!</v></c>' if error else ""]
    content = xlsx(
        sheet(
            [text("Title")],
            [],
            [text("a"), text("b")],
            [number(1), number(2)],
            [number(3), number(4)],
            ["", "", *third],
        )
    )
    table = read(content, "t.xlsx", layout=Layout(**layout))
    width = 2

    assert headers(table)[:width] == names
    assert [row[:width] for row in rows(table)][: len(values)] == values


def test_a_title_alone_with_a_header_row_beyond_the_sheet(refused: Callable[..., str]) -> None:
    content = workbook(One=[["a"], [1]])

    assert (
        refused(content, "t.xlsx", layout=Layout(header_line=9))
        == "The sheet One has no row 9; it ends before."
    )
    assert refused(content, "t.xlsx", layout=Layout(skip_lines=9)).startswith("The sheet One is empty")


# Both readers alike


PLAIN = st.one_of(
    st.lists(st.integers(-(10**9), 10**9) | st.none(), min_size=3, max_size=3),
    st.lists(st.floats(-1e9, 1e9) | st.none(), min_size=3, max_size=3),
    st.lists(st.booleans() | st.none(), min_size=3, max_size=3),
    st.lists(st.text("abcäß漢 ", min_size=1, max_size=5) | st.none(), min_size=3, max_size=3),
    st.lists(
        st.datetimes(dt.datetime(1901, 1, 1), dt.datetime(2100, 1, 1)) | st.none(), min_size=3, max_size=3
    ),
    st.lists(st.dates(dt.date(1901, 1, 1), dt.date(2100, 1, 1)) | st.none(), min_size=3, max_size=3),
    st.lists(st.times() | st.none(), min_size=3, max_size=3),
)


@settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(60)
)
@given(columns=st.lists(PLAIN, min_size=1, max_size=4))
def test_both_readers_read_a_plain_sheet_alike(tmp_path: Path, columns: list[list[Any]]) -> None:
    path = tmp_path / "plain.xlsx"
    names = [f"c{at}" for at in range(len(columns))]
    path.write_bytes(workbook(One=[names, *map(list, zip(*columns, strict=True))]))
    options = ReadOptions()
    fast, slow = Stage(tmp_path), Stage(tmp_path)
    table = workbooks._read_fast(path, options, fast)
    other = workbooks._read_slow(path, options, slow)

    assert (headers(other), other.first_row, other.notes) == (headers(table), table.first_row, table.notes)
    assert pl.concat(fast.chunks()).equals(pl.concat(slow.chunks()))
