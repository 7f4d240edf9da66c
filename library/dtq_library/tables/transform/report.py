"""What *Transform a table* tells: the steps with their rows, and the columns that came out."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from dtq_library.tables.opened import Opened
from dtq_library.tables.values.column import kind_of
from dtq_library.tables.values.written import without_written

if TYPE_CHECKING:
    import polars as pl


@dataclass
class StepLog:
    """The steps that were taken, each with the number of rows after it."""

    steps: list[dict[str, Any]] = field(default_factory=list)

    def add(self, step: str, rows: int) -> None:
        self.steps.append({"step": step, "rows": rows})


def count(frame: pl.LazyFrame) -> int:
    """The rows of a lazy frame; only what decides their number is computed."""
    import polars as pl

    rows: int = frame.select(pl.len()).collect(engine="streaming").item()
    return rows


def build_report(opened: Opened, final: pl.LazyFrame, log: StepLog, notes: list[str]) -> dict[str, Any]:
    """Figures about a table as read and as it became. The help of the task type says what each is."""
    import polars as pl

    final = without_written(final)
    schema = final.collect_schema()
    missing = final.select(pl.all().null_count()).collect(engine="streaming").row(0)
    return {
        "rows_in": opened.stage.height,
        "rows_out": count(final),
        "columns_in": len(opened.recipes),
        "columns_out": len(schema),
        "steps": log.steps,
        "columns": [
            {"name": name, "type": kind_of(dtype), "missing": nulls}
            for (name, dtype), nulls in zip(schema.items(), missing, strict=True)
        ],
        "detected": {key: value for key, value in asdict(opened.table.detected).items() if value is not None},
        "notes": notes,
    }
