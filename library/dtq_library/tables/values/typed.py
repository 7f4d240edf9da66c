"""Values of a clean column in other forms: typed, as text for CSV, as JSON text when they are nested."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dtq_library.tables.values.column import Recipe

if TYPE_CHECKING:
    import polars as pl

    AnyType = pl.DataType | pl.datatypes.DataTypeClass

MOMENT = "%Y-%m-%dT%H:%M:%S%.f"


def typed(recipe: Recipe, values: pl.Series) -> pl.Series:
    """A clean chunk of text as what its kind says. Moments with an offset become UTC."""
    import polars as pl

    values = values.alias(recipe.name)
    if not recipe.is_text or recipe.kind in ("text", "nested"):
        return values
    if recipe.kind == "integer":
        return values.cast(pl.Int64)
    if recipe.kind == "number":
        return values.cast(pl.Float64)
    if recipe.kind == "date":
        return values.str.to_date("%Y-%m-%d")
    if recipe.zoned:
        return values.str.to_datetime("%+", time_unit="us", time_zone="UTC")
    return values.str.to_datetime(MOMENT, time_unit="us")


def as_text(values: pl.Series) -> pl.Series:
    """Values as text, as in CSV: ISO 8601 for dates, Base64 for bytes, JSON for lists and objects."""
    import polars as pl

    dtype = values.dtype
    if isinstance(dtype, pl.Datetime):
        moments = values if dtype.time_zone is None else values.dt.convert_time_zone("UTC")
        return moments.dt.strftime(MOMENT if dtype.time_zone is None else f"{MOMENT}Z")
    if dtype == pl.Duration:
        return values.dt.to_string("iso")
    if dtype == pl.Binary:
        return values.bin.encode("base64")
    return as_json_text(values) if dtype.is_nested() else values.cast(pl.String)


def as_json_text(values: pl.Series) -> pl.Series:
    """Lists and objects as JSON. Null stays null."""
    import polars as pl

    # Polars writes only objects as JSON: make each value the one member of one, and take it out again.
    inside = (
        pl.struct(value=without_bytes(values)).struct.json_encode().str.slice(len('{"value":')).str.head(-1)
    )
    return pl.select(pl.when(values.is_not_null()).then(inside)).to_series().alias(values.name)


def without_bytes(values: pl.Series) -> pl.Series:
    """Lists and objects with Base64 for the bytes in them, such as those of images: JSON has none."""
    import polars as pl

    if not _holds_bytes(values.dtype):
        return values
    return (
        values.to_frame("value").select(_base64(pl.col("value"), values.dtype)).to_series().alias(values.name)
    )


def _holds_bytes(dtype: AnyType) -> bool:
    import polars as pl

    if isinstance(dtype, pl.Struct):
        return any(_holds_bytes(field.dtype) for field in dtype.fields)
    return _holds_bytes(dtype.inner) if isinstance(dtype, (pl.List, pl.Array)) else dtype == pl.Binary


def _base64(value: pl.Expr, dtype: AnyType) -> pl.Expr:
    import polars as pl

    if not _holds_bytes(dtype):
        return value
    if isinstance(dtype, pl.Struct):
        fields = [
            _base64(value.struct.field(field.name), field.dtype).alias(field.name) for field in dtype.fields
        ]
        return pl.when(value.is_not_null()).then(pl.struct(fields))
    if isinstance(dtype, pl.Array):
        return _base64(value.arr.to_list(), pl.List(dtype.inner))
    if isinstance(dtype, pl.List):
        return value.list.eval(_base64(pl.element(), dtype.inner))
    return value.bin.encode("base64")
