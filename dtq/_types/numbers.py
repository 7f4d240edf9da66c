"""Numbers as the database keeps them."""

from __future__ import annotations

from decimal import Decimal
from math import inf, isfinite
from numbers import Integral, Real
from typing import Any

INT64 = 2**63


def finite(whose: str, name: str, value: Any) -> int | float:
    """Return a number, also one of numpy's or a decimal, as int or float. Raises TypeError, ValueError."""
    if not isinstance(value, Real | Decimal):
        raise TypeError(f"{whose} takes a number as `{name}`, not {type(value).__name__}.")
    try:
        number = float(value)
    except OverflowError:
        number = inf
    if not isfinite(number):
        raise ValueError(f"{whose} takes a finite number as `{name}`, not one that is infinite or none.")
    return int(value) if isinstance(value, Integral) and abs(number) < INT64 else number
