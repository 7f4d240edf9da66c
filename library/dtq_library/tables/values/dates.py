"""Dates and times: read only when a whole column agrees on one form, and its days on one order.

``03/04/2024`` is March or April. It is read when some other value of the column has a number above 12 in one
of the two places, or when both orders give the same dates, or when somebody says which one it is. Years
have four digits; two would leave the century open. Written as ISO 8601, with the offset from UTC as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dtq_library.tables.model import Dates, Kind
from dtq_library.tables.values.cells import Cells
from dtq_library.tables.values.numbers import NumberReading

if TYPE_CHECKING:
    import polars as pl

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH_NUMBERS = {name: str(number) for number, name in enumerate(_MONTHS, start=1)}
_MONTH = (
    r"(?P<month>(?i:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?))"
)
_YEAR = r"(?P<year>[1-9][0-9]{3})"
_DAY = r"(?P<day>[0-9]{1,2})"
_FORMS = (
    rf"{_YEAR}-(?P<month>[0-9]{{1,2}})-{_DAY}",
    rf"{_YEAR}/(?P<month>[0-9]{{1,2}})/{_DAY}",
    rf"{_DAY}(?:\s+|-){_MONTH}\.?(?:,?\s+|-){_YEAR}",
    rf"{_MONTH}\.?\s+{_DAY}(?:st|nd|rd|th)?,?\s+{_YEAR}",
)
_OPEN_FORMS = tuple(
    rf"(?P<one>[0-9]{{1,2}}){mark}(?P<two>[0-9]{{1,2}}){mark}{_YEAR}" for mark in ("/", r"\.", "-")
)
"""Forms in which the month may come first or second."""
_TIME = (
    r"(?:(?:[Tt]|,?\s+)(?P<hour>[0-9]{1,2}):(?P<minute>[0-5][0-9])"
    r"(?::(?P<second>[0-5][0-9])(?P<fraction>\.[0-9]{1,6})?)?"
    r"(?:\s?(?P<half>[AaPp]\.?[Mm]\.?))?"
    r"\s?(?P<offset>[Zz]|[+-](?:0[0-9]|1[0-4]):?[0-5][0-9])?)?"
)
_ALL_OR_NONE = ("hour", "half", "offset")


def read_dates(cells: Cells, preference: Dates) -> NumberReading | None:
    """Read a column of text as dates or as dates with times; None when it does not look like them.

    ``preference`` decides only what the values themselves leave open.
    """
    form = next((form for form in (*_FORMS, *_OPEN_FORMS) if cells.match(_whole(form))), None)
    return None if form is None else _read(cells, form, preference)


def _whole(form: str) -> str:
    return f"^{form}{_TIME}$"


@dataclass
class _DateEvidence:
    """What all of the values together say about how they are to be read."""

    known: int = 0
    with_part: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_ALL_OR_NONE, 0))
    orders: list[str] = field(default_factory=list)
    differ: bool = False

    @property
    def uniform(self) -> bool:
        return all(count in (0, self.known) for count in self.with_part.values())


def _read(cells: Cells, form: str, preference: Dates) -> NumberReading:
    """Put the parts together; a column in which they contradict each other stays text, with the reason."""
    account = _ask(cells, form)
    if not account.uniform:
        return NumberReading("text", note="only some of the dates have a time or an offset; left as text.")
    if not account.orders:
        return NumberReading("text", note="the dates agree on no order, or some do not exist; left as text.")
    if preference not in account.orders and account.differ:
        example = cells.first(lambda chunk: chunk.is_not_null())
        note = f"dates such as {example} may begin with day or month; left as text. Say which under Dates."
        return NumberReading("text", note=note)
    kind: Kind = "datetime" if account.with_part["hour"] else "date"
    order = preference if preference in account.orders else account.orders[0]
    return NumberReading(
        kind, _speller(form, order), _decided(account.orders), bool(account.with_part["offset"])
    )


def _ask(cells: Cells, form: str) -> _DateEvidence:
    account = _DateEvidence(orders=list(_orders(form)))
    for chunk in cells.chunks():
        parts = _parts(chunk, form)
        known = parts.drop_nulls("year").select(_ALL_OR_NONE)
        account.known += known.height
        for name in _ALL_OR_NONE:
            account.with_part[name] += known.height - known[name].null_count()
        readings = [_orders(form)[order](parts) for order in account.orders]
        account.differ |= any(not readings[0].equals(other) for other in readings[1:])
        exist = [_all_exist(text, chunk) for text in readings]
        account.orders = [order for order, good in zip(account.orders, exist, strict=True) if good]
    account.differ &= len(account.orders) > 1
    return account


def _parts(cells: pl.Series, form: str) -> pl.DataFrame:
    return cells.str.extract_groups(_whole(form)).struct.unnest()


def _orders(form: str) -> dict[str, Callable[[pl.DataFrame], pl.Series]]:
    """From parts to ISO 8601, for each order that the form leaves open."""
    if form in _FORMS:
        return {"auto": lambda parts: _iso(parts, month="month", day="day")}
    return {
        "day_first": lambda parts: _iso(parts, month="two", day="one"),
        "month_first": lambda parts: _iso(parts, month="one", day="two"),
    }


def _speller(form: str, order: str) -> Callable[[pl.Series], pl.Series]:
    return lambda cells: _orders(form)[order](_parts(cells, form))


def _iso(parts: pl.DataFrame, *, month: str, day: str) -> pl.Series:
    """Text in ISO 8601, whether or not there is such a day; null where the cell was, or the hour is none."""
    import polars as pl

    number = pl.col(month).str.to_lowercase().str.slice(0, 3).replace(_MONTH_NUMBERS)
    text = pl.concat_str(pl.col("year"), number.str.zfill(2), pl.col(day).str.zfill(2), separator="-")
    whole = pl.when(pl.col("hour").is_null()).then(text).otherwise(text + _clock())
    return parts.select(whole.alias("iso")).to_series()


def _clock() -> pl.Expr:
    import polars as pl

    hour = pl.col("hour").cast(pl.Int64)
    afternoon = pl.col("half").str.to_lowercase().str.starts_with("p")
    of_half = pl.when(hour.is_between(1, 12)).then(hour % 12 + 12 * afternoon.cast(pl.Int64))
    of_day = pl.when(pl.col("half").is_null()).then(hour).otherwise(of_half)
    offset = pl.col("offset").str.to_uppercase().str.replace(r"^(.[0-9]{2}):?([0-9]{2})$", "${1}:${2}")
    return pl.concat_str(
        pl.lit("T") + of_day.cast(pl.String).str.zfill(2),
        pl.lit(":") + pl.col("minute"),
        pl.lit(":") + pl.col("second").fill_null("00"),
        pl.col("fraction").fill_null(""),
        offset.fill_null(""),
    )


def _all_exist(iso: pl.Series, values: pl.Series) -> bool:
    """Whether every value became a day of the calendar and a time of the day."""
    moments = (iso + "T00:00:00").str.slice(0, 19).str.to_datetime("%Y-%m-%dT%H:%M:%S", strict=False)
    return moments.null_count() == values.null_count()


def _decided(orders: list[str]) -> str:
    """Say how days and months were told apart, when the values had to be asked."""
    if orders == ["day_first"]:
        return "read with the day before the month, the only order that fits."
    if orders == ["month_first"]:
        return "read with the month before the day, the only order that fits."
    return ""
