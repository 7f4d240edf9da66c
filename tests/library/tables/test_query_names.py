"""*Query tables with SQL*: what its form shows, and what tables are called; no query runs here."""

from __future__ import annotations

import duckdb
import pytest

from app.core.params.fields import describe
from dtq._types.task_type import registered
from dtq_library.tables.query.names import RESERVED, aliases
from dtq_library.tables.query.task import query_tables


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["people.csv", "x/Sales2024.csv.gz"], {"people": "a", "Sales2024": "b"}),
        (["people.csv", "People.json"], {}),
        (["sales 2024.csv", "2024.csv", "order.csv", "Left.csv", "größe.csv", ".csv"], {}),
        (["b.csv", "x.csv"], {"x": "b"}),
        (["x" * 64 + ".csv", "x" * 63 + ".csv"], {"x" * 63: "b"}),
    ],
)
def test_a_file_gives_its_name_where_it_is_a_plain_one_and_its_own(
    files: list[str], expected: dict[str, str]
) -> None:
    assert aliases(files) == expected


def test_the_reserved_words_are_those_of_this_version() -> None:
    known = duckdb.execute(
        "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category IN ('reserved', 'type_function')"
    ).fetchall()
    assert {name for (name,) in known} <= RESERVED


def test_the_form_has_a_title_and_a_label_for_every_choice() -> None:
    document = registered(query_tables).document()
    for each in describe(document["schema"]):
        assert each.title[0].isupper() and each.help
        if each.name != "encoding":
            assert {value for value, _ in each.choices} == set(each.schema.get("labels", {})), each.name
    assert (document["timeout_s"], document["category"]) == (3600, "Data")
