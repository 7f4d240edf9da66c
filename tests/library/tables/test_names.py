"""Names of columns, and finding the one that was meant."""

from __future__ import annotations

import pytest

from dtq import Fail
from dtq_library.tables.names import find_columns, tidy_names


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Unit price (EUR)", "unit_price_eur"),
        ("unitPriceEUR", "unit_price_eur"),
        ("HTTPStatus", "http_status"),
        ("  Order\nnumber ", "order_number"),
        ("Größe/cm", "größe_cm"),
        ("e\u0301te\u0301", "été"),
        ("2024", "2024"),
        ("already_tidy_2", "already_tidy_2"),
        ("__id__", "id"),
        ("Имя", "имя"),
        ("%", "column_1"),
        ("", "column_1"),
    ],
)
def test_snake_case(header: str, name: str) -> None:
    assert tidy_names([header], snake_case=True) == [name]


def test_kept_names_lose_only_whitespace() -> None:
    assert tidy_names([" Unit\n price (EUR) ", ""], snake_case=False) == ["Unit price (EUR)", "column_2"]


def test_a_name_that_polars_takes_for_a_pattern_is_none() -> None:
    assert tidy_names(["*", "^a.*$", "^a", "*a"], snake_case=False) == ["column_1", "column_2", "^a", "*a"]


def test_names_are_unique_even_where_a_header_already_has_a_number() -> None:
    headers = ["a", "A", "a_2", "a", "column_6", ""]
    names = tidy_names(headers, snake_case=True)

    assert names == ["a", "a_2", "a_2_2", "a_3", "column_6", "column_6_2"]


def test_columns_are_found_by_either_name_once() -> None:
    headers, names = [" Customer  ID", "Town"], ["customer_id", "town"]

    assert find_columns(["Customer ID", "customer_id", "Town"], names, headers) == ["customer_id", "town"]


def test_an_unknown_column_is_told_with_the_nearest_and_all() -> None:
    with pytest.raises(Fail) as refused:
        find_columns(["costumer"], ["customer", "town"], ["Customer", "Town"])

    assert str(refused.value) == (
        "There is no column named costumer. Did you mean customer? The columns are: customer, town."
    )


def test_a_long_list_of_columns_is_cut() -> None:
    names = [f"column_{at}" for at in range(1, 36)]
    with pytest.raises(
        Fail, match=r"There is no column named zzz\. The columns are: .*column_30 and 5 more\.$"
    ):
        find_columns(["zzz"], names, names)
