"""How a file that is not a table is refused."""

from __future__ import annotations

from dtq import Fail

ACCEPTED = "a CSV, TSV, JSON, JSON Lines, Parquet, XLSX or ODS file"


def not_a_table(what: str) -> Fail:
    """The refusal of something that is no table at all."""
    return Fail(f"This is not a table that can be read: {ACCEPTED} was expected, but this is {what}.")
