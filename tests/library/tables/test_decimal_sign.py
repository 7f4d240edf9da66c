"""The decimal sign is one decision for a whole table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dtq_library.tables.io.read import read_table
from dtq_library.tables.model import CellOptions, ReadOptions
from dtq_library.tables.values.column import agree, decide
from dtq_library.tables.values.typed import typed
from tests.library.conftest import Cleaned
from tests.plugins.examples import examples

Clean = Callable[..., Cleaned]


def cells(cleaned: Cleaned, name: str) -> list[str]:
    """The cells of a column of the file, whatever its delimiter."""
    lines = [line.split(";") for line in cleaned.text.splitlines()]
    return [line[lines[0].index(name)] for line in lines[1:]]


def test_thousands_beside_a_decimal_comma_are_thousands(clean: Clean) -> None:
    cleaned = clean("Artikel;Menge;Preis\nSchraube;1.234;0,05\nMutter;2.500;0,04\n")

    assert cells(cleaned, "menge") == ["1234", "2500"]
    assert cells(cleaned, "preis") == ["0.05", "0.04"]
    assert cleaned.column("menge")["type"] == "integer"
    assert cleaned.report["notes"] == [
        "Column menge: numbers were read with a decimal comma, as in the other columns."
    ]


def test_the_same_beside_a_decimal_point(clean: Clean) -> None:
    cleaned = clean("item;a;b;price\nbolt;1,234;1.234;0.05\nnut;2,500;2.500;0.04\n")

    assert cells(cleaned, "a") == ["1234", "2500"]
    assert cells(cleaned, "b") == ["1.234", "2.500"]
    assert cleaned.column("b")["type"] == "number"


def test_columns_that_disagree_leave_the_doubt(clean: Clean) -> None:
    cleaned = clean("a;b;c\n1.234;0,05;0.05\n")

    assert [cleaned.column(name)["type"] for name in "abc"] == ["text", "number", "number"]
    assert cleaned.report["notes"][0].startswith("Column a: 1.234 may be 1.234 or 1234; left as text.")


@pytest.mark.parametrize(("delimiter", "kind"), [(";", "text"), (",", "number"), ("\t", "number")])
def test_where_no_column_decides_semicolons_leave_it_open(clean: Clean, delimiter: str, kind: str) -> None:
    cleaned = clean(f"name{delimiter}amount\nx{delimiter}1.234\ny{delimiter}2.500\n")

    assert cleaned.column("amount")["type"] == kind


def test_a_preference_needs_no_other_column(clean: Clean) -> None:
    cleaned = clean("name;amount\nx;1.234\n", numbers="comma")

    assert cells(cleaned, "amount") == ["1234"]


@settings(max_examples=examples(60), deadline=None)
@example(sign=".", delimiter=";", grouped=True, rows=[(1000, 100000), (1000, 100000), (1000000, 0)])
@given(
    sign=st.sampled_from([".", ","]),
    delimiter=st.sampled_from([";", "\t", "|"]),
    grouped=st.booleans(),
    rows=st.lists(st.tuples(st.integers(0, 9_999_999), st.integers(0, 99_999_999)), min_size=1, max_size=6),
)
def test_a_table_of_either_kind_is_read_right_or_left_as_text(
    tmp_path_factory: pytest.TempPathFactory,
    sign: str,
    delimiter: str,
    grouped: bool,
    rows: list[tuple[int, int]],
) -> None:
    path: Path = tmp_path_factory.getbasetemp() / "decimal"
    swap = str.maketrans(".,", ",." if sign == "," else ".,")
    written = [
        (
            f"{count:,}".translate(swap) if grouped else f"{count}",
            (f"{cents / 100:,.2f}" if grouped else f"{cents / 100:.2f}").translate(swap),
        )
        for count, cents in rows
    ]
    path.write_text("\n".join(delimiter.join(row) for row in [("count", "price"), *written]))
    table = read_table(path, "t.csv", ReadOptions(), lambda share: None)
    recipes = agree(
        [decide(column, column.header, CellOptions()) for column in table.columns], table.detected.delimiter
    )

    for recipe, expected in zip(recipes, zip(*rows, strict=True), strict=True):
        if recipe.kind != "text":
            values = [typed(recipe, recipe.values(chunk)).to_list() for chunk in recipe.column.chunks()]
            assert values == [[number / (100 if recipe.name == "price" else 1) for number in expected]]
    assert recipes[1].kind == "number"
