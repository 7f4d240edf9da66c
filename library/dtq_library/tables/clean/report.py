"""The figures of one cleaning, as JSON. What each one counts is told in the help of *Clean a table*."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from dtq_library.tables.losses import loss_notes
from dtq_library.tables.model import REASONS, CleanColumn, Table
from dtq_library.tables.rows import RowSelection
from dtq_library.tables.values.column import Recipe

if TYPE_CHECKING:
    import polars as pl


@dataclass
class Tally:
    """What is counted about a column while its rows that stay are written."""

    missing: int = 0
    cells_changed: int = 0
    changes: Counter[str] = field(default_factory=Counter)

    def add(self, column: CleanColumn, rows: pl.Series) -> None:
        """Count a chunk, of which ``rows`` are true where a row stays."""
        import polars as pl

        changes = column.changes.filter(rows)
        self.missing += column.values.filter(rows).null_count()
        self.cells_changed += changes.select(pl.any_horizontal(pl.all()).sum()).item()
        self.changes.update(changes.sum().row(0, named=True))


def build_report(
    table: Table,
    recipes: Sequence[Recipe],
    written: dict[Recipe, Tally],
    kept: RowSelection,
    notes: Sequence[str],
) -> dict[str, Any]:
    """Figures about a table as read, all of its columns, and the columns and rows that were ``written``."""
    described = [_describe(recipe, tally) for recipe, tally in written.items()]
    return {
        "rows_in": table.height + table.broken_rows,
        "rows_out": int(kept.mask.sum()),
        "columns_in": len(recipes),
        "columns_out": len(written),
        "removed": {
            "empty_rows": kept.empty_rows,
            "duplicates": kept.duplicates,
            "broken_rows": table.broken_rows,
            "empty_columns": [recipe.name for recipe in recipes if recipe not in written],
        },
        "cells_changed": {
            "total": sum(tally.cells_changed for tally in written.values()),
            **{reason: sum(tally.changes[reason] for tally in written.values()) for reason in REASONS},
        },
        "columns": described,
        "detected": {key: value for key, value in asdict(table.detected).items() if value is not None},
        "notes": [
            *table.notes,
            *(note for recipe in written for note in recipe.notes),
            *loss_notes(table, written, kept),
            *notes,
        ],
    }


def _describe(recipe: Recipe, tally: Tally) -> dict[str, Any]:
    return {
        "name": recipe.name,
        "original_name": recipe.column.header,
        "type": recipe.kind,
        "missing": tally.missing,
        "cells_changed": tally.cells_changed,
        "changes": {reason: tally.changes[reason] for reason in REASONS if tally.changes[reason]},
    }
