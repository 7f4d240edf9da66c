"""docs/reference/sql.md says what is so: the limits of a query, and the example."""

from __future__ import annotations

from pathlib import Path

from dtq_library.tables.query.names import LETTERS, MOST_TABLES
from dtq_library.tables.query.outcome import CHART_ROWS, MOST_ROWS, TABLE_ROWS
from dtq_library.tables.query.parameters import MOST_CHARS
from dtq_library.tables.query.process import LEAST_MEMORY_MB, MEMORY_MB, MOST_THREADS, OWN_MEMORY_MB, TEMP_MB
from tests.docs.documents import rows
from tests.library.querying import refusal

PAGE = (Path(__file__).resolve().parent.parent.parent / "docs" / "reference" / "sql.md").read_text(
    encoding="utf-8"
)
LIMITS = dict(rows(PAGE.split("<!-- limits")[1].split("<!-- /limits")[0]))


def test_the_limits_are_those_of_the_code() -> None:
    assert LIMITS["tables"] == f"{MOST_TABLES}" == f"{len(LETTERS)}"
    assert LIMITS["characters of a query"] == f"{MOST_CHARS:,}"
    for value in (MEMORY_MB, OWN_MEMORY_MB, LEAST_MEMORY_MB):
        assert f"{value:,} MB" in LIMITS["memory of the query"]
    assert LIMITS["disk for what does not fit into memory"].startswith(f"{TEMP_MB:,} MB")
    assert LIMITS["threads"] == f"{MOST_THREADS}"
    assert LIMITS["rows of the result"] == f"{MOST_ROWS:,}"
    assert f"({TABLE_ROWS:,} rows)" in PAGE and f"({CHART_ROWS:,} rows)" in PAGE


def test_the_error_is_told_as_in_the_example() -> None:
    said = refusal("SELECT id,\n  nmae\nFROM a")

    assert said in PAGE
