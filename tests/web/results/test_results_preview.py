"""The first rows of a table on the page: types, what is missing, what is cut, what is left out."""

from __future__ import annotations

import re
from typing import Any

import pytest

from app.web.results.preview import MOST_COLUMNS, MOST_ROWS, build
from tests.web.looking import text_of


def table(rows: list[list[Any]], names: list[str], **totals: int) -> dict[str, Any]:
    columns = [{"name": name, "type": "text"} for name in names]
    return {"columns": columns, "rows": rows, **totals}


def test_types_missing_empty_and_cut_cells_are_told(shown):
    value = {
        "columns": [{"name": "n", "type": "integer"}, {"name": "t", "type": "text"}],
        "rows": [["0012", None], [None, ""], ["1", {"text": "begin", "length": 50_000}], ["2", "a\nb"]],
        "total_rows": 12_345,
        "total_columns": 300,
    }
    html = shown({"notes": ["Seen."], "first_rows": value}, {"first_rows": "preview"})
    page = text_of(html)

    assert "n integer" in page and "t text" in page
    assert "0012" in page and "empty text" in page and "a↵b" in page
    assert "begin… 50,000 characters" in page
    assert "The first 4 of 12,345 rows, the first 2 of 300 columns; 1 long cell cut." in page
    assert re.search(r'<th scope="col" class="num">n', html)
    assert html.count('title="missing"') == 2
    assert page.index("Seen.") < page.index("0012")


def test_nothing_left_out_says_so_plainly(shown):
    assert "No rows, 1 column." in text_of(shown(table([], ["a"]), "preview"))
    assert "1 row, 2 columns." in text_of(shown(table([["x", "y"]], ["a", ""]), "preview"))


def test_what_an_author_sends_beyond_measure_is_bounded():
    names = [f"c{at}" for at in range(MOST_COLUMNS + 5)]
    found = build(table([[True] * len(names)] * (MOST_ROWS + 5), names))

    assert found is not None
    assert (len(found.rows), found.total_rows) == (MOST_ROWS, MOST_ROWS + 5)
    assert (len(found.columns), len(found.rows[0]), found.total_columns) == (
        MOST_COLUMNS,
        MOST_COLUMNS,
        MOST_COLUMNS + 5,
    )
    assert found.rows[0][0].text == "true"


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"columns": [], "rows": {}},
        {"columns": ["a"], "rows": []},
        {"columns": [{"name": 1}], "rows": []},
        table([["x", "y"]], ["a"]),
        table(["x"], ["a"]),  # type: ignore[list-item]
    ],
)
def test_what_is_no_beginning_of_a_table_is_refused(value):
    assert build(value) is None


def test_odd_totals_and_lengths_do_not_break_it():
    found = build({**table([[{"text": "x", "length": "y"}]], ["a"]), "total_rows": "9", "total_columns": -1})

    assert found is not None
    assert (found.total_rows, found.total_columns, found.cut) == (1, 1, 0)
