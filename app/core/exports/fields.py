"""The columns of a file, and the kind of value that each has."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum, auto
from typing import Any


class Kind(Enum):
    """What a column holds; any of it can be missing (None)."""

    TEXT = auto()
    """Text; anything else as JSON."""
    TIME = auto()
    """A time in ISO 8601 with its offset."""
    WHOLE = auto()
    """A whole number of 64 bits."""
    NUMBER = auto()
    FLAG = auto()
    TEXTS = auto()
    """A list of texts; a missing one is empty."""


Fields = Mapping[str, Kind]
"""The columns by name, in their order."""
Values = Mapping[str, Any]
"""A row: the values by the name of their column."""
Write = Callable[[Fields, Iterable[Values]], Iterator[bytes]]
"""Yields the parts of a file. What the rows raise ends it before it is whole."""


def kind_of(value: Any) -> Kind | None:
    """Return the kind of column that holds a value of a task; None where every kind can."""
    if value is None:
        return None
    if isinstance(value, bool):
        return Kind.FLAG
    if isinstance(value, int):
        return Kind.WHOLE if -(2**63) <= value < 2**63 else Kind.TEXT
    return Kind.NUMBER if isinstance(value, float) and math.isfinite(value) else Kind.TEXT


def common_kind(one: Kind | None, other: Kind | None) -> Kind | None:
    """Return the kind of column that holds the values of two kinds."""
    if one is other or not (one and other):
        return one or other
    return Kind.NUMBER if {one, other} == {Kind.WHOLE, Kind.NUMBER} else Kind.TEXT


def pieces(rows: Iterable[Values], size: int) -> Iterator[list[Values]]:
    """Yield rows, ``size`` of them at once."""
    piece: list[Values] = []
    for row in rows:
        piece.append(row)
        if len(piece) == size:
            yield piece
            piece = []
    if piece:
        yield piece
