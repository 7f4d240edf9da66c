"""The cells of one column of text, for questions that all of them have to answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

_SAMPLE = 1_000


class Cells:
    """Chunks of a column, as often as they are asked for; null cells have no say in any answer."""

    def __init__(self, chunks: Callable[[], Iterable[pl.Series]]) -> None:
        self.chunks = chunks
        self._sample: pl.Series | None = None
        self._is_whole = False

    @classmethod
    def of(cls, values: pl.Series) -> Cells:
        """A column that is in memory as a whole."""
        return cls(lambda: [values])

    def match(self, pattern: str) -> bool:
        """Whether every cell matches a regular expression; a few cells are asked before the others."""
        return all(bool(cells.str.contains(pattern).all()) for cells in self._sample_first())

    def any(self, test: Callable[[pl.Series], pl.Series]) -> bool:
        """Whether ``test``, which answers true or false for each cell, is true for some cell."""
        return any(bool(test(cells).any()) for cells in self.chunks())

    def first(self, test: Callable[[pl.Series], pl.Series]) -> str | None:
        """The first cell for which ``test`` is true."""
        for cells in self.chunks():
            found = cells.filter(test(cells))
            if len(found):
                return str(found[0])
        return None

    def _sample_first(self) -> Iterator[pl.Series]:
        """A few cells, and all of them unless these are all: tables of many columns often have few rows."""
        if self._sample is None:
            chunks = iter(self.chunks())
            known = next(chunks).drop_nulls()
            self._sample = known.head(_SAMPLE)
            self._is_whole = len(known) <= _SAMPLE and next(chunks, None) is None
        yield self._sample
        if not self._is_whole:
            yield from self.chunks()
