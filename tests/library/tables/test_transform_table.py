"""*Transform a table*: each step by itself, their order, and what is said when a line is not understood."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest

from dtq import Fail
from dtq_library.tables.transform import sorting
from dtq_library.tables.transform.filling import fill_missing
from dtq_library.tables.transform.grouping import SumFault, aggregate, sum_fault
from tests.library.reading import parquet
from tests.library.transforming import Transform, header, ids, rows, text


def test_nothing_asked_for_is_only_plain_spelling(transform: Transform) -> None:
    ran = transform()

    assert text(ran) == (
        "id,name,age,state,joined,amount\n1,Ann Wilson,30,CA,2024-01-05,1200.50\n2,Bob,17,NY,2024-02-10,20\n"
        "3,Cy Johnson,,TX,2024-03-15,5\n4,,55,CA,,\n"
    )
    assert list(ran.files) == ["people-transformed.csv"]
    assert (ran.result["rows_in"], ran.result["rows_out"], ran.result["steps"]) == (4, 4, [])
    assert ran.result["columns"][2] == {"name": "age", "type": "integer", "missing": 1}


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        ("age >= 30", "14"),
        ("age = 17", "2"),
        ("age == 17.0", "2"),
        ("age != 17", "14"),
        ("age <> 17", "14"),
        ("age<18", "2"),
        ("age between 17 and 30", "12"),
        ("amount > 5.5", "12"),
        ("name = Bob", "2"),
        ('name = "Bob"', "2"),
        ('name contains "son"', "13"),
        ("name does not contain son", "2"),
        ("name starts with Ann", "1"),
        ("name ends with b", "2"),
        ("state in CA, NY", "124"),
        ('state in "CA"', "14"),
        ("state not in CA, NY", "3"),
        ("id in 1, 3", "13"),
        ("name is missing", "4"),
        ("age is not missing", "124"),
        ("joined > 2024-01-31", "23"),
        ("joined = 2024-02-10", "2"),
        ("joined between 2024-01-01 and 2024-02-28", "12"),
        ("joined starts with 2024-03", "3"),
        ('name > "B"', "23"),
    ],
)
def test_a_condition_keeps_rows_and_missing_meets_none(
    transform: Transform, condition: str, kept: str
) -> None:
    assert "".join(ids(transform(rows=[condition]))) == kept


def test_all_lines_must_hold_or_any(transform: Transform) -> None:
    conditions = ["age >= 30", "# a remark", "", "state = NY"]

    assert ids(transform(rows=conditions)) == []
    assert ids(transform(rows=conditions, match="any")) == ["1", "2", "4"]


def test_moments_are_compared_by_day_or_by_minute(transform: Transform) -> None:
    content = "id,at\n1,2024-01-31 09:30\n2,2024-01-31 23:59\n3,2024-02-01 00:00\n"

    assert ids(transform(content, rows=["at = 2024-01-31"])) == ["1", "2"]
    assert ids(transform(content, rows=["at >= 2024-01-31 23:59"])) == ["2", "3"]
    assert ids(transform(content, rows=["at > 2024-01-31"])) == ["3"]


def test_moments_with_an_offset_are_compared_in_utc(transform: Transform) -> None:
    content = "id,at\n1,2024-01-31T23:30:00+02:00\n2,2024-02-01T01:00:00Z\n"

    assert ids(transform(content, rows=["at < 2024-01-31 22:00"])) == ["1"]
    assert ids(transform(content, rows=["at > 2024-02-01T02:00:00+02:00"])) == ["2"]


def test_moments_of_a_time_zone_are_compared_and_told_in_utc(transform: Transform) -> None:
    moment = pl.Series([dt.datetime(2024, 1, 1)]).dt.replace_time_zone("Europe/Berlin")
    content = parquet(pl.DataFrame({"id": [1], "at": moment}))

    for line in (
        "at = 2023-12-31",
        "at = 2023-12-31 23:00",
        "at = 2024-01-01T00:00+01:00",
        "at contains T23",
    ):
        assert ids(transform(content, "t.parquet", rows=[line], output="csv")) == ["1"]


def test_names_with_spaces_the_longest_is_meant(transform: Transform) -> None:
    content = "id,unit,unit price\n1,5,1\n2,1,5\n"

    assert ids(transform(content, rows=["unit price > 2"])) == ["2"]
    assert ids(transform(content, rows=["unit > 2"])) == ["1"]
    assert ids(transform(content, rows=['"unit price" <= 2'])) == ["1"]


def test_groups_and_all_that_is_computed_of_them(transform: Transform) -> None:
    ran = transform(
        group_by=["state"],
        compute=[
            "count",
            "count(age)",
            "sum(amount) as total",
            "min(age)",
            "max(joined)",
            "mean(age)",
            "median(age)",
            "std(age)",
            "first(name)",
            "last(name)",
            "distinct(name) as people",
        ],
    )

    assert header(ran)[:4] == ["state", "count", "count_age", "total"]
    assert rows(ran) == [
        ["CA", "2", "2", "1200.5", "30", "2024-01-05", "42.5", "42.5", "17.67766952966369"]
        + ["Ann Wilson", "Ann Wilson", "1"],
        ["NY", "1", "1", "20.0", "17", "2024-02-10", "17.0", "17.0", "", "Bob", "Bob", "1"],
        ["TX", "1", "0", "5.0", "", "2024-03-15", "", "", "", "Cy Johnson", "Cy Johnson", "1"],
    ]
    assert ran.result["steps"] == [{"step": "Computed one row for each group", "rows": 3}]


@pytest.mark.parametrize(
    ("dtype", "values", "total"),
    [
        (pl.UInt8, [200, 200], pl.Series([400])),
        (pl.UInt32, [4_000_000_000] * 2, pl.Series([8_000_000_000])),
        (pl.Int64, [2**63 - 1] * 2, pl.Series([Decimal(2**64 - 2)], dtype=pl.Decimal(38, 0))),
        (pl.Float32, [16_777_216.0, 1.0, 1.0], pl.Series([16_777_218.0])),
    ],
)
@pytest.mark.parametrize("group_by", [[], ["g"]])
def test_a_sum_neither_wraps_around_nor_loses_digits(
    transform: Transform, dtype: type[pl.DataType], values: list[float], total: pl.Series, group_by: list[str]
) -> None:
    frame = pl.DataFrame({"g": ["a"] * len(values), "v": pl.Series(values, dtype=dtype)})
    ran = transform(parquet(frame), "t.parquet", group_by=group_by, compute=["sum(v)", "mean(v)"])
    found = pl.read_parquet(next(iter(ran.files.values())))

    assert (found["sum_v"].dtype, found["sum_v"].item()) == (total.dtype, total.item())
    assert found["mean_v"].item() == pytest.approx(float(total.item()) / len(values), rel=1e-12)


def test_a_sum_that_no_decimal_can_have_is_refused() -> None:
    frame = pl.LazyFrame({"v": pl.Series([Decimal("9" * 38)] * 2, dtype=pl.Decimal(38, 0))})

    with pytest.raises(Fail, match="^Compute: a sum has more digits than the 38 that a decimal can have.$"):
        aggregate(frame, [], ["sum(v)"])


@pytest.mark.parametrize(
    ("expression", "fault"),
    [(pl.col("v").sum(), SumFault.OVERFLOW), (pl.lit("x").str.contains("("), SumFault.OTHER)],
)
def test_errors_of_polars_are_told_apart(expression: pl.Expr, fault: SumFault) -> None:
    frame = pl.LazyFrame({"v": pl.Series([Decimal("9" * 38)] * 2, dtype=pl.Decimal(38, 0))})
    with pytest.raises(pl.exceptions.ComputeError) as raised:
        frame.select(expression).collect(engine="streaming")

    assert sum_fault(raised.value) is fault


def test_groups_alone_are_counted_and_missing_is_one(transform: Transform) -> None:
    assert rows(transform("a,b\nx,1\n,2\nx,3\n,4\n,5\n", group_by=["a"])) == [["x", "2"], ["", "3"]]


def test_without_groups_the_whole_table_is_one_row(transform: Transform) -> None:
    assert rows(transform(compute=["count", "max(age)", "distinct(state)"])) == [["4", "55", "3"]]


def test_rows_are_sorted_by_columns_in_turn_with_missing_ones_last(transform: Transform) -> None:
    assert ids(transform(sort=["age desc"])) == ["4", "1", "2", "3"]
    assert ids(transform(sort=["state", "age desc"])) == ["4", "1", "2", "3"]
    assert ids(transform(sort=["joined"])) == ["1", "2", "3", "4"]


@pytest.mark.parametrize("descending", [False, True])
def test_a_large_table_is_sorted_in_parts_like_a_small_one(
    transform: Transform, monkeypatch: pytest.MonkeyPatch, descending: bool
) -> None:
    content = "rank,k\n" + "".join(f"{at},{at * 7 % 5 or ''}\n" for at in range(1, 200))
    lines = ["k desc" if descending else "k"]
    whole = rows(transform(content, sort=lines))
    monkeypatch.setattr(sorting, "LARGE_CELLS", 60)
    monkeypatch.setattr(sorting, "_PART_BYTES", 100)

    assert rows(transform(content, sort=lines)) == whole
    assert whole == sorted(
        whole, key=lambda row: (row[1] == "", -int(row[1] or 0) if descending else int(row[1] or 0))
    )


def test_columns_are_chosen_renamed_ordered_and_left_out(transform: Transform) -> None:
    assert header(transform(columns=["name as Full name", "id"])) == ["Full name", "id"]
    assert header(transform(columns=["state", "*"], drop=["joined", "amount"])) == [
        "state",
        "id",
        "name",
        "age",
    ]


def test_missing_values_are_filled_line_by_line(transform: Transform) -> None:
    ran = transform(fill=["age mean", "name = not known", "joined forward", "amount = 0"])

    assert [row[2] for row in rows(ran)] == ["30.0", "17.0", "34.0", "55.0"]
    assert rows(ran)[3] == ["4", "not known", "55.0", "CA", "2024-03-15", "0.0"]


def test_missing_values_are_filled_with_a_median_or_a_date(transform: Transform) -> None:
    ran = transform(fill=["age median", "joined = 2024-12-31"])

    assert rows(ran)[2][2] == "30.0"
    assert rows(ran)[3][4] == "2024-12-31"


@pytest.mark.parametrize(
    ("dtype", "value", "wide"),
    [
        (pl.Int8(), "5", pl.Int8()),
        (pl.Int8(), "1000", pl.Int64()),
        (pl.Int8(), "1.5", pl.Float64()),
        (pl.Float32(), "0.1", pl.Float64()),
        (pl.Decimal(3, 2), "1.5", pl.Decimal(3, 2)),
        (pl.Decimal(3, 2), "1000", pl.Decimal(38, 2)),
    ],
)
def test_a_column_gets_as_wide_as_the_value_that_fills_it(
    dtype: pl.DataType, value: str, wide: pl.DataType
) -> None:
    frame = pl.LazyFrame({"n": pl.Series([1, None], dtype=dtype)})
    filled = fill_missing(frame, [f"n = {value}"]).collect()["n"]

    assert filled.dtype == wide
    assert [float(each) for each in filled] == [1, float(value)]


@pytest.mark.parametrize(
    ("values", "line", "sentence"),
    [
        (
            pl.Series([1], dtype=pl.UInt64),
            "a = -1",
            "a is a column of the type UInt64, which cannot hold -1.",
        ),
        (pl.Series([dt.time(1)]), "a = 01:00", "a holds values that are neither text, numbers nor dates;"),
    ],
)
def test_what_cannot_fill_a_column_is_said(values: pl.Series, line: str, sentence: str) -> None:
    with pytest.raises(Fail) as failed:
        fill_missing(values.to_frame("a").lazy(), [line])

    assert str(failed.value).startswith(f"Fill missing values, line 1 ({line}): {sentence}")


def test_the_case_of_some_columns_or_of_all_text(transform: Transform) -> None:
    assert rows(transform(case="upper"))[0][1] == "ANN WILSON"
    assert rows(transform(case="lower", case_columns=["state"]))[0][1:4] == ["Ann Wilson", "30", "ca"]


def test_numbers_that_lose_zeros_are_told_with_an_example(transform: Transform) -> None:
    ran = transform("name,version\nfoo,1.1\nfoo,1.10\n", output="json")

    assert ran.result["notes"] == [
        "Column version: numbers are written without trailing zeros: 1.10 becomes 1.1. "
        "Keep Numbers as they are for versions."
    ]
    assert rows(transform("name,version\nfoo,1.10\n", numbers="keep")) == [["foo", "1.10"]]
