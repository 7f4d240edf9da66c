"""*Transform a table*: a second table beside the first."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import polars as pl
import pytest

from dtq import Fail
from dtq_library.tables.transform import joining
from tests.library.transforming import STATES, Transform, header, ids, rows, text
from workers.testing import Upload


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("inner", ["1 California", "2 New York", "4 California"]),
        ("left", ["1 California", "2 New York", "3 ", "4 California"]),
        ("outer", ["1 California", "2 New York", "3 ", "4 California", " Nowhere"]),
    ],
)
def test_a_second_table_beside_the_first(transform: Transform, kind: str, found: list[str]) -> None:
    ran = transform(join_with=Upload("states.csv", STATES.encode()), join_on=["state = code"], join_kind=kind)

    assert header(ran) == ["id", "name", "age", "state", "joined", "amount", "name_2", "id_2"]
    assert [f"{row[0]} {row[6]}" for row in rows(ran)] == found
    assert ran.result["steps"] == [{"step": "Joined with states.csv", "rows": len(found)}]


def test_rows_that_agree_with_none(transform: Transform) -> None:
    ran = transform(
        join_with=Upload("states.csv", STATES.encode()), join_on=["state = code"], join_kind="anti"
    )

    assert ids(ran) == ["3"]
    assert header(ran) == header(transform())


def test_whole_numbers_agree_with_numbers_and_with_text(transform: Transform) -> None:
    for partner in (b"id,x\n1.0,a\n2.5,b\n", b"id,x\n1,a\nX2,b\n"):
        ran = transform(join_with=Upload("b.csv", partner), join_on=["id"], join_kind="inner")
        assert [row[-1] for row in rows(ran)] == ["a"]


def test_a_line_that_stands_twice_joins_as_one(transform: Transform) -> None:
    ran = transform("a,b\nx,1\n", join_with=Upload("b.csv", b"a,c\nx,8\n"), join_on=["a", "a = a"])

    assert rows(ran) == [["x", "1", "8"]]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (pl.Series([2**64 - 1, 1], dtype=pl.UInt64), pl.Series([-1, 1])),
        (pl.Series([dt.datetime(2024, 1, 1)]).dt.cast_time_unit("ns"), pl.Series([dt.datetime(2024, 1, 1)])),
    ],
)
def test_numbers_and_moments_of_any_width_can_be_joined(left: pl.Series, right: pl.Series) -> None:
    first, second = left.to_frame("a"), right.to_frame("a")
    joined = joining.join(first.lazy(), second.lazy(), ["a"], "inner").frame.collect()

    assert joined["a"].to_list() == right[-1:].to_list()


def test_missing_values_agree_with_nothing(transform: Transform) -> None:
    ran = transform("a,b\n,1\nx,2\n", join_with=Upload("b.csv", b"a,c\n,7\nx,8\n"), join_on=["a"])

    assert rows(ran) == [["", "1", ""], ["x", "2", "8"]]


def test_a_join_beyond_measure_is_refused(transform: Transform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining, "MOST_ROWS", 3)

    with pytest.raises(Fail, match="^Join on: the joined table would have 4 rows, more than 3:"):
        transform("a\nx\nx\n", join_with=Upload("b.csv", b"a\nx\nx\n"), join_on=["a"])


@pytest.mark.parametrize(
    ("on", "kind", "found"),
    [
        ("a = b", "outer", ["[1]", "z"]),  # "z" is no JSON, so the column is text.
        ("a = b", "left", [[1]]),
        ("b = a", "outer", ["x", "[1]", None]),
    ],
)
def test_nested_values_joined_with_text(transform: Transform, on: str, kind: str, found: list[Any]) -> None:
    partner = Upload("b.json", b'[{"a": [1], "b": "[1]"}, {"b": "z"}]')
    ran = transform('[{"a": [1], "b": "x"}]', "t.json", join_with=partner, join_on=[on], join_kind=kind)

    assert [each[on[0]] for each in json.loads(text(ran))] == found
