"""The figures of one cleaning, as JSON. What each one counts is told in the help of *Clean a table*."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from workers.library.tables.model import REASONS, CleanColumn, Table
from workers.library.tables.rows import Kept

if TYPE_CHECKING:
    import polars as pl


def build_report(
    table: Table,
    columns: Sequence[CleanColumn],
    written: Sequence[CleanColumn],
    kept: Kept,
    notes: Sequence[str],
) -> dict[str, Any]:
    """Figures about a table as read, all of its columns, and the columns and rows that were ``written``."""
    names = {column.name for column in written}
    described = [_describe(column, kept.mask) for column in written]
    return {
        "rows_in": table.height + table.broken_rows,
        "rows_out": int(kept.mask.sum()),
        "columns_in": len(columns),
        "columns_out": len(written),
        "removed": {
            "empty_rows": kept.empty_rows,
            "duplicates": kept.duplicates,
            "broken_rows": table.broken_rows,
            "empty_columns": [column.name for column in columns if column.name not in names],
        },
        "cells_changed": {
            "total": sum(column["cells_changed"] for column in described),
            **{reason: sum(column["changes"].get(reason, 0) for column in described) for reason in REASONS},
        },
        "columns": described,
        "detected": {key: value for key, value in asdict(table.detected).items() if value is not None},
        "notes": [*table.notes, *(note for column in written for note in column.notes), *notes],
    }


def _describe(column: CleanColumn, rows: pl.Series) -> dict[str, Any]:
    import polars as pl

    changes = column.changes.filter(rows)
    by_reason = changes.sum().row(0, named=True)
    return {
        "name": column.name,
        "original_name": column.header,
        "type": column.kind,
        "missing": column.values.filter(rows).null_count(),
        "cells_changed": changes.select(pl.any_horizontal(pl.all()).sum()).item(),
        "changes": {reason: count for reason, count in by_reason.items() if count},
    }
