"""Tables as they come: every format, what is wrong with one, and files that mean harm."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import date, datetime
from typing import Any

import openpyxl
import pytest

from app.core.errors import Invalid
from app.web.batches import tables, workbooks
from app.web.batches.tables import ABSENT, Table, read


def workbook(*rows: list[Any]) -> bytes:
    book, kept = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(kept)
    return kept.getvalue()


def cells(table: Table) -> list[list[Any]]:
    return [list(row.cells) for row in table.rows]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"name,age\nAnn,3\n\nBob,4\n", "t.csv"),
        (b"\xef\xbb\xbfname,age\r\nAnn,3\r\n,\r\nBob,4", "t.csv"),
        (b"name;age\nAnn;3\nBob;4\n", "t.csv"),
        (b"name\tage\nAnn\t3\nBob\t4\n", "pasted"),
        ("name,age\nAnn,3\nBob,4\n".encode("utf-16"), "t.csv"),
        (b'"name","age"\n"Ann","3"\n"Bob",4,,\n', "t.csv"),
        (workbook(["name", "age"], ["Ann", 3], [], ["Bob", 4.0]), "t.xlsx"),
    ],
)
def test_each_format_is_the_same_table(content: bytes, name: str) -> None:
    table = read(content, name)
    assert table.columns == ("name", "age") and cells(table) == [["Ann", "3"], ["Bob", "4"]]


def test_lines_and_lists_of_json_keep_their_types() -> None:
    lines = b'{"n": 1, "tags": ["a"]}\n\n{"n": null}\n7\n{"n": \n'
    table = read(lines)
    assert (table.typed, table.columns) == (True, ("n", "tags"))
    assert [list(row.cells) for row in table.rows[:2]] == [[1, ["a"]], [None, ABSENT]]
    assert [(row.number, bool(row.problem)) for row in table.rows] == [
        (1, False),
        (3, False),
        (4, True),
        (5, True),
    ]
    assert cells(read(b' [{"n": 1}, {"n": 2}]')) == [[1], [2]]


def test_cells_of_a_workbook_are_what_one_would_type() -> None:
    given = [True, 3.5, datetime(2026, 11, 27, 8, 30), date(2026, 11, 27), "x", None, 1e20]
    texts = ["yes", "3.5", "2026-11-27T08:30:00", "2026-11-27", "x", "", "100000000000000000000"]
    assert cells(read(workbook([*"abcdefg"], given)))[0][:6] == texts[:6]


def test_heads_and_rows_of_other_lengths() -> None:
    table = read(b"a,a,,b\n1\n1,2,3,4,5\n")
    assert table.columns == ("a", "a (2)", "Column 3", "b")
    assert list(table.rows[0].cells) == ["1", "", "", ""] and "5 cells" in table.rows[1].problem


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no rows"),
        (b"a,b\n", "no rows"),
        (b"a\n" + b"1\n" * 10_001, "more than 10,000 rows"),
        (b",".join(b"c%d" % n for n in range(101)) + b"\n1\n", "more than 100 columns"),
        (b'a\n"' + b"x" * 200_000 + b'"\n', "a cell is too long"),
        (b"\x00\x01\x02", "isn't a table"),
        (b"\xd0\xcf\x11\xe0 old", "old Excel file"),
        (b"PK\x03\x04 broken", "can't be read"),
        (b"[1, 2", "can't be read"),
        (b"[" * 50_000, "can't be read"),
        (b'{"n": 1}\n' * 10_001, "more than 10,000 rows"),
        (json.dumps({f"c{n}": 1 for n in range(101)}).encode(), "more than 100 columns"),
    ],
)
def test_what_is_wrong_with_a_whole_table(content: bytes, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        read(content, "t.csv")


@pytest.mark.parametrize("limit", [1_000, 10**9])
def test_the_limit_of_a_cell_is_ours(limit: int) -> None:
    """Somebody else in the process may have changed that of `csv`."""
    before = csv.field_size_limit(limit)
    try:
        with pytest.raises(Invalid, match="a cell is too long"):
            read(b'a\n"' + b"x" * 200_000 + b'"\n', "t.csv")
    finally:
        csv.field_size_limit(before)


# Workbooks that mean harm


def changed(part: str, content: bytes, rows: int = 1) -> bytes:
    """A workbook in which a part is another."""
    good, kept = zipfile.ZipFile(io.BytesIO(workbook(["a"], *[[1]] * rows))), io.BytesIO()
    with zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as made:
        for name in good.namelist():
            made.writestr(name, content if name == part else good.read(name))
    return kept.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
MAIN = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def sheet(rows: bytes) -> bytes:
    return b"<worksheet %s><sheetData>%s</sheetData></worksheet>" % (MAIN, rows)


HEAD = b'<row r="1"><c r="A1"><v>1</v></c></row>'


@pytest.mark.parametrize(
    "content",
    [
        changed(SHEET, b"not xml"),
        changed(SHEET, sheet(b'<row r="1"><c t="s"><v>99</v></c></row>')),
        changed(SHEET, sheet(b'<row r="x"><c r="??"><v>1</v></c></row>')),
        changed(SHEET, sheet(HEAD + b'<row r="999999999"><c><v>1</v></c></row>')),
        changed(SHEET, sheet(b'<row r="1">' + b"<c/>" * 1_000_000 + b"</row>")),
        changed(SHEET, b"<worksheet>" + b" " * (65 * 2**20)),
        changed("xl/styles.xml", b"<styleSheet %s>" % MAIN + b"<x/>" * 200_000 + b"</styleSheet>"),
        changed(
            SHEET,
            b'<!DOCTYPE x [<!ENTITY a "' + b"a" * 1_000 + b'">'
            + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 100) for n in range(6))
            + b"]>" + sheet(b'<row r="1"><c t="str"><v>&g;</v></c></row>'),
        ),
        changed("[Content_Types].xml", b"<x/>"),
    ],
)  # fmt: skip
def test_a_workbook_that_means_harm_is_one_sentence(content: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        read(content)
    assert str(refused.value) in (workbooks.DAMAGED, workbooks.TOO_LARGE, tables.EMPTY)


def test_what_a_workbook_says_of_its_size_counts_for_nothing() -> None:
    claims = sheet(HEAD + b'<row r="2"><c r="A2"><v>7</v></c><c r="XFD2"><v>1</v></c></row>')
    claims = claims.replace(b"<sheetData>", b'<dimension ref="A1:XFD1048576"/><sheetData>')
    table = read(changed(SHEET, claims))
    assert cells(table) == [["7"]]
