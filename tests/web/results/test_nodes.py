"""A value of any shape becomes nodes that a page can draw, and never too many."""

from __future__ import annotations

import pytest

from app.web.results.nodes import MOST_COLUMNS, MOST_ROWS, SavedFile, as_json, label, node

SAVED = {
    "file_id": "0" * 24,
    "name": "clean.csv",
    "size": 8,
    "sha256": "ab" * 32,
    "content_type": "text/csv",
}


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        ("short", "text", "short"),
        ("", "text", "–"),
        (None, "text", "–"),
        (True, "text", "yes"),
        (1234, "number", "1,234"),
        (0.5, "number", "0.5"),
        ("two\nlines", "block", "two\nlines"),
        ("x" * 200, "block", "x" * 200),
        (["iata", "name"], "text", "iata, name"),
        ([], "text", "none"),
        ({}, "text", "none"),
        ({"trimmed": 12}, "pairs", ""),
    ],
)
def test_scalars(value, kind, text):
    shown = node(value)
    assert (shown.kind, shown.text) == (kind, text)


def test_sentences_are_a_list():
    assert node(["A sentence that is long enough to stand alone.", "Another."]).kind == "list"


def test_rows_become_a_table_over_all_columns():
    table = node([{"name": "a", "missing": 1}, {"name": "b", "cells_changed": 2}])
    assert table.columns == ["Name", "Missing", "Cells changed"]
    assert [[cell.text for cell in row] for row in table.rows] == [["a", "1", "–"], ["b", "–", "2"]]


def test_alike_dictionaries_become_a_table_by_name():
    table = node({"iata": {"missing": 1}, "Name": {"missing": 2}})
    assert table.kind == "table"
    assert [row[0].text for row in table.rows] == ["iata", "Name"]


def test_names_are_told_from_data():
    assert [label(key) for key in ("rows_in", "sha256", "file_id", "Year", "a b")] == [
        "Rows in",
        "SHA-256",
        "File ID",
        "Year",
        "a b",
    ]
    assert [name for name, _ in node({"removed": {"empty_rows": 1, "doubles": 2}}).items] == ["Removed"]
    nested = node({"removed": {"empty_rows": 1, "doubles": 2}}).items[0][1]
    assert [name for name, _ in nested.items] == ["Empty rows", "Doubles"]
    total = node({"cells_changed": {"total": 3, "trimmed": 3}}).items[0][1]
    assert [name for name, _ in total.items] == ["Total", "Trimmed"]
    data = node({"changed": {"horsepower": 1, "Year": 2}}).items[0][1]
    assert [name for name, _ in data.items] == ["horsepower", "Year"]


def test_a_dictionary_in_a_cell_is_a_line():
    rows = [
        {"name": "iata", "changes": {"trimmed": 1_200, "empty_rows": 3}},
        {"name": "city", "changes": {}},
        {"name": "state", "changes": {"by": {"who": "alice"}}},
    ]
    cells = [row[1] for row in node(rows).rows]
    assert [cell.text for cell in cells[:2]] == ["trimmed 1,200, empty rows 3", "none"]
    assert cells[2].kind == "pairs"


class TestFiles:
    def test_what_save_file_returned_is_a_file(self):
        shown = node({"rows": 3, "file": SAVED}).items[1][1]
        assert (shown.kind, shown.text) == ("file", "clean.csv")
        assert shown.file == SavedFile("0" * 24, "clean.csv", 8, "ab" * 32, "text/csv")

    def test_several_are_a_list_and_not_a_table(self):
        several = node([SAVED, SAVED])
        assert (several.kind, [each.kind for _, each in several.items]) == ("list", ["file", "file"])

    def test_in_a_cell(self):
        assert node([{"part": 1, "file": SAVED}]).rows[0][1].kind == "file"

    @pytest.mark.parametrize(
        "changed",
        [
            {"file_id": "../../x"},
            {"file_id": 7},
            {"sha256": "ab"},
            {"size": "8"},
            {"name": None},
            {"more": 1},
        ],
    )
    def test_anything_else_is_none(self, changed):
        assert node({**SAVED, **changed}).kind == "pairs"


def test_large_values_are_cut_and_say_so():
    many = node([{"n": n} for n in range(MOST_ROWS + 7)])
    assert (len(many.rows), many.more) == (MOST_ROWS, 7)
    wide = node([{str(n): n for n in range(MOST_COLUMNS + 7)}])
    assert (len(wide.columns), wide.wider) == (MOST_COLUMNS, 7)
    assert node({str(n): n for n in range(MOST_ROWS + 1)}).more == 1


def test_depth_is_bounded():
    deep: object = "end"
    for _ in range(50):
        deep = {"more": [deep]}
    assert "end" in as_json(deep)
    shown = node(deep)
    while shown.kind == "pairs" or shown.kind == "table":
        shown = shown.rows[0][0] if shown.rows else shown.items[0][1]
    assert shown.kind == "block"
