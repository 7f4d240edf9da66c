"""The first rows of a table beside its report: they are what stands in the file, and bounded."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dtq._types.task_type import registered
from dtq_library.tables.analyze.task import analyse_table
from dtq_library.tables.check.task import check_table
from dtq_library.tables.clean.task import clean_table
from dtq_library.tables.preview import (
    MOST_BYTES,
    MOST_CHARS,
    MOST_COLUMNS,
    MOST_ROWS,
    Head,
    preview,
)
from dtq_library.tables.transform.task import transform_table
from tests.plugins.examples import examples
from workers.testing import Ran, Upload, run

TYPES = [clean_table, transform_table, analyse_table, check_table]
NEEDED: dict[Callable[..., Any], dict[str, Any]] = {check_table: {"rules": ["name not missing"]}}
PEOPLE = "name,amount,since\nMüller,1.10,2024-01-31\nNúñez,0012,2024-02-01\n"


def ran(function: Callable[..., Any], content: str, name: str = "t.csv", **params: Any) -> Ran:
    return run(function, source=Upload(name, content.encode()), **NEEDED.get(function, {}), **params)


def header(shown: dict[str, Any]) -> list[str]:
    return [column["name"] for column in shown["columns"]]


def read_back(ran: Ran, fmt: str) -> list[list[str]]:
    """What stands in the file, as text."""
    content = next(iter(ran.files.values()))
    if fmt in ("csv", "tsv"):
        return list(csv.reader(io.StringIO(content.decode()), delimiter="\t" if fmt == "tsv" else ","))[1:]
    if fmt in ("json", "jsonl"):
        records = json.loads(content) if fmt == "json" else map(json.loads, content.decode().splitlines())
        return [[str(cell) for cell in record.values()] for record in records]
    frame = pl.read_parquet(content) if fmt == "parquet" else pl.read_excel(content)
    return [[str(cell) for cell in row] for row in frame.iter_rows()]


@pytest.mark.parametrize("function", TYPES)
def test_every_result_begins_with_its_notes_and_the_first_rows(function: Callable[..., Any]) -> None:
    result = ran(function, PEOPLE).result

    assert list(result)[:2] == ["notes", "first_rows"]
    assert header(result["first_rows"]) == ["name", "amount", "since"]
    assert result["first_rows"]["rows"][1][0] == "Núñez"
    assert (result["first_rows"]["total_rows"], result["first_rows"]["total_columns"]) == (2, 3)
    assert registered(function).document()["result"]["first_rows"] == "preview"


@pytest.mark.parametrize("function", [clean_table, transform_table])
@pytest.mark.parametrize("output", ["csv", "tsv", "jsonl", "json", "parquet", "xlsx"])
def test_the_first_rows_are_those_of_the_file(function: Callable[..., Any], output: str) -> None:
    done = ran(function, "id,name,n\n1,Ann,0.5\n2,\u4e2d,2.25\n", output=output)

    assert done.result["first_rows"]["rows"] == read_back(done, output)
    assert [column["type"] for column in done.result["first_rows"]["columns"]] == [
        "integer",
        "text",
        "number",
    ]


def test_the_word_for_missing_is_seen_as_it_was_written() -> None:
    assert ran(clean_table, "a,b\n1,\n", write_missing_as="NULL", drop_empty=False).result["first_rows"][
        "rows"
    ] == [["1", "NULL"]]


def test_the_first_rows_of_the_report_of_broken_rows_are_there() -> None:
    result = ran(check_table, "name,n\n,1\nAnn,2\n").result

    assert header(result["first_broken"]) == ["row", "column", "value", "rule"]
    assert result["first_broken"]["rows"] == [["2", "name", "", "name not missing"]]
    assert ran(check_table, "name\nAnn\n").result["first_broken"]["rows"] == []


@pytest.mark.parametrize("function", TYPES)
def test_a_table_without_rows_shows_its_columns(function: Callable[..., Any]) -> None:
    shown = ran(function, "name,b\n").result["first_rows"]

    assert (header(shown), shown["rows"], shown["total_rows"]) == (["name", "b"], [], 0)


@pytest.mark.parametrize("function", TYPES)
def test_wide_and_long_tables_are_cut_and_counted(function: Callable[..., Any]) -> None:
    width = MOST_COLUMNS + 7
    names = ["name", *(f"c{at}" for at in range(1, width))]
    row = ["x" * 5_000, *("1" for _ in names[1:])]
    lines = [",".join(each) for each in (names, *([f"{at}{row[0]}", *row[1:]] for at in range(30)))]
    shown = ran(function, "\n".join(lines)).result["first_rows"]

    assert (len(shown["columns"]), shown["total_columns"]) == (MOST_COLUMNS, width)
    assert (len(shown["rows"]), shown["total_rows"]) == (MOST_ROWS, 30)
    assert shown["rows"][0][0] == {"text": ("0" + row[0])[:MOST_CHARS], "length": 5_001}


CELLS = st.none() | st.text(max_size=400)


@settings(max_examples=examples(60), deadline=None)
@given(
    st.integers(1, MOST_COLUMNS + 20).flatmap(
        lambda width: st.lists(
            st.tuples(CELLS, CELLS).map(lambda pair: [*pair, *("語" * 300 for _ in range(width))]),
            max_size=30,
        )
    ),
    st.integers(1, 7),
)
def test_whatever_the_cells_are_they_are_the_first_ones_and_bounded(
    rows: Sequence[Sequence[str | None]], size: int
) -> None:
    """Frames of any size; cells of any text; of rows with long cells fewer are shown."""
    width = len(rows[0]) if rows else 3
    schema = [f"{at}" * 200 for at in range(width)]
    frame = pl.DataFrame(list(rows), schema=dict.fromkeys(schema, pl.String), orient="row")
    head = Head()
    passed = list(head.watch([frame.slice(at, size) for at in range(0, max(1, len(rows)), size)]))
    shown = head.preview({})

    assert pl.concat(passed).equals(frame)
    assert shown == preview(frame, len(rows), {})
    assert (shown["total_rows"], shown["total_columns"]) == (len(rows), width)
    assert len(json.dumps(shown["rows"], ensure_ascii=False).encode()) <= MOST_BYTES + 4 * MOST_CHARS * width
    assert bool(shown["rows"]) == bool(rows)
    for found, written in zip(shown["rows"], rows, strict=False):
        for cell, whole in zip(found, written, strict=False):
            assert cell == whole or cell == {"text": (whole or "")[:MOST_CHARS], "length": len(whole or "")}
