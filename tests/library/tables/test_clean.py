"""*Clean a table* from a file to a file and its figures, through the pipeline of a worker."""

from __future__ import annotations

import json
from collections.abc import Callable

import polars as pl
import pytest

from tests.library.conftest import Cleaned
from tests.library.reading import parquet

Clean = Callable[..., Cleaned]
Refusal = Callable[..., str]

DIRTY = (
    " Customer  ID ;Amount;Joined;Town;Unused\n"
    "00501;1.234,50;25.12.2024; New   York ;\n"
    "00502;7,25;01.02.2024;n/a;null\n"
    ";  ;NULL;#N/A;\n"
    "00502;7,25;01.02.2024;;\n"
)


DIRTY_REPORT = {
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
        "Column joined: treated as missing: NULL (1).",
        "Column town: treated as missing: #N/A (1), n/a (1).",
        "Duplicates that were dropped: 1 (row 5).",
    ],
    "first_rows": {
        "columns": [
            {"name": "customer_id", "type": "text"},
            {"name": "amount", "type": "number"},
            {"name": "joined", "type": "date"},
            {"name": "town", "type": "text"},
        ],
        "rows": [["00501", "1234.50", "2024-12-25", "New York"], ["00502", "7.25", "2024-02-01", None]],
        "total_rows": 2,
        "total_columns": 4,
    },
}


def test_a_dirty_table_whole(clean: Clean) -> None:
    cleaned = clean(DIRTY, "Customers 2024.csv")

    assert cleaned.text == (
        "customer_id;amount;joined;town\n00501;1234.50;2024-12-25;New York\n00502;7.25;2024-02-01;\n"
    )
    file = cleaned.report.pop("file")
    assert (file["name"], file["size"]) == ("Customers 2024-clean.csv", len(cleaned.content))
    assert cleaned.report == DIRTY_REPORT


def test_a_clean_table_stays_as_it_is(clean: Clean) -> None:
    content = "id,price,day,name\n1,2.50,2024-03-01,Ann\n2,.5,,Bob\n"
    cleaned = clean(content)

    assert cleaned.text == content
    assert cleaned.report["cells_changed"]["total"] == 0


def test_everything_can_be_kept(clean: Clean) -> None:
    content = 'Name,Amount,Day\n Ann ,"1,234.5",25.12.2024\n Ann ,"1,234.5",25.12.2024\nN/A,,\n,,\n'
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
    cleaned = clean("a,b\n  N/A ,1\n   ,2\n,3\nx,4\n")

    assert cleaned.column("a") == {
        "name": "a",
        "original_name": "a",
        "type": "text",
        "missing": 3,
        "cells_changed": 2,
        "changes": {"missing": 2},
    }


def test_cells_of_rows_that_are_dropped_do_not_count(clean: Clean) -> None:
    cleaned = clean("a,b\n x,y\n x,y\nN/A,N/A\n")

    assert cleaned.report["rows_out"] == 1
    assert cleaned.report["cells_changed"]["total"] == 1


def test_rows_in_are_rows_out_and_all_that_were_removed(clean: Clean) -> None:
    report = clean("a,b\n1,2\n\n1,2\n1,2,3\nN/A,\n4,5\n", broken_rows="skip").report
    removed = report["removed"]

    assert (removed["broken_rows"], removed["empty_rows"], removed["duplicates"]) == (1, 2, 1)
    assert (report["rows_in"], report["rows_out"]) == (6, 2)


# Missing, case, whitespace


def test_spellings_of_missing_are_the_persons_own(clean: Clean) -> None:
    cleaned = clean("a,b\nUNKNOWN,1\nNA,2\n", missing=[" unknown "])

    assert cleaned.rows[1:] == [["", "1"], ["NA", "2"]]


def test_missing_values_are_written_as_asked(clean: Clean) -> None:
    cleaned = clean("a,b\nN/A,1\nx,\n", write_missing_as="?")

    assert cleaned.rows[1:] == [["?", "1"], ["x", "?"]]


def test_the_word_for_missing_is_quoted_when_it_must_be(clean: Clean) -> None:
    assert clean("a,b\nN/A,1\nx,2\n", write_missing_as="not, known").rows[1] == ["not, known", "1"]


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


def test_rows_are_duplicates_by_value_when_asked_and_the_first_stays(clean: Clean) -> None:
    cleaned = clean("n,a\n1.50,x\n1.5, x\n2.5,x\n", compare="values")

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
    cleaned = clean("a,b,c\n1,,null\n1,x,N/A\n", duplicate_columns=["a"])

    assert cleaned.text == "a,b\n1,\n"
    assert cleaned.report["removed"]["empty_columns"] == ["c"]


def test_empty_rows_and_columns_can_stay(clean: Clean) -> None:
    cleaned = clean("a,b\n1,N/A\n,\n2,\n", drop_empty=False)

    assert cleaned.text == "a,b\n1,\n,\n2,\n"
    assert cleaned.report["removed"]["empty_columns"] == []


def test_a_table_of_nothing_keeps_its_columns(clean: Clean) -> None:
    cleaned = clean("a,b\n,\nN/A,null\n")

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
