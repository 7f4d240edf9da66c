"""Maps whose keys are no texts, as JSON: Polars can neither write these as JSON nor give them other keys."""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

    AnyType = pl.DataType | pl.datatypes.DataTypeClass


def holds_maps(dtype: AnyType) -> bool:
    """Whether a type has maps in it that Polars cannot write as JSON: their keys are no text, or such."""
    import polars as pl

    if isinstance(dtype, pl.Map):
        return dtype.key != pl.String or dtype.value == pl.Binary or dtype.value.is_nested()
    if isinstance(dtype, pl.Struct):
        return any(holds_maps(field.dtype) for field in dtype.fields)
    return isinstance(dtype, (pl.List, pl.Array)) and holds_maps(dtype.inner)


def maps_as_json(values: pl.Series) -> pl.Series:
    """Return the values as JSON text, with texts for keys. Null stays null."""
    import polars as pl

    texts = (
        None if value is None else json.dumps(_jsonable(value), ensure_ascii=False)
        for value in values.to_list()
    )
    return pl.Series(values.name, texts, dtype=pl.String)


def _jsonable(value: Any) -> Any:
    if isinstance(value, dict):
        return {_key(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_jsonable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value if isinstance(value, (str, bool, int, float, type(None))) else _text(value)


def _key(key: Any) -> str:
    if isinstance(key, bool):
        return str(key).lower()
    return key if isinstance(key, str) else _text(key)


def _text(value: Any) -> str:
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
