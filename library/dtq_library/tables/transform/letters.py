"""Upper and lower case of columns of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dtq import Fail
from dtq_library.tables.model import Case
from dtq_library.tables.names import find_columns
from dtq_library.tables.transform.values import holds
from dtq_library.tables.values.column import change_case
from dtq_library.tables.values.written import visible

if TYPE_CHECKING:
    import polars as pl


def change_letters(
    frame: pl.LazyFrame, case: Case, columns: Sequence[str], nested: frozenset[str] | set[str] = frozenset()
) -> pl.LazyFrame:
    """Change the case of these columns, or of all that hold text; JSON in ``nested`` ones stays as it is."""
    import polars as pl

    schema = frame.collect_schema()
    names = visible(schema.names())
    wanted = find_columns(columns, names, names)
    for name in wanted:
        if schema[name] != pl.String:
            raise Fail(
                f"Case of columns: {name} holds {holds(schema[name])}, which have no upper and lower case."
            )
    if case == "keep":
        return frame
    texts = [name for name in names if schema[name] == pl.String and name not in nested]
    return frame.with_columns([change_case(pl.col(name), case) for name in wanted or texts])
