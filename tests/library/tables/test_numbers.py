"""What a column of text must agree on to be numbers."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import pytest

from dtq_library.tables.model import Numbers
from dtq_library.tables.values.cells import Cells
from dtq_library.tables.values.numbers import read_numbers


def read(cells: Sequence[str | None], preference: Numbers = "auto") -> tuple[str, list[str | None]]:
    column = pl.Series(cells, dtype=pl.String)
    reading = read_numbers(Cells.of(column), preference)
    return (reading.kind, reading.spell(column).to_list()) if reading else ("text", list(cells))


@pytest.mark.parametrize(
    ("cells", "kind", "plain"),
    [
        (["1", "-20", "0"], "integer", ["1", "-20", "0"]),
        (["1.50", ".5", "-0.25"], "number", ["1.50", ".5", "-0.25"]),
        (["1e-05", "1.5E7", "2"], "number", ["1e-05", "1.5E7", "2"]),
        (["1", None, "2"], "integer", ["1", None, "2"]),
        (["1,234,567", "12"], "integer", ["1234567", "12"]),
        (["1,234.50", "950"], "number", ["1234.50", "950"]),
        (["1.234.567", "12"], "integer", ["1234567", "12"]),
        (["1.234,50", "950"], "number", ["1234.50", "950"]),
        (["0,5", "-12,25"], "number", ["0.5", "-12.25"]),
        (["1 234 567", "12 000", "7"], "integer", ["1234567", "12000", "7"]),
        (["1\u202f234,5", "12\u00a0000,0"], "number", ["1234.5", "12000.0"]),
        (["1'234.50", "1’000.00"], "number", ["1234.50", "1000.00"]),
        (["1.234", "2.5"], "number", ["1.234", "2.5"]),
        (["999999999999999"], "integer", ["999999999999999"]),
        (["0.30000000000000004"], "number", ["0.30000000000000004"]),
    ],
)
def test_numbers(cells: list[str | None], kind: str, plain: list[str | None]) -> None:
    assert read(cells) == (kind, plain)


@pytest.mark.parametrize(
    "cells",
    [
        ["00501", "10001"],  # ZIP codes
        ["1", "two"],
        ["1", "00"],
        ["$1", "$2"],
        ["5%", "6%"],
        ["EUR 5", "EUR 6"],
        ["+491234567"],
        ["12E5", "34E6"],  # article numbers
        ["1,2,3"],
        ["1,23,456"],
        ["12,34.5"],
        ["1,234", "1.5,0"],
        ["1.5", "1,5"],
        ["1.234", "1,234"],
        ["612 345 678", "699 000 111"],  # telephone numbers
        ["560 001", "110 002"],  # Indian postal codes
        ["192.168.100.101", "10.200.100.102"],
        ["1234567890123456"],  # a card number
        ["1.234567890123456789"],
        ["1.5e400"],
        ["(5)"],
        ["5-"],
        ["1 "],
        ["\u0661"],  # a digit, but not one that Python's or Polars' numbers are written with
        ["-"],
        [""],
    ],
)
def test_text_stays_text(cells: list[str | None]) -> None:
    assert read(cells) == ("text", cells)


def test_a_lone_group_of_three_is_open_and_asked_about() -> None:
    reading = read_numbers(Cells.of(pl.Series(["950", "1,234"])), "auto")

    assert reading is not None
    assert reading.kind == "text"
    assert reading.note == "1,234 may be 1234 or 1.234; left as text. Say which it is under Numbers."


@pytest.mark.parametrize(
    ("preference", "cells", "plain"),
    [
        ("point", ["1,234", "950"], ["1234", "950"]),
        ("comma", ["1,234", "950"], ["1.234", "950"]),
        ("comma", ["1.234", "950"], ["1234", "950"]),
        ("point", ["1.234", "950"], ["1.234", "950"]),
    ],
)
def test_a_preference_decides_what_is_open(preference: Numbers, cells: list[str], plain: list[str]) -> None:
    assert read(cells, preference)[1] == plain


@pytest.mark.parametrize(
    ("preference", "cells", "plain"),
    [
        ("comma", ["12.5", "3"], ["12.5", "3"]),
        ("point", ["0,5", "3"], ["0.5", "3"]),
        ("comma", ["1e-05"], ["1e-05"]),
    ],
)
def test_a_preference_overrules_no_value(preference: Numbers, cells: list[str], plain: list[str]) -> None:
    assert read(cells, preference) == ("number", plain)


@pytest.mark.parametrize("cells", [["1.234", "5.678"], ["12.500"], ["1,234", "950"]])
def test_columns_that_fit_either_sign_are_open(cells: list[str]) -> None:
    reading = read_numbers(Cells.of(pl.Series(cells)), "auto")

    assert reading is not None
    assert (reading.kind, reading.open, reading.sign) == ("text", True, None)


@pytest.mark.parametrize(
    ("cells", "sign"),
    [
        (["0,5"], "comma"),
        (["1.234,50"], "comma"),
        (["1.234.567", "12"], "comma"),
        (["0.05"], "point"),
        (["1,234,567", "12"], "point"),
        (["1.5", "1.234"], "point"),
        (["12", "950"], None),
        (["1 234", "12"], None),
    ],
)
def test_the_sign_that_a_column_shows(cells: list[str], sign: str | None) -> None:
    reading = read_numbers(Cells.of(pl.Series(cells)), "auto")

    assert reading is not None
    assert (reading.sign, reading.open) == (sign, False)


@pytest.mark.parametrize("preference", ["auto", "point", "comma"])
def test_telephone_numbers_are_no_numbers_whatever_is_preferred(preference: Numbers) -> None:
    assert read(["612 345 678", "699 000 111"], preference)[0] == "text"


@pytest.mark.parametrize(
    ("cells", "note"),
    [
        (["00501", "10001"], "left as text, because leading zeros as in 00501 would be lost."),
        (["5 %", "7%"], "amounts with a currency or percent sign were left as text."),
        (["€ 1.200", "-$5"], "amounts with a currency or percent sign were left as text."),
        (["612 345 678"], "the digits are grouped as in telephone numbers or codes; left as text."),
        (["1234567890123456"], "numbers with so many digits would lose some; left as text."),
    ],
)
def test_columns_that_look_like_numbers_say_why_they_are_not(cells: list[str], note: str) -> None:
    reading = read_numbers(Cells.of(pl.Series(cells)), "auto")

    assert reading is not None
    assert (reading.kind, reading.note) == ("text", note)


def test_one_value_far_below_is_enough_to_keep_a_column_text() -> None:
    assert read([str(number) for number in range(5_000)] + ["n5"])[0] == "text"


def test_an_exponent_without_a_sign_may_be_a_code_and_is_told() -> None:
    reading = read_numbers(Cells.of(pl.Series(["1012.5", "1e3"])), "auto")

    assert reading is not None
    assert (reading.kind, reading.note) == ("text", "left as text, because 1e3 may be a code.")
