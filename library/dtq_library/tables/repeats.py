"""Which rows say the same as an earlier one, in little memory however many rows there are.

A row is known by 128 bits of hash (among a thousand million rows, the odds that two different ones share them
are below one in 10^20). They go to a stage, and are then compared in parts: equal rows are in the same part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dtq_library.tables.model import Table
from dtq_library.tables.stage import Stage

if TYPE_CHECKING:
    import polars as pl

_PART_ROWS = 2_000_000
_SEEDS = {"one": 1, "two": 2}


class Repeats:
    """Rows are added chunk after chunk, then asked about together."""

    def __init__(self, table: Table) -> None:
        self._hashes = Stage(table.stage.folder)

    def add(self, values: pl.DataFrame) -> None:
        """Rows to compare, by all of their columns; null equals null."""
        import polars as pl

        self._hashes.add(
            pl.DataFrame([values.hash_rows(seed=seed).alias(name) for name, seed in _SEEDS.items()])
        )

    def first_ones(self) -> pl.Series:
        """For every row, whether it is the first of its kind."""
        import polars as pl

        # 32 bits for the number of a row: Polars itself holds no more rows than that.
        later = pl.concat([self._later(part) for part in range(self._parts)])
        rows = pl.DataFrame({"row": pl.int_range(self._hashes.height, dtype=pl.UInt32, eager=True)})
        return rows.select(~pl.col("row").is_in(later.implode())).to_series()

    @property
    def _parts(self) -> int:
        return self._hashes.height // _PART_ROWS + 1

    def _later(self, part: int) -> pl.Series:
        """The numbers of the rows in a part that have an earlier equal."""
        import polars as pl

        rows = self._hashes.scan().with_row_index("row").filter(pl.col("one") % self._parts == part)
        return (
            rows.filter(~pl.struct(*_SEEDS).is_first_distinct())
            .select(pl.col("row").cast(pl.UInt32))
            .collect()
            .to_series()
        )
