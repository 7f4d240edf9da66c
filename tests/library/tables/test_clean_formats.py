"""*Clean a table* into every format: what each keeps, and how the file is called."""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Callable

import polars as pl
import pytest
import xlsxwriter

from dtq_library.tables.io import excel
from tests.library.conftest import Cleaned
from tests.library.reading import parquet

Clean = Callable[..., Cleaned]
Refusal = Callable[..., str]


ONE_OF_EACH = (
    '[{"text": "x", "int": 1, "num": 1.5, "yes": true, "day": "1 Mar 2024", "at": "2024-03-01 10:00",'
    ' "zone": "2024-03-01T12:00+02:00"},'
    ' {"z": "00501"}]'
)


def test_csv_has_each_value_as_text(clean: Clean) -> None:
    cleaned = clean(ONE_OF_EACH, "t.json", output="csv", drop_empty=False)

    assert cleaned.rows == [
        ["text", "int", "num", "yes", "day", "at", "zone", "z"],
        ["x", "1", "1.5", "true", "2024-03-01", "2024-03-01T10:00:00", "2024-03-01T12:00:00+02:00", ""],
        ["", "", "", "", "", "", "", "00501"],
    ]


@pytest.mark.parametrize("output", ["json", "jsonl"])
def test_json_has_numbers_and_truth_and_text_for_the_rest(clean: Clean, output: str) -> None:
    cleaned = clean(ONE_OF_EACH, "t.json", output=output)
    lines = (
        cleaned.text.splitlines()
        if output == "jsonl"
        else [json.dumps(each) for each in json.loads(cleaned.text)]
    )

    assert json.loads(lines[0]) == {
        "text": "x",
        "int": 1,
        "num": 1.5,
        "yes": True,
        "day": "2024-03-01",
        "at": "2024-03-01T10:00:00",
        "zone": "2024-03-01T12:00:00+02:00",
        "z": None,
    }
    assert json.loads(lines[1])["z"] == "00501"


def test_parquet_has_typed_columns(clean: Clean) -> None:
    cleaned = clean(ONE_OF_EACH, "t.json", output="parquet")
    frame = pl.read_parquet(cleaned.content)

    assert frame.row(0) == (
        "x",
        1,
        1.5,
        True,
        dt.date(2024, 3, 1),
        dt.datetime(2024, 3, 1, 10),
        dt.datetime(2024, 3, 1, 10, tzinfo=dt.timezone.utc),
        None,
    )
    assert frame.row(1) == (None,) * 7 + ("00501",)


def test_a_spreadsheet_has_typed_cells(clean: Clean) -> None:
    cleaned = clean(ONE_OF_EACH, "t.json", output="xlsx")
    frame = pl.read_excel(cleaned.content)

    assert frame.row(0) == (
        "x",
        1,
        1.5,
        True,
        dt.date(2024, 3, 1),
        dt.datetime(2024, 3, 1, 10),
        "2024-03-01T10:00:00Z",  # as text: a spreadsheet has no time zones
        None,
    )
    assert frame["z"].to_list() == [None, "00501"]


def test_texts_in_a_spreadsheet_are_no_formulas_links_or_numbers(clean: Clean) -> None:
    cells = ["=1+1", "https://example.org", "00501"]
    cleaned = clean("\n".join(["a", *cells]), output="xlsx")

    assert pl.read_excel(cleaned.content)["a"].to_list() == cells


def test_a_spreadsheet_keeps_what_it_would_change_as_text(clean: Clean) -> None:
    frame = pl.DataFrame(
        {
            "card": [4111111111111111],
            "old": [dt.date(1899, 1, 1)],
            "far": [float("inf")],
            "list": [[1, 2]],
            "raw": [b"\x00a"],
            "long": [dt.timedelta(hours=1)],
        }
    )
    cleaned = clean(parquet(frame), "t.parquet", output="xlsx")

    assert pl.read_excel(cleaned.content).row(0) == (
        "4111111111111111",
        "1899-01-01",
        "inf",
        "[1,2]",
        "AGE=",
        "PT1H",
    )


@pytest.mark.parametrize(
    ("limit", "most", "sentence"),
    [
        ("MAX_ROWS", 2, "The clean table has 2 rows and 2 columns; a spreadsheet holds 1 and 16,384."),
        ("MAX_COLUMNS", 1, "The clean table has 2 rows and 2 columns; a spreadsheet holds 1,048,575 and 1."),
        ("MAX_CHARS", 4, "Column name holds a text of more than 4 characters,"),
    ],
)
def test_what_a_spreadsheet_cannot_hold_is_refused(
    refusal: Refusal, monkeypatch: pytest.MonkeyPatch, limit: str, most: int, sentence: str
) -> None:
    monkeypatch.setattr(excel, limit, most)

    assert refusal("name,n\nCharlie,1\nBob,2\n", output="xlsx").startswith(sentence)


@pytest.mark.parametrize("values", [[[123456, 7]], [b"abcd"]])
def test_what_becomes_text_in_a_spreadsheet_must_fit_its_cell_as_well(
    refusal: Refusal, monkeypatch: pytest.MonkeyPatch, values: list[object]
) -> None:
    monkeypatch.setattr(excel, "MAX_CHARS", 7)
    content = parquet(pl.DataFrame({"a": values}))

    assert refusal(content, "t.parquet", output="xlsx").startswith("Column a holds a text of more than 7 ch")


def test_nested_values_stay_nested_where_they_can(clean: Clean) -> None:
    content = '{"a": {"x": [1]}, "b": "Ü"}\n{"b": "y"}\n'

    assert [json.loads(line) for line in clean(content, "t.jsonl").text.splitlines()] == [
        {"a": {"x": [1]}, "b": "Ü"},
        {"a": None, "b": "y"},
    ]


@pytest.mark.parametrize("output", ["json", "jsonl"])
def test_separators_of_unicode_do_not_end_a_record(clean: Clean, output: str) -> None:
    """JSON has them in texts as they are: U+2028, U+2029, U+0085."""
    words = "one\u2028two\u2029three\x85four"
    cleaned = clean(f"a,b\n{words},1\nx,2\n", output=output, whitespace="trim")
    lines = cleaned.text.split("\n")[:-1] if output == "jsonl" else [cleaned.text]
    records = [json.loads(line) for line in lines]

    assert (records if output == "jsonl" else records[0]) == [{"a": words, "b": 1}, {"a": "x", "b": 2}]


@pytest.mark.parametrize("output", ["csv", "parquet", "xlsx"])
def test_nested_values_become_json_text_elsewhere_and_are_told(clean: Clean, output: str) -> None:
    cleaned = clean('[{"a": {"x": [1]}}]', "t.json", output=output)

    assert cleaned.report["notes"] == ["Lists and objects were written as JSON text: a."]
    assert cleaned.column("a")["type"] == "nested"


def test_nested_parquet_stays_what_it_is(clean: Clean) -> None:
    frame = pl.DataFrame({"l": [[1], None], "s": [{"x": "a"}, {"x": "b"}]})
    content = parquet(frame)

    assert pl.read_parquet(clean(content, "t.parquet").content).equals(frame)
    assert clean(content, "t.parquet", output="csv").rows[1:] == [["[1]", '{"x":"a"}'], ["", '{"x":"b"}']]


def test_rows_that_differ_only_in_nested_parquet_are_no_duplicates(clean: Clean) -> None:
    frame = pl.DataFrame({"l": [[1], [1], [2]]})

    assert pl.read_parquet(clean(parquet(frame), "t.parquet").content)["l"].to_list() == [[1], [2]]


@pytest.mark.parametrize("output", ["json", "jsonl"])
def test_infinity_is_not_lost_in_json(clean: Clean, output: str) -> None:
    cleaned = clean(parquet(pl.DataFrame({"n": [1.5, float("inf")]})), "t.parquet", output=output)

    assert '"inf"' in cleaned.text


@pytest.mark.parametrize(
    ("name", "output", "clean_name"),
    [
        ("sales.CSV", "same", "sales-clean.csv"),
        ("sales.txt", "same", "sales-clean.txt"),
        ("sales", "same", "sales-clean.csv"),
        ("sales.2024.csv", "json", "sales.2024-clean.json"),
        ("sales.tab", "tsv", "sales-clean.tab"),
    ],
)
def test_the_clean_file_is_named_after_the_source(
    clean: Clean, name: str, output: str, clean_name: str
) -> None:
    assert clean("a\tb\n1\t2\n", name, output=output).report["file"]["name"] == clean_name


def test_macros_do_not_come_along(clean: Clean) -> None:
    made = io.BytesIO()
    with xlsxwriter.Workbook(made, {"in_memory": True}) as book:
        book.add_worksheet().write_row(0, 0, ["a"])

    assert clean(made.getvalue(), "sales.xlsm").report["file"]["name"] == "sales-clean.xlsx"


@pytest.mark.parametrize(
    ("output", "text"), [("same", "a;b\n1;2\n"), ("csv", "a,b\n1,2\n"), ("tsv", "a\tb\n1\t2\n")]
)
def test_the_delimiter_stays_unless_a_format_is_chosen(clean: Clean, output: str, text: str) -> None:
    assert clean("a;b\n1;2\n", output=output).text == text


# As a task
