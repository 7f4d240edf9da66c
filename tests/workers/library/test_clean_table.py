"""*Clean a table* from a file to a file and its figures, through the pipeline of a worker."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter

from app.core.fields import describe
from app.core.services import Services
from app.core.task import Task
from tests.workers.library.conftest import Cleaned, Recorder
from workers.library.data import clean_table
from workers.library.tables import excel
from workers.runtime import WasCanceled, attempt
from workers.tasktype import registered

ROOT = Path(__file__).parents[3]
Clean = Callable[..., Cleaned]
Refusal = Callable[..., str]

DIRTY = (
    " Customer  ID ;Amount;Joined;Town;Unused\n"
    "00501;1.234,50;25.12.2024; New   York ;\n"
    "00502;7,25;01.02.2024;n/a;NA\n"
    ";  ;NULL;-;\n"
    "00502;7,25;01.02.2024;;\n"
)


def test_a_dirty_table_whole(clean: Clean) -> None:
    cleaned = clean(DIRTY, "Customers 2024.csv")

    assert cleaned.text == (
        "customer_id;amount;joined;town\n00501;1234.50;2024-12-25;New York\n00502;7.25;2024-02-01;\n"
    )
    file = cleaned.report.pop("file")
    assert (file["name"], file["size"]) == ("Customers 2024-clean.csv", len(cleaned.content))
    assert cleaned.report == {
        "rows_in": 4,
        "rows_out": 2,
        "columns_in": 5,
        "columns_out": 4,
        "removed": {"empty_rows": 1, "duplicates": 1, "broken_rows": 0, "empty_columns": ["unused"]},
        "cells_changed": {"total": 6, "trimmed": 1, "missing": 1, "number": 2, "date": 2, "case": 0},
        "columns": [
            {
                "name": "customer_id",
                "original_name": " Customer  ID ",
                "type": "text",
                "missing": 0,
                "cells_changed": 0,
                "changes": {},
            },
            {
                "name": "amount",
                "original_name": "Amount",
                "type": "number",
                "missing": 0,
                "cells_changed": 2,
                "changes": {"number": 2},
            },
            {
                "name": "joined",
                "original_name": "Joined",
                "type": "date",
                "missing": 0,
                "cells_changed": 2,
                "changes": {"date": 2},
            },
            {
                "name": "town",
                "original_name": "Town",
                "type": "text",
                "missing": 1,
                "cells_changed": 2,
                "changes": {"trimmed": 1, "missing": 1},
            },
        ],
        "detected": {"format": "csv", "encoding": "utf-8", "delimiter": "semicolon"},
        "notes": [
            "Column customer_id: left as text, because leading zeros as in 00501 would be lost.",
            "Column joined: read with the day before the month, the only order that fits.",
        ],
    }


def test_a_clean_table_stays_as_it_is(clean: Clean) -> None:
    content = "id,price,day,name\n1,2.50,2024-03-01,Ann\n2,.5,,Bob\n"
    cleaned = clean(content)

    assert cleaned.text == content
    assert cleaned.report["cells_changed"]["total"] == 0


def test_everything_can_be_kept(clean: Clean) -> None:
    content = 'Name,Amount,Day\n Ann ,"1,234.5",25.12.2024\n Ann ,"1,234.5",25.12.2024\nNA,,\n,,\n'
    cleaned = clean(
        content,
        names="keep",
        whitespace="keep",
        missing=[],
        numbers="keep",
        dates="keep",
        drop_empty=False,
        drop_duplicates=False,
    )

    assert cleaned.text == content
    assert cleaned.report["cells_changed"]["total"] == 0


# Figures


def test_a_cell_counts_once_in_total_and_under_each_step_that_changed_it(clean: Clean) -> None:
    cleaned = clean("a,b\n Ann ,1\nBOB,2\neve,3\n", case="lower")

    assert cleaned.rows[1:] == [["ann", "1"], ["bob", "2"], ["eve", "3"]]
    assert cleaned.report["cells_changed"] == {
        "total": 2,
        "trimmed": 1,
        "missing": 0,
        "number": 0,
        "date": 0,
        "case": 2,
    }


def test_a_cell_that_became_missing_counts_as_that_alone(clean: Clean) -> None:
    cleaned = clean("a,b\n  NA ,1\n   ,2\n,3\nx,4\n")

    assert cleaned.column("a") == {
        "name": "a",
        "original_name": "a",
        "type": "text",
        "missing": 3,
        "cells_changed": 2,
        "changes": {"missing": 2},
    }


def test_cells_of_rows_that_are_dropped_do_not_count(clean: Clean) -> None:
    cleaned = clean("a,b\n x,y\n x,y\nNA,NA\n")

    assert cleaned.report["rows_out"] == 1
    assert cleaned.report["cells_changed"]["total"] == 1


def test_rows_in_are_rows_out_and_all_that_were_removed(clean: Clean) -> None:
    report = clean("a,b\n1,2\n\n1,2\n1,2,3\nNA,\n4,5\n", broken_rows="skip").report
    removed = report["removed"]

    assert (removed["broken_rows"], removed["empty_rows"], removed["duplicates"]) == (1, 2, 1)
    assert (report["rows_in"], report["rows_out"]) == (6, 2)


# Missing, case, whitespace


def test_spellings_of_missing_are_the_persons_own(clean: Clean) -> None:
    cleaned = clean("a,b\nUNKNOWN,1\nNA,2\n", missing=[" unknown "])

    assert cleaned.rows[1:] == [["", "1"], ["NA", "2"]]


def test_missing_values_are_written_as_asked(clean: Clean) -> None:
    cleaned = clean("a,b\nNA,1\nx,\n", write_missing_as="?")

    assert cleaned.rows[1:] == [["?", "1"], ["x", "?"]]


def test_the_word_for_missing_is_quoted_when_it_must_be(clean: Clean) -> None:
    assert clean("a,b\nNA,1\nx,2\n", write_missing_as="not, known").rows[1] == ["not, known", "1"]


def test_nan_of_a_typed_column_is_missing(clean: Clean) -> None:
    cleaned = clean(parquet(pl.DataFrame({"n": [1.5, float("nan"), None], "k": [1, 2, 3]})), "t.parquet")

    assert cleaned.column("n") == {
        "name": "n",
        "original_name": "n",
        "type": "number",
        "missing": 2,
        "cells_changed": 1,
        "changes": {"missing": 1},
    }


@pytest.mark.parametrize(
    ("case", "cell"), [("lower", "zoë o'neil"), ("upper", "ZOË O'NEIL"), ("title", "Zoë O'Neil")]
)
def test_case_changes_text_and_nothing_else(clean: Clean, case: str, cell: str) -> None:
    cleaned = clean("a,n,d\nzoë O'NEIL,1.5E7,1 Mar 2024\n", case=case)

    assert cleaned.rows[1] == [cell, "1.5E7", "2024-03-01"]


def test_line_breaks_inside_of_cells_are_collapsed_or_kept(clean: Clean) -> None:
    content = 'a,b\n"1 Main St\n\tSpringfield",x\n'

    assert clean(content).rows[1] == ["1 Main St Springfield", "x"]
    assert clean(content, whitespace="trim").rows[1] == ["1 Main St\n\tSpringfield", "x"]


def test_formulas_are_left_alone(clean: Clean) -> None:
    assert clean("a,b\n=1+1,@x\n").text == "a,b\n=1+1,@x\n"


# Rows and columns


def test_rows_are_duplicates_by_value_and_the_first_stays(clean: Clean) -> None:
    cleaned = clean("n,a\n1.50,x\n1.5, x\n2.5,x\n")

    assert cleaned.text == "n,a\n1.50,x\n2.5,x\n"
    assert cleaned.report["removed"]["duplicates"] == 1


@pytest.mark.parametrize("column", ["E-mail", "e_mail"])
def test_duplicates_by_a_column_named_either_way(clean: Clean, column: str) -> None:
    cleaned = clean("E-mail,n\na@x,1\nA@X,2\nb@x,3\n", duplicate_columns=[column], case="lower")

    assert cleaned.rows[1:] == [["a@x", "1"], ["b@x", "3"]]


def test_a_row_without_a_key_is_nobodys_duplicate(clean: Clean) -> None:
    cleaned = clean("mail,id,n\n,,1\n,,2\na,,3\na,,4\n", duplicate_columns=["mail", "id"])

    assert [row[-1] for row in cleaned.rows[1:]] == ["1", "2", "3"]


def test_a_column_that_is_not_there_stops_the_task(refusal: Refusal) -> None:
    assert refusal("Name,Town\nAnn,Rome\n", duplicate_columns=["nmae"]) == (
        "There is no column named nmae. Did you mean name? The columns are: name, town."
    )


def test_a_column_is_empty_when_no_row_has_a_value(clean: Clean) -> None:
    """The value of `b` stands in a row that is a duplicate by `a`: the column is not empty, and stays."""
    cleaned = clean("a,b,c\n1,,-\n1,x,NA\n", duplicate_columns=["a"])

    assert cleaned.text == "a,b\n1,\n"
    assert cleaned.report["removed"]["empty_columns"] == ["c"]


def test_empty_rows_and_columns_can_stay(clean: Clean) -> None:
    cleaned = clean("a,b\n1,NA\n,\n2,\n", drop_empty=False)

    assert cleaned.text == "a,b\n1,\n,\n2,\n"
    assert cleaned.report["removed"]["empty_columns"] == []


def test_a_table_of_nothing_keeps_its_columns(clean: Clean) -> None:
    cleaned = clean("a,b\n,\nNA,-\n")

    assert cleaned.text == "a,b\n"
    assert cleaned.report["removed"] == {
        "empty_rows": 2,
        "duplicates": 0,
        "broken_rows": 0,
        "empty_columns": [],
    }


@pytest.mark.parametrize("output", ["same", "tsv", "jsonl", "json", "parquet", "xlsx"])
def test_a_header_without_rows_is_cleaned_to_the_same(clean: Clean, output: str) -> None:
    report = clean("Name,Town\n", output=output).report

    assert (report["rows_in"], report["rows_out"], report["columns_out"]) == (0, 0, 2)
    assert report["notes"] == ["The table has a header and no rows."]


def test_nested_values_can_be_duplicates(clean: Clean) -> None:
    cleaned = clean('[{"a": [1, 2]}, {"a": [1, 2]}, {"a": {"b": 1}}]', "t.json")

    assert json.loads(cleaned.text) == [{"a": [1, 2]}, {"a": {"b": 1}}]


# Formats out

ONE_OF_EACH = (
    '[{"text": "x", "int": 1, "num": 1.5, "yes": true, "day": "1 Mar 2024", "at": "2024-03-01 10:00",'
    ' "zone": "2024-03-01T12:00+02:00"},'
    ' {"z": "00501"}]'
)


def parquet(frame: pl.DataFrame) -> bytes:
    made = io.BytesIO()
    frame.write_parquet(made)
    return made.getvalue()


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


def test_nested_values_stay_nested_where_they_can(clean: Clean) -> None:
    content = '{"a": {"x": [1]}, "b": "Ü"}\n{"b": "y"}\n'

    assert [json.loads(line) for line in clean(content, "t.jsonl").text.splitlines()] == [
        {"a": {"x": [1]}, "b": "Ü"},
        {"a": None, "b": "y"},
    ]


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


def test_progress_goes_from_reading_over_each_column_to_writing(
    start: Callable[..., tuple[Task, Recorder]],
) -> None:
    task, context = start("Name,Town\nAnn,Rome\n", "people.csv")
    attempt(task, registered(clean_table), context, lambda running: None)

    assert context.told == [
        (0, 1, "Reading people.csv"),
        (1, 4, "Cleaning name"),
        (2, 4, "Cleaning town"),
        (3, 4, "Writing"),
        (4, 4, "Wrote people-clean.csv"),
    ]


def test_a_canceled_task_leaves_no_file(
    services: Services, start: Callable[..., tuple[Task, Recorder]]
) -> None:
    asked: list[None] = []

    def canceled() -> bool:
        asked.append(None)
        return len(asked) > 2

    task, context = start("Name,Town\nAnn,Rome\n", "people.csv", canceled)
    outcome = attempt(task, registered(clean_table), context, lambda running: None)

    assert isinstance(outcome, WasCanceled)
    assert services.db["files.files"].count_documents({"metadata.role": "output"}) == 0


def test_unreadable_files_fail_without_another_attempt(refusal: Refusal) -> None:
    assert refusal(b"%PDF-1.7\n", "sales.csv").endswith("but this is a PDF document.")


def test_every_parameter_has_a_title_and_every_choice_a_label_that_is_one(clean: Clean) -> None:
    fields = {field.name: field for field in describe(registered(clean_table).model.model_json_schema())}

    assert fields["source"].accept[0] == ".csv"
    assert dict(fields["dates"].choices)["day_first"] == "Recognise; in doubt the day is first"
    assert all(field.title[0].isupper() for field in fields.values())
    for field in fields.values():
        assert set(field.schema.get("labels", {})) <= {value for value, _ in field.choices}


def test_the_help_defines_every_figure(clean: Clean) -> None:
    report = clean("a\n1\n").report
    told = registered(clean_table).document()["help"]
    figures = {*report, *report["removed"], *report["cells_changed"]}

    assert [figure for figure in figures if f"`{figure}`" not in told] == []


def test_loading_the_library_loads_no_heavy_one() -> None:
    heavy = ["polars", "fastexcel", "xlsxwriter", "charset_normalizer"]
    code = f"import sys, workers.library; print([name for name in {heavy} if name in sys.modules])"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60, cwd=ROOT
    )

    assert ran.stdout.strip() == "[]"


# A real file: the airports of the United States (3,376 rows), from the Bureau of Transportation Statistics


def test_a_public_file_counted_again_with_the_standard_library(clean: Clean) -> None:
    package = find_spec("vega_datasets")  # not imported: it would load pandas
    assert package is not None and package.origin is not None
    source = (Path(package.origin).parent / "_data" / "airports.csv").read_bytes()
    before = list(csv.reader(io.StringIO(source.decode("utf-8"), newline="")))
    cleaned = clean(source, "airports.csv")
    after, report = cleaned.rows, cleaned.report

    differing: dict[str, Any] = {name: Counter() for name in before[0]}
    for old, new in zip(before[1:], after[1:], strict=True):
        for name, was, now in zip(before[0], old, new, strict=True):
            if was != now:
                assert now == ("" if was == "NA" else " ".join(was.split()))
                differing[name]["missing" if was == "NA" else "trimmed"] += 1

    assert after[0] == before[0]
    assert report["rows_in"] == report["rows_out"] == len(before) - 1 == 3_376
    assert (
        report["cells_changed"]["total"] == sum(sum(counts.values()) for counts in differing.values()) == 36
    )
    for at, column in enumerate(report["columns"]):
        assert column["changes"] == differing[column["name"]]
        assert column["missing"] == sum(row[at] == "" for row in after[1:])
    assert {column["name"]: column["type"] for column in report["columns"]} == {
        "iata": "text",
        "name": "text",
        "city": "text",
        "state": "text",
        "country": "text",
        "latitude": "number",
        "longitude": "number",
    }
