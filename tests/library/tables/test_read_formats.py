"""JSON, Parquet and spreadsheets as tables: types, shapes and what is wrong with some."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable

import polars as pl
import pytest

from tests.library.reading import Read, headers, parquet, rows, workbook


def test_json_records_of_different_shape(read: Read) -> None:
    table = read('[{"a": 1, "b": "x"}, {"b": null, "c": true}, {}]', "table.json")

    assert headers(table) == ["a", "b", "c"]
    assert rows(table) == [(1, "x", None), (None, None, True), (None, None, None)]
    assert table.detected.format == "json"


def test_a_json_object_of_columns(read: Read) -> None:
    assert rows(read('{"a": [1, 2], "b": ["x", null]}', "table.json")) == [(1, "x"), (2, None)]


def test_json_lines_pass_over_blank_lines(read: Read) -> None:
    table = read('{"a": 1}\n\n{"a": 2.5}\n', "table.jsonl")

    assert rows(table) == [(1.0,), (2.5,)]
    assert table.detected.format == "jsonl"


def test_a_json_column_of_several_types_is_text_and_said_to_be(read: Read) -> None:
    table = read('[{"a": 1}, {"a": "x"}, {"a": true}, {"a": 1.5}]', "table.json")

    assert rows(table) == [("1",), ("x",), ("true",), ("1.5",)]
    assert table.notes == ["Values of several types became text: a."]


def test_nested_json_is_kept_as_json(read: Read) -> None:
    table = read('[{"a": ["x", 1]}, {"a": {"ü": null}}, {"a": null}, {"a": 5}]', "table.json")

    assert rows(table) == [('["x", 1]',), ('{"ü": null}',), (None,), ("5",)]
    assert table.columns[0].is_json


def test_an_integer_beyond_64_bits_keeps_its_digits(read: Read) -> None:
    assert rows(read('[{"a": 123456789012345678901234567890}]', "table.json")) == [
        ("123456789012345678901234567890",)
    ]


@pytest.mark.parametrize(
    ("content", "name", "sentence"),
    [
        ('{"a": 1}\n{"a": }\n', "t.jsonl", "Line 2 is not valid JSON: Expecting value at character 7."),
        (
            '[{"a": 1},\n {"a" 2}]',
            "t.json",
            "Line 2 is not valid JSON: Expecting ':' delimiter at character 7.",
        ),
        ("a,b\n1,2\n", "t.json", "Line 1 is not valid JSON: Expecting value at character 1."),
        ('{"a": 1}\n[2]\n', "t.jsonl", "Line 2 is not a record;"),
        ('[{"a": 1}, 2]', "t.json", "Element 2 of the array is not a record"),
        (
            '{"a": [1], "b": [1, 2]}',
            "t.json",
            "The columns are not equally long: a has 1 values and b has 2;",
        ),
        ('{"a": 1, "b": 2}', "t.json", "The JSON is not a table:"),
        ("{}", "t.json", "The JSON is not a table:"),
        ('{"a": []}', "t.json", "The columns hold no values;"),
        ("[]", "t.json", "The file holds no records;"),
        ("[{}]", "t.json", "The file holds no records;"),
        ('[{"a": NaN}]', "t.json", "The file is not valid JSON: it holds NaN."),
        ('[{"a": "\\ud800"}]', "t.json", "A text holds half of a character ('\\ud800');"),
        ("[" * 200_000, "t.json", "The JSON is nested too deeply"),
        (
            '[{"a": ' + "9" * 5_000 + "}]",
            "t.json",
            "The JSON is nested too deeply, or holds a number too long",
        ),
    ],
)
def test_what_is_wrong_with_json(refused: Callable[..., str], content: str, name: str, sentence: str) -> None:
    assert refused(content, name).startswith(sentence)


# Parquet and XLSX


def test_parquet_keeps_its_types(read: Read) -> None:
    made = io.BytesIO()
    frame = pl.DataFrame(
        {
            "n": [1, None],
            "day": [dt.date(2024, 3, 1)] * 2,
            "kind": pl.Series(["a", "b"], dtype=pl.Categorical),
        }
    )
    frame.write_parquet(made)
    table = read(made.getvalue(), "table.parquet")

    assert rows(table) == [(1, dt.date(2024, 3, 1), "a"), (None, dt.date(2024, 3, 1), "b")]
    assert table.columns[2].dtype == pl.String


@pytest.mark.parametrize(
    ("dtype", "a_day"),
    [(pl.Date(), 1), (pl.Datetime("ms"), 86_400_000), (pl.Datetime("us", "UTC"), 86_400_000_000)],
)
def test_dates_beyond_the_calendar_are_refused(
    read: Read, refused: Callable[..., str], dtype: pl.DataType, a_day: int
) -> None:
    """Parquet has them, Python has not; they come from mistakes such as a year of six digits."""
    physical = pl.Int32() if dtype == pl.Date else pl.Int64()
    days = (dt.date(9999, 12, 31) - dt.date(1970, 1, 1)).days
    last, beyond = (
        parquet(pl.DataFrame({"until": pl.Series([day * a_day], dtype=physical).cast(dtype)}))
        for day in (days, days + 1)
    )

    assert rows(read(last, "t.parquet"))[0][0].year == 9999
    assert refused(beyond, "t.parquet") == (
        "Column until holds a date outside of the years 1 to 9999; correct it."
    )


def test_a_sheet_has_integers_dates_and_times_where_all_values_are(read: Read) -> None:
    noon, midnight = dt.datetime(2024, 3, 1, 12), dt.datetime(2024, 3, 1)
    table = read(
        workbook(
            One=[
                ["whole", "part", "day", "moment", "time", "zip", "mixed", "yes"],
                [1, 1.5, midnight, noon, dt.time(10, 30), "00501", 1, True],
                [2, 2, None, midnight, dt.time(0), "10001", "x", False],
            ]
        ),
        "table.xlsx",
    )

    assert rows(table) == [
        (1, 1.5, dt.date(2024, 3, 1), noon, dt.time(10, 30), "00501", "1", True),
        (2, 2.0, None, midnight, dt.time(0), "10001", "x", False),
    ]
    assert [type(value) for value in rows(table)[0][:2]] == [int, float]


def test_the_header_of_a_sheet_is_its_first_row_that_is_not_empty(read: Read) -> None:
    table = read(workbook(One=[[], [], ["a", None, 2024], [], [1, 2, 3]]), "table.xlsx")

    assert headers(table) == ["a", "", "2024"]
    assert rows(table) == [(None, None, None), (1, 2, 3)]


def test_a_sheet_with_only_a_header(read: Read) -> None:
    table = read(workbook(One=[["a", "b"]]), "table.xlsx")

    assert (headers(table), table.height) == (["a", "b"], 0)
    assert table.notes == ["The table has a header and no rows."]


def test_the_first_of_several_sheets_is_read_and_the_others_are_told(read: Read) -> None:
    content = workbook(One=[["a"], [1]], Two=[["b"], [2]])

    assert headers(read(content, "t.xlsx")) == ["a"]
    assert read(content, "t.xlsx").notes == ["The workbook has 2 sheets; the first one, One, was read."]


def test_a_sheet_that_is_named_is_read(read: Read) -> None:
    table = read(workbook(One=[["a"], [1]], Two=[["b"], [2]]), "t.xlsx", sheet="Two")

    assert (headers(table), table.notes) == (["b"], [])
    assert table.detected.sheet == "Two"


@pytest.mark.parametrize(
    ("sheet", "sentence"),
    [
        ("Ome", "The workbook has no sheet named Ome. Did you mean One? Its sheets are: One, Empty."),
        ("Empty", "The sheet Empty is empty; a header row was expected."),
    ],
)
def test_sheets_that_cannot_be_read(refused: Callable[..., str], sheet: str, sentence: str) -> None:
    assert refused(workbook(One=[["a"], [1]], Empty=[]), "t.xlsx", sheet=sheet) == sentence


def test_nothing_about_empty_columns_is_logged(read: Read, caplog: pytest.LogCaptureFixture) -> None:
    read(workbook(One=[["a", "b"], [1, None]]), "t.xlsx")

    assert caplog.records == []
