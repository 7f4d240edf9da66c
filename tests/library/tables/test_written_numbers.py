"""Numbers in text files stay as they were written, through every step that does not change them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.library.transforming import Transform, header, rows, text
from workers.testing import Upload

VERSIONS = "id,version,price,state\n1,1.10,2.50,b\n2,1.1,20,a\n3,,3.00,c\n4,1.100,-0.50,a\n"
WRITTEN = {"1": ("1.10", "2.50"), "2": ("1.1", "20"), "3": ("", "3.00"), "4": ("1.100", "-0.50")}
OTHER = "id,rate,price\n1,0.50,1.0\n2,0.5,2.00\n9,7.70,3\n"

STEPS: list[dict[str, Any]] = [
    {},
    {"rows": ["price > 0"]},
    {"sort": ["price desc"]},
    {"sort": ["version"], "rows": ["version >= 1.1"]},
    {"columns": ["id", "version", "price"]},
    {"drop": ["state"]},
    {"case": "upper"},
    {"fill": ["state = x"]},
    {"output": "tsv"},
]


@pytest.mark.parametrize("steps", STEPS)
def test_a_step_keeps_how_numbers_are_written(transform: Transform, steps: dict[str, Any]) -> None:
    lines = [line.replace("\t", ",").split(",") for line in text(transform(VERSIONS, **steps)).splitlines()]

    assert len(lines) > 1
    assert all((line[1], line[2]) == WRITTEN[line[0]] for line in lines[1:])


def test_a_filled_value_stands_beside_the_others_as_they_were(transform: Transform) -> None:
    found = rows(transform(VERSIONS, fill=["version = 2.5"]))

    assert [row[1] for row in found] == ["1.10", "1.1", "2.5", "1.100"]


def test_renamed_columns_keep_how_they_were_written(transform: Transform) -> None:
    ran = transform(VERSIONS, columns=["price as cost", "version as price"])

    assert header(ran) == ["cost", "price"]
    assert rows(ran)[0] == ["2.50", "1.10"]


@pytest.mark.parametrize("kind", ["left", "inner", "outer"])
def test_columns_of_a_second_table_keep_it_too(transform: Transform, kind: str) -> None:
    ran = transform(VERSIONS, join_with=Upload("o.csv", OTHER.encode()), join_on=["id"], join_kind=kind)
    found = {row[0]: row for row in rows(ran)}

    assert header(ran) == ["id", "version", "price", "state", "rate", "price_2"]
    assert found["1"][1:3] + found["1"][4:] == ["1.10", "2.50", "0.50", "1.0"]
    assert found["2"][4:] == ["0.5", "2.00"]


def test_what_is_computed_is_written_anew(transform: Transform) -> None:
    ran = transform(VERSIONS, group_by=["version"], compute=["sum(price) as total"])

    assert [row[0] for row in rows(ran)] == ["1.1", ""]
    assert ran.result["notes"][0].startswith("Column version: numbers are written without trailing zeros")


def test_the_columns_beside_are_nobodys_business(transform: Transform) -> None:
    ran = transform(VERSIONS, output="json")

    assert ran.result["columns_out"] == 4
    assert b'"version":1.1,' in next(iter(ran.files.values()))
    assert [column["name"] for column in transform(VERSIONS).result["columns"]] == [
        "id",
        "version",
        "price",
        "state",
    ]


@pytest.mark.parametrize("line", ["version  = 1", '"version " = 1', "nothing = 1"])
def test_no_line_reaches_them(transform: Transform, line: str) -> None:
    try:
        ran = transform(VERSIONS, rows=[line])
    except Exception as error:
        assert "The columns are: id, version, price, state." in str(error)
    else:
        assert line == "version  = 1" and rows(ran) == []
