"""A table on its way through, in chunks: in memory while it is small, in files beside the source when not.

This is what lets a file of any size go through in the memory of a few chunks. Columns are read from the
files one by one, so a step that needs one column never loads the others.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

MEMORY_BYTES = 32 * 1024 * 1024
"""What a stage holds before it goes to disk; several are alive at the same time."""


class Stage:
    """Chunks of rows that have the same columns, kept in their order; on disk inside of ``folder``."""

    def __init__(self, folder: Path, memory_bytes: int | None = None) -> None:
        self.folder = folder
        self._most_bytes = MEMORY_BYTES if memory_bytes is None else memory_bytes
        self._own: Path | None = None
        self._held: list[pl.DataFrame] = []
        self._files: list[Path] = []
        self._bytes = 0
        self._empty: pl.DataFrame | None = None
        self.height = 0

    def add(self, frame: pl.DataFrame) -> None:
        """Append rows. One frame at least, be it empty, says what the columns are."""
        if self._empty is None:
            self._empty = frame.clear()
        if not frame.height:
            return
        self.height += frame.height
        self._bytes += int(frame.estimated_size())
        self._held.append(frame)
        if self._files or self._bytes > self._most_bytes:
            self._spill()

    def chunks(self, *columns: str) -> Iterator[pl.DataFrame]:
        """The rows, chunk after chunk, one at least. All columns unless some are named."""
        import polars as pl

        wanted = list(columns) or None
        for path in self._files:
            yield pl.read_parquet(path, columns=wanted, glob=False)
        held = self._held or ([] if self._files else [self.empty])
        for frame in held:
            yield frame.select(wanted) if wanted else frame

    def scan(self) -> pl.LazyFrame:
        """The rows as a lazy frame."""
        import polars as pl

        if self._files:
            return pl.scan_parquet(self._files, glob=False)
        return pl.concat([self.empty, *self._held]).lazy()

    @property
    def empty(self) -> pl.DataFrame:
        """The columns without a row."""
        if self._empty is None:
            raise ValueError("there are no rows: none were added yet, or they were let go of")
        return self._empty

    def discard(self) -> None:
        """Let go of rows that nobody needs any more, before the folder goes. `height` stays."""
        self._held.clear()
        self._empty = None
        if self._own is not None:
            shutil.rmtree(self._own, ignore_errors=True)

    @property
    def on_disk(self) -> bool:
        return bool(self._files)

    def _spill(self) -> None:
        if self._own is None:
            self._own = Path(tempfile.mkdtemp(prefix="stage-", dir=self.folder))
        for frame in self._held:
            path = self._own / f"{len(self._files):06}.parquet"
            frame.write_parquet(path, compression="lz4", statistics=False)
            self._files.append(path)
        self._held.clear()
