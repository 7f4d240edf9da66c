"""A value of any shape becomes nodes that a page can draw, and never too many."""

from __future__ import annotations

import pytest

from app.web.viewer import MOST_COLUMNS, MOST_ROWS, as_json, label, node


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
        ([], "text", "–"),
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
    assert label("rows_in") == "Rows in"
    assert [name for name, _ in node({"removed": {"empty_rows": 1, "doubles": 2}}).items] == ["Removed"]
    nested = node({"removed": {"empty_rows": 1, "doubles": 2}}).items[0][1]
    assert [name for name, _ in nested.items] == ["Empty rows", "Doubles"]
    data = node({"changed": {"horsepower": 1, "Year": 2}}).items[0][1]
    assert [name for name, _ in data.items] == ["horsepower", "Year"]


def test_large_values_are_cut_and_say_so():
    many = node([{"n": n} for n in range(MOST_ROWS + 7)])
    assert (len(many.rows), many.more) == (MOST_ROWS, 7)
    wide = node([{str(n): n for n in range(MOST_COLUMNS + 7)}])
    assert len(wide.columns) == MOST_COLUMNS
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
