"""What a column of text must agree on to be dates."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import pytest

from dtq_library.tables.model import Dates
from dtq_library.tables.values.cells import Cells
from dtq_library.tables.values.dates import read_dates


def read(cells: Sequence[str | None], preference: Dates = "auto") -> tuple[str, list[str | None]]:
    column = pl.Series(cells, dtype=pl.String)
    reading = read_dates(Cells.of(column), preference)
    return (reading.kind, reading.spell(column).to_list()) if reading else ("text", list(cells))


@pytest.mark.parametrize(
    ("cells", "iso"),
    [
        (["2024-03-01", None, "2024-3-2"], ["2024-03-01", None, "2024-03-02"]),
        (["2024/3/1"], ["2024-03-01"]),
        (["25.12.2024", "1.2.2024"], ["2024-12-25", "2024-02-01"]),
        (["12/25/2024", "1/2/2024"], ["2024-12-25", "2024-01-02"]),
        (["25-12-2024", "01-02-2024"], ["2024-12-25", "2024-02-01"]),
        (["05/05/2024", "12/12/2024"], ["2024-05-05", "2024-12-12"]),  # the same in both orders
        (["1 March 2024", "02 Sept. 2024"], ["2024-03-01", "2024-09-02"]),
        (["01-Mar-2024", "02-DEC-2024"], ["2024-03-01", "2024-12-02"]),
        (["Mar 1, 2024", "June 2nd, 2024", "Jan 3 2024"], ["2024-03-01", "2024-06-02", "2024-01-03"]),
        (["29.02.2024"], ["2024-02-29"]),
    ],
)
def test_dates(cells: list[str | None], iso: list[str | None]) -> None:
    assert read(cells) == ("date", iso)


@pytest.mark.parametrize(
    ("cells", "iso"),
    [
        (["2024-03-01 10:00", "2024-03-01T10:00:30.25"], ["2024-03-01T10:00:00", "2024-03-01T10:00:30.25"]),
        (
            ["2024-03-01T10:00:00Z", "2024-03-01 10:00 +0200"],
            ["2024-03-01T10:00:00Z", "2024-03-01T10:00:00+02:00"],
        ),
        (["12/25/2024 3:05 PM", "1/2/2024 12:00 am"], ["2024-12-25T15:05:00", "2024-01-02T00:00:00"]),
        (["25.12.2024, 09:05"], ["2024-12-25T09:05:00"]),
        (["2024-03-01 12:30 p.m."], ["2024-03-01T12:30:00"]),
    ],
)
def test_dates_with_times(cells: list[str | None], iso: list[str | None]) -> None:
    assert read(cells) == ("datetime", iso)


@pytest.mark.parametrize(
    "cells",
    [
        ["2024-03-01", "soon"],
        ["2024-02-30"],
        ["31.04.2024"],
        ["2024-03-01 24:00"],
        ["2024-03-01 13:00 PM"],
        ["25/12/2024", "12/25/2024"],  # one of each order
        ["2024-03-01", "2024-03-01 10:00"],
        ["2024-03-01 10:00", "2024-03-01 10:00 PM"],
        ["2024-03-01 10:00", "2024-03-01 10:00Z"],
        ["2024-03-01", "2024/03/01"],
        ["25/12/2024", "25.12.2024"],
        ["25/12/24"],  # which century?
        ["2024.3.1", "2024.10.2"],  # versions
        ["1.2.3"],
        ["Marble 3 2024"],
        ["10:30"],
        ["20240301"],
        ["0000-01-01"],
    ],
)
def test_text_stays_text(cells: list[str | None]) -> None:
    assert read(cells) == ("text", cells)


def test_open_dates_stay_text_and_are_asked_about() -> None:
    reading = read_dates(Cells.of(pl.Series(["03/04/2024", "05/06/2024"])), "auto")

    assert reading is not None
    assert reading.kind == "text"
    assert reading.note == (
        "dates such as 03/04/2024 may begin with day or month; left as text. Say which under Dates."
    )


@pytest.mark.parametrize(("preference", "iso"), [("day_first", "2024-04-03"), ("month_first", "2024-03-04")])
def test_a_preference_decides_what_is_open(preference: Dates, iso: str) -> None:
    assert read(["03/04/2024"], preference) == ("date", [iso])


def test_a_preference_overrules_no_value() -> None:
    assert read(["03/04/2024", "12/25/2024"], "day_first") == ("date", ["2024-03-04", "2024-12-25"])


def test_a_value_above_12_decides_and_says_so() -> None:
    reading = read_dates(Cells.of(pl.Series(["03/04/2024", "25/12/2024"])), "auto")

    assert reading is not None
    assert reading.note == "read with the day before the month, the only order that fits."
