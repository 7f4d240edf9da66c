"""*Transform a table*: the order of its steps, formats, and what is not understood."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from dtq import Fail
from dtq._types.task_type import registered
from dtq_library.tables import stage
from dtq_library.tables.transform.task import transform_table
from tests.library.reading import parquet
from tests.library.running import Runner
from tests.library.transforming import PEOPLE, STATES, Transform, text
from workers.testing import Upload

# Order and formats


def test_the_steps_come_in_their_order(transform: Transform) -> None:
    """Filled before it is filtered, grouped before it is sorted, sorted before columns go."""
    ran = transform(
        fill=["age = 20"],
        case="lower",
        rows=["age >= 20", "state != ny"],
        group_by=["state"],
        compute=["sum(age) as years"],
        sort=["years desc"],
        columns=["state as where"],
    )

    assert text(ran) == "where\nca\ntx\n"


@pytest.mark.parametrize("output", ["json", "jsonl", "parquet", "xlsx", "tsv"])
def test_it_is_written_in_any_format(transform: Transform, output: str) -> None:
    content = next(iter(transform(output=output, columns=["id", "joined", "amount"]).files.values()))
    if output in ("json", "jsonl"):
        found = (
            json.loads(content) if output == "json" else [json.loads(each) for each in content.splitlines()]
        )
        assert found[0] == {"id": 1, "joined": "2024-01-05", "amount": 1200.5}
    elif output == "tsv":
        assert content.startswith(b"id\tjoined\tamount\n1\t2024-01-05\t1200.50\n")
    else:
        frame = pl.read_parquet(content) if output == "parquet" else pl.read_excel(content)
        assert [frame["joined"].dtype, frame.height] == [pl.Date, 4]


def test_lists_and_objects_stay_what_they_are_in_json(transform: Transform) -> None:
    ran = transform('[{"a": {"x": [1]}, "b": 1}, {"b": 2}]', "t.json", columns=["b", "a as c"])

    assert json.loads(text(ran)) == [{"b": 1, "c": {"x": [1]}}, {"b": 2, "c": None}]


def test_what_fills_nested_values_is_json_as_well(transform: Transform) -> None:
    content = '[{"a": [1], "b": "x"}, {"b": "y"}]'

    assert json.loads(text(transform(content, "t.json", fill=["a = none"])))[1]["a"] == "none"
    assert json.loads(text(transform(content, "t.json", fill=["a = [2]"])))[1]["a"] == [2]


def test_bytes_in_nested_values_are_base64(transform: Transform) -> None:
    """As in Parquet files with images."""
    content = parquet(pl.DataFrame({"image": [{"bytes": b"\x00a", "tags": [b"x", None]}, None]}))

    assert json.loads(text(transform(content, "t.parquet", output="json"))) == [
        {"image": {"bytes": "AGE=", "tags": ["eA==", None]}},
        {"image": None},
    ]


def test_infinity_is_text_in_json(transform: Transform) -> None:
    made = io.BytesIO()
    pl.DataFrame({"n": [1.5, float("inf")]}).write_parquet(made)

    assert json.loads(text(transform(made.getvalue(), "t.parquet", output="json"))) == [
        {"n": "1.5"},
        {"n": "inf"},
    ]


def test_whole_decimals_keep_all_of_their_digits(transform: Transform) -> None:
    """Databases write identifiers so."""
    content = parquet(pl.DataFrame({"id": pl.Series([Decimal(10**18 + 1)], dtype=pl.Decimal(38, 0))}))

    assert text(transform(content, "t.parquet", output="json")) == '[{"id":1000000000000000001}]'
    sheet = next(iter(transform(content, "t.parquet", output="xlsx").files.values()))
    assert pl.read_excel(sheet)["id"].to_list() == ["1000000000000000001"]


def test_a_table_of_a_header_stays_one(transform: Transform) -> None:
    ran = transform("a,b\n", rows=["a = x"], group_by=["b"], compute=["count", "distinct(a)"], sort=["count"])

    assert text(ran) == "b,count,distinct_a\n"


def test_a_table_in_parts_on_disk_is_the_same_table(
    transform: Transform, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {"rows": ["age > 1"], "fill": ["joined forward"], "sort": ["age"]}
    whole = text(transform(**asked))
    monkeypatch.setattr(stage, "MEMORY_BYTES", 0)

    assert text(transform(**asked)) == whole


# What is not understood


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        (
            {"rows": ["", "agee > 3"]},
            "Rows to keep, line 2 (agee > 3): There is no column named agee. Did you mean age? "
            "The columns are: id, name, age, state, joined, amount.",
        ),
        (
            {"rows": ["age => 3"]},
            "Rows to keep, line 1 (age => 3): after the column one of these was expected: =",
        ),
        ({"rows": ["age"]}, "Rows to keep, line 1 (age): after the column one of these was expected: ="),
        (
            {"rows": ["amount > lots"]},
            "Rows to keep, line 1 (amount > lots): amount holds numbers; one such as 18 or 2.5 was expected, "
            "not lots.",
        ),
        ({"rows": ["joined > 31.1.2024"]}, "Rows to keep, line 1 (joined > 31.1.2024): joined holds dates;"),
        (
            {"rows": ["state > 5"]},
            "Rows to keep, line 1 (state > 5): state holds text, which has no order with",
        ),
        ({"rows": ["age >"]}, "Rows to keep, line 1 (age >): a value was expected at the end."),
        ({"rows": ["age not in"]}, "Rows to keep, line 1 (age not in): values with commas between them were"),
        ({"rows": ["age between 3"]}, "Rows to keep, line 1 (age between 3): two values were expected"),
        ({"rows": ['name = "Bob']}, 'Rows to keep, line 1 (name = "Bob): a quotation mark is never closed.'),
        (
            {"rows": ["age is missing now"]},
            "Rows to keep, line 1 (age is missing now): nothing was expected after",
        ),
        ({"compute": ["sum(name)"]}, "Compute, line 1 (sum(name)): name holds text; sum needs numbers."),
        ({"compute": ["sum amount"]}, "Compute, line 1 (sum amount): a line such as sum(amount) as total"),
        (
            {"compute": ["product(age)"]},
            "Compute, line 1 (product(age)): a line such as sum(amount) as total",
        ),
        ({"compute": ["sum(ages)"]}, "Compute, line 1 (sum(ages)): There is no column named ages."),
        ({"compute": ["sum()"]}, "Compute, line 1 (sum()): a line such as sum(amount) as total"),
        ({"compute": ["sum(age) as *"]}, "Compute, line 1 (sum(age) as *): a name was expected after as,"),
        ({"compute": ["count", "count"]}, "Compute, line 2 (count): the name count is taken;"),
        ({"group_by": ["stat"]}, "There is no column named stat. Did you mean state?"),
        ({"sort": ["age down"]}, "Sort by, line 1 (age down): asc, desc or nothing was expected"),
        ({"fill": ["age = old"]}, "Fill missing values, line 1 (age = old): age holds numbers;"),
        (
            {"fill": ["name mean"]},
            "Fill missing values, line 1 (name mean): name holds text; only numbers have a",
        ),
        (
            {"fill": ["age backward"]},
            "Fill missing values, line 1 (age backward): after the column one of these",
        ),
        (
            {"case": "upper", "case_columns": ["age"]},
            "Case of columns: age holds whole numbers, which have no",
        ),
        ({"columns": ["id as x", "age as x"]}, "Columns: two columns would be called x;"),
        ({"columns": ["id", "id"]}, "Columns, line 2 (id): id is named twice."),
        ({"columns": ["id x"]}, "Columns, line 1 (id x): nothing, or as and a new name, was expected"),
        ({"drop": ["id", "name", "age", "state", "joined", "amount"]}, "Columns: no column is left;"),
        ({"join_with": Upload("b.csv", STATES.encode())}, "Join on: name at least one column"),
        (
            {"join_with": Upload("b.csv", STATES.encode()), "join_on": ["state = cod"]},
            "Join on, line 1 (state = cod): There is no column named cod. Did you mean code?",
        ),
        (
            {"join_with": Upload("b.csv", STATES.encode()), "join_on": ["state = code", "id = code"]},
            "Join on, line 2 (id = code): code has a partner in a line before already.",
        ),
        (
            {"join_with": Upload("b.csv", STATES.encode()), "join_on": ["joined = code"]},
            "Join on: joined holds dates and its partner code text; they cannot be compared.",
        ),
    ],
)
def test_what_is_wrong_is_named(unchecked: Runner, params: dict[str, Any], sentence: str) -> None:
    params = {
        name: unchecked.file(given.content, given.name) if isinstance(given, Upload) else given
        for name, given in params.items()
    }

    said = unchecked.refusal(transform_table, source=unchecked.file(PEOPLE, "people.csv"), **params)

    assert said.startswith(sentence)


def test_text_that_looks_like_amounts_is_not_compared_as_text(transform: Transform) -> None:
    with pytest.raises(Fail, match="amounts with a currency or percent sign were left as text"):
        transform("price\n$9\n$10\n", rows=["price > 5"])


def test_the_help_defines_every_figure(transform: Transform) -> None:
    told = registered(transform_table).document()["help"]

    assert [figure for figure in transform().result if f"`{figure}`" not in told] == []


def test_progress_goes_from_reading_to_writing(transform: Transform) -> None:
    messages = [each["message"] for each in transform("a,b\n1,2\n").progress]

    assert messages == [
        "Reading people.csv",
        "Looking at a",
        "Looking at b",
        "Typing the values",
        "Computing",
        "Writing",
        "Wrote people-transformed.csv",
    ]
