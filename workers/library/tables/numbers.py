"""Numbers: what a whole column of text agrees to be, and nothing a single cell contradicts.

Reading a number changes only its spelling: ``1.234,50`` becomes ``1234.50``. A column stays text when it
holds anything else (a currency, a percent sign, a word), numbers with leading zeros, more digits than a
floating-point number keeps, or digits grouped like a telephone number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.library.tables.model import Kind, Numbers

if TYPE_CHECKING:
    import polars as pl

_SAMPLE = 1_000
_INTEGER_DIGITS = 15
_DECIMAL_DIGITS = 17
"""What a 64-bit floating-point number keeps of an integer, and needs to be written and read back."""

# What programs write. An exponent must have a sign, or a decimal point before it: 12E5 may be a code.
_PLAIN = (
    r"^-?(?:(?:0|[1-9][0-9]*)(?:[eE][+-][0-9]{1,3})?"
    r"|(?:0|[1-9][0-9]*)?\.[0-9]+(?:[eE][+-]?[0-9]{1,3})?)$"
)
_CURRENCY = r"(?:[$€£¥₹]|EUR|USD|GBP|CHF|JPY|CNY|INR|CAD|AUD)"
_AMOUNT = rf"^-?\s?(?:{_CURRENCY}\s?-?[0-9][0-9.,'’\s]*|[0-9][0-9.,'’\s]*(?:{_CURRENCY}|%))$"
_SPACES = r"[ \u00a0\u202f\u2009]"
_APOSTROPHES = r"['’]"


@dataclass(frozen=True)
class Reading:
    """What a column was read as. ``note`` says why, where a person may wonder."""

    kind: Kind
    values: pl.Series
    note: str = ""


@dataclass(frozen=True)
class _Style:
    """A way to write numbers: regular expressions of what groups thousands, and the decimal mark."""

    group: str
    decimal: str

    @property
    def pattern(self) -> str:
        whole = rf"(?:0|[1-9][0-9]*|[1-9][0-9]{{0,2}}(?:{self.group}[0-9]{{3}})+)"
        return rf"^-?{whole}(?:{self.decimal}[0-9]+)?$"

    def plain(self, values: pl.Series) -> pl.Series:
        return values.str.replace_all(self.group, "").str.replace(self.decimal, ".")


_POINT = tuple(_Style(group, r"\.") for group in (",", _SPACES, _APOSTROPHES))
_COMMA = tuple(_Style(group, ",") for group in (r"\.", _SPACES, _APOSTROPHES))


def read_numbers(values: pl.Series, preference: Numbers) -> Reading | None:
    """Read a column of text as numbers; None when it does not look like numbers at all.

    ``preference`` decides only what the values themselves leave open. Null cells have no say.
    """
    found = _agreed(values, preference)
    if found is None:
        return _remark(values)
    if isinstance(found, Reading):
        return found
    return _typed(values, found)


def matches(values: pl.Series, pattern: str) -> bool:
    """Whether every cell that is not null matches; a few cells are asked before all of them."""
    return all(bool(cells.str.contains(pattern).all()) for cells in (values.head(_SAMPLE), values))


def _agreed(values: pl.Series, preference: Numbers) -> pl.Series | Reading | None:
    """The values in plain spelling, or why they stay as they are; None when no style fits."""
    if preference != "comma" and matches(values, _PLAIN):
        return values
    point, comma = _style(values, _POINT), _style(values, _COMMA)
    first, second = (comma, point) if preference == "comma" else (point, comma)
    style = first or second
    if style is None:
        return values if matches(values, _PLAIN) else None
    plain = style.plain(values)
    if preference == "auto" and first and second:
        other = second.plain(values)
        if not plain.equals(other):
            return _ambiguous(values, plain, other)
    if _like_codes(values, style, told=preference != "auto"):
        return Reading(
            "text", values, "the digits are grouped as in telephone numbers or codes; left as text."
        )
    return plain


def _style(values: pl.Series, styles: tuple[_Style, ...]) -> _Style | None:
    return next((style for style in styles if matches(values, style.pattern)), None)


def _ambiguous(values: pl.Series, first: pl.Series, second: pl.Series) -> Reading:
    at = (first != second).arg_max() or 0
    note = f"{values[at]} may be {first[at]} or {second[at]}; left as text. Say which it is under Numbers."
    return Reading("text", values, note)


def _like_codes(values: pl.Series, style: _Style, *, told: bool) -> bool:
    """Quantities differ in length or have decimals; codes are all grouped alike (612 345 678).

    Points and commas are taken for thousands all the same when somebody said so.
    """
    if told and style.group in (",", r"\."):
        return False
    groups = values.str.count_matches(style.group).drop_nulls()
    return groups.n_unique() == 1 and groups[0] > 0 and not values.str.contains(style.decimal).any()


def _typed(values: pl.Series, plain: pl.Series) -> Reading:
    """Integer or number, unless a number would lose digits as one."""
    import polars as pl

    decimal = plain.str.contains(r"[.eE]")
    digits = (
        plain.str.replace(r"[eE].*$", "")
        .str.replace_all(r"[^0-9]", "")
        .str.strip_chars_start("0")
        .str.len_bytes()
    )
    too_long = (digits > _DECIMAL_DIGITS) | (~decimal & (digits > _INTEGER_DIGITS))
    if too_long.any() or plain.cast(pl.Float64).is_infinite().any():
        return Reading("text", values, "numbers with so many digits would lose some; left as text.")
    return Reading("number" if decimal.any() else "integer", plain)


def _remark(values: pl.Series) -> Reading | None:
    """Say why a column that a person sees as numbers stayed text."""
    if matches(values, r"^[0-9]+$"):
        example = values.filter(values.str.contains(r"^0[0-9]"))[0]
        return Reading("text", values, f"left as text, because leading zeros as in {example} would be lost.")
    if matches(values, _AMOUNT):
        return Reading("text", values, "amounts with a currency or percent sign were left as text.")
    return None
