"""JSON documents as tables: what pandas writes, records inside of an object, and numbers of many digits."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pandas
import polars as pl
import pytest

from tests.library.conftest import Cleaned
from tests.library.reading import Read, headers, parquet, rows
from tests.library.transforming import Transform

FRAME = pandas.DataFrame({"name": ["Ann", "Bob", None], "age": [30, 17, 5], "2024": [1.5, None, 2.0]})
NUMBERED = pandas.DataFrame([[1, 2], [3, 4]])
LABELED = pandas.DataFrame({"age": [30, 17], "state": ["CA", "NY"]}, index=["ann", "bob"])
VALUES = [("Ann", 30, 1.5), ("Bob", 17, None), (None, 5, 2.0)]


@pytest.mark.parametrize("orient", ["columns", "index", "split", "table", "records"])
def test_every_way_in_which_pandas_writes_a_table(read: Read, orient: str) -> None:
    table = read(FRAME.to_json(orient=orient), "t.json")
    found = rows(table)

    if orient == "table":
        assert [row[1:] for row in found] == VALUES
    else:
        assert (headers(table), found, table.notes) == (["name", "age", "2024"], VALUES, [])


@pytest.mark.parametrize("orient", ["columns", "index", "split", "table"])
def test_labels_of_rows_are_a_column(read: Read, orient: str) -> None:
    table = read(LABELED.to_json(orient=orient), "t.json")

    assert headers(table) == ["index", "age", "state"]
    assert rows(table) == [("ann", 30, "CA"), ("bob", 17, "NY")]


def test_what_may_be_columns_or_records_is_told(read: Read) -> None:
    table = read('{"ann": {"x": 1, "y": 2}, "bob": {"x": 3, "y": 4}}', "t.json")

    assert (headers(table), rows(table)) == (["index", "x", "y"], [("ann", 1, 2), ("bob", 3, 4)])
    assert table.notes == ["The document was read as one record for each name, which is in the column index."]


def test_columns_that_are_numbers_are_columns(read: Read) -> None:
    table = read(NUMBERED.to_json(), "t.json")

    assert (headers(table), rows(table)) == (["0", "1"], [(1, 2), (3, 4)])


def test_labels_that_are_chosen_numbers_stay(read: Read) -> None:
    table = read(FRAME[FRAME.age > 10].iloc[::-1].to_json(), "t.json")

    assert headers(table)[0] == "index"
    assert [row[0] for row in rows(table)] == ["1", "0"]
    assert table.notes == ["The labels of the rows are in the column index."]


def test_pandas_reads_back_what_it_wrote(read: Read) -> None:
    """The reading by columns is the one of pandas itself."""
    text = FRAME.to_json()
    theirs = pandas.read_json(io.StringIO(text))

    assert headers(read(text, "t.json")) == [str(name) for name in theirs.columns]


WRAPPED: list[tuple[Any, list[str], list[str]]] = [
    ({"data": [{"a": 1}]}, ["a"], []),
    ({"anything": [{"a": 1}]}, ["a"], []),
    (
        {"count": 1, "next": None, "results": [{"a": 1}]},
        ["a"],
        ["The records of results were read; the document also holds: count, next."],
    ),
]


@pytest.mark.parametrize(("document", "names", "notes"), WRAPPED)
def test_records_inside_of_an_object(read: Read, document: Any, names: list[str], notes: list[str]) -> None:
    table = read(json.dumps(document), "t.json")

    assert (headers(table), rows(table), table.notes) == (names, [(1,)], notes)


@pytest.mark.parametrize(
    "document",
    [
        {"name": "x", "resources": [{"a": 1}]},
        {"data": [{"a": 1}], "items": [{"b": 1}], "n": 1},
        {"scripts": {"test": "x"}, "dependencies": {"a": "1"}},
        {"config": {"a": 1}},
        {"a": {"x": 1}, "b": 2},
        {"data": []},
        {"data": [{"a": 1}, 2], "n": 1},
    ],
)
def test_what_is_no_table_stays_refused(refused: Callable[..., str], document: Any) -> None:
    sentence = refused(json.dumps(document), "t.json")

    assert sentence.startswith(
        ("The JSON is not a table", "The columns are not equally", "The columns hold no")
    )


def test_columns_of_objects_stay_columns(read: Read) -> None:
    assert headers(read('{"a": [{"x": 1}], "b": [{"y": 2}]}', "t.json")) == ["a", "b"]


def test_columns_of_one_name_are_refused(refused: Callable[..., str]) -> None:
    assert refused('{"columns": ["a", "a"], "data": [[1, 2]]}', "t.json").startswith(
        "Two columns of the JSON"
    )


# Digits

LONG = ["12345678901234567890.123456789", "0.1234567890123456789", "-98765432109876543.25"]


@pytest.mark.parametrize("number", LONG)
def test_json_numbers_of_many_digits_keep_them(clean: Callable[..., Cleaned], number: str) -> None:
    cleaned = clean(f'[{{"a": {number}}}, {{"a": 1.5}}]', "t.json", output="csv")

    assert [row[0] for row in cleaned.rows] == ["a", number, "1.5"]


@pytest.mark.parametrize("number", ["1.5", "1.500000000000000000000", "1e300", "0.30000000000000004", "-0.0"])
def test_json_numbers_that_fit_are_numbers(read: Read, number: str) -> None:
    assert rows(read(f'[{{"a": {number}}}]', "t.json")) == [(float(number),)]


def decimals(*values: str) -> bytes:
    return parquet(pl.DataFrame({"d": pl.Series([Decimal(v) for v in values], dtype=pl.Decimal(38, 9))}))


@pytest.mark.parametrize("output", ["json", "jsonl"])
def test_decimals_keep_their_digits_in_json(
    clean: Callable[..., Cleaned], transform: Transform, output: str
) -> None:
    content = decimals("12345678901234567890.123456789", "1.5")
    transformed = next(iter(transform(content, "t.parquet", output=output).files.values())).decode()
    for text in (clean(content, "t.parquet", output=output).text, transformed):
        found = json.loads(text) if output == "json" else [json.loads(line) for line in text.splitlines()]
        assert [record["d"] for record in found] == ["12345678901234567890.123456789", "1.500000000"]


@pytest.mark.parametrize("output", ["json", "jsonl"])
def test_decimals_that_floating_point_holds_are_numbers_in_json(
    clean: Callable[..., Cleaned], output: str
) -> None:
    text = clean(decimals("123456.25", "-1.5"), "t.parquet", output=output).text

    assert '"d":123456.25' in text and '"d":-1.5' in text


@pytest.mark.parametrize(
    ("values", "written"),
    [
        (["12345678901234567890.123456789"], ["12345678901234567890.123456789"]),
        (["1234567890123.456"], ["1234567890123.456000000"]),
        (["123456789012.345"], [123456789012.345]),
    ],
)
def test_decimals_keep_their_digits_in_a_sheet(
    clean: Callable[..., Cleaned], read: Read, values: list[str], written: list[Any]
) -> None:
    cleaned = clean(decimals(*values), "t.parquet", output="xlsx")

    assert [row[0] for row in rows(read(cleaned.content, "t.xlsx"))] == written


# Long cells


@pytest.mark.parametrize("length", [131_072, 131_073, 1_000_000])
def test_a_long_cell_is_read(read: Read, length: int) -> None:
    table = read(f'a,b\n"{"x" * length}",1\n2,3\n', "t.csv")

    assert [len(row[0]) for row in rows(table)] == [length, 1]


def test_a_mark_that_is_never_closed_is_still_called_that(refused: Callable[..., str]) -> None:
    assert refused('a,b\n1,"x\n' + "2,3\n" * 100_000, "t.csv") == (
        "A quotation mark that is opened in the row on line 2 is never closed. Close it."
    )
