"""Numbers: what a whole column of text agrees to be, and nothing a single cell contradicts.

Reading a number changes only its spelling: ``1.234,50`` becomes ``1234.50``. A column stays text when it
holds anything else (a currency, a percent sign, a word), numbers with leading zeros, more digits than a
floating-point number keeps, or digits grouped like a telephone number.

The decimal sign is one decision for a whole table. A column in which 1.234 may be two numbers is `open`; the
columns that use a decimal sign without doubt decide it (`decimal_sign`), and where none does, or two of them
disagree, it stays text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from dtq_library.tables.model import Kind, Numbers
from dtq_library.tables.values.cells import Cells

if TYPE_CHECKING:
    import polars as pl

_INTEGER_DIGITS = 15
DECIMAL_DIGITS = 17
"""What a 64-bit floating-point number keeps of an integer, and needs to be written and read back."""

# What programs write. An exponent must have a sign, or a decimal point before it: 12E5 may be a code.
_PLAIN = (
    r"^-?(?:(?:0|[1-9][0-9]*)(?:[eE][+-][0-9]{1,3})?"
    r"|(?:0|[1-9][0-9]*)?\.[0-9]+(?:[eE][+-]?[0-9]{1,3})?)$"
)
_BARE_EXPONENT = r"^-?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?$"
_CURRENCY = r"(?:[$€£¥₹]|EUR|USD|GBP|CHF|JPY|CNY|INR|CAD|AUD)"
_AMOUNT = rf"^-?\s?(?:{_CURRENCY}\s?-?[0-9][0-9.,'’\s]*|[0-9][0-9.,'’\s]*(?:{_CURRENCY}|%))$"
_SPACES = r"[ \u00a0\u202f\u2009]"
_APOSTROPHES = r"['’]"


Sign = Literal["point", "comma"]
Spelling = Callable[["pl.Series"], "pl.Series"]
"""From cells as they are to cells as they should be, each by itself."""


def as_it_is(cells: pl.Series) -> pl.Series:
    """The spelling of text that stays text."""
    return cells


@dataclass(frozen=True)
class NumberReading:
    """What a column was read as, and how its cells are spelled then.

    ``note`` says why, where a person may wonder. ``zoned``: its moments have an offset from UTC. ``sign`` is
    the decimal sign that its numbers show; ``open``: they fit either, and ``note`` asks about it.
    """

    kind: Kind
    spell: Spelling = as_it_is
    note: str = ""
    zoned: bool = False
    sign: Sign | None = None
    open: bool = False


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


def read_numbers(cells: Cells, preference: Numbers) -> NumberReading | None:
    """Read a column of text as numbers; None when it does not look like numbers at all.

    ``preference`` decides only what the values themselves leave open.
    """
    found = _agreed(cells, preference)
    return _remark(cells) if found is None else found


def read_plain(cells: Cells) -> NumberReading | None:
    """Read a column as numbers that a program wrote, with a point; None when they are not such."""
    return _typed(cells, as_it_is) if cells.match(_PLAIN) else None


def decimal_sign(readings: Iterable[NumberReading]) -> Sign | None:
    """Return the decimal sign of a table, from what its columns show; None when none does, or both do."""
    signs = {reading.sign for reading in readings if reading.sign}
    return signs.pop() if len(signs) == 1 else None


def _agreed(cells: Cells, preference: Numbers) -> NumberReading | None:
    """The reading of the values, or why they stay as they are; None when no style fits."""
    if preference != "comma" and cells.match(_PLAIN):
        return _plain(cells, preference)
    point, comma = _style(cells, _POINT), _style(cells, _COMMA)
    first, second = (comma, point) if preference == "comma" else (point, comma)
    style = first or second
    if style is None:
        return _typed(cells, as_it_is) if cells.match(_PLAIN) else None
    if preference == "auto" and first and second:
        doubt = _doubt(cells, first, second)
        if doubt is not None:
            return doubt
    if _like_codes(cells, style, told=preference != "auto"):
        return NumberReading(
            "text", note="the digits are grouped as in telephone numbers or codes; left as text."
        )
    return replace(_typed(cells, style.plain), sign=None if point and comma else _shown(cells, style))


def _plain(cells: Cells, preference: Numbers) -> NumberReading:
    """Numbers as programs write them; 1.234 and 12.500 may also be thousands."""
    typed = _typed(cells, as_it_is)
    if preference == "auto" and typed.kind == "number":
        thousands = _COMMA[0]
        if cells.match(thousands.pattern):
            return _doubt(cells, _POINT[0], thousands) or typed
        return replace(
            typed, sign="point" if cells.any(lambda chunk: chunk.str.contains(".", literal=True)) else None
        )
    return typed


def _shown(cells: Cells, style: _Style) -> Sign | None:
    """The decimal sign of a style that alone fits, where a value has it or groups thousands by the other."""
    if style.group in (",", r"\.") or cells.any(lambda chunk: chunk.str.contains(style.decimal)):
        return "point" if style.decimal == r"\." else "comma"
    return None


def _style(cells: Cells, styles: tuple[_Style, ...]) -> _Style | None:
    return next((style for style in styles if cells.match(style.pattern)), None)


def _doubt(cells: Cells, first: _Style, second: _Style) -> NumberReading | None:
    """The reason to leave a column alone in which a value may be two numbers."""
    import polars as pl

    value = cells.first(lambda chunk: first.plain(chunk) != second.plain(chunk))
    if value is None:
        return None
    one, other = (style.plain(pl.Series([value]))[0] for style in (first, second))
    return NumberReading(
        "text",
        note=f"{value} may be {one} or {other}; left as text. Say which it is under Numbers.",
        open=True,
    )


def _like_codes(cells: Cells, style: _Style, *, told: bool) -> bool:
    """Quantities differ in length or have decimals; codes are all grouped alike (612 345 678).

    Points and commas are taken for thousands all the same when somebody said so.
    """
    if told and style.group in (",", r"\."):
        return False
    groups: set[int] = set()
    for chunk in cells.chunks():
        groups.update(chunk.str.count_matches(style.group).drop_nulls().unique())
        if len(groups) > 1:
            return False
    return groups != {0} and not cells.any(lambda chunk: chunk.str.contains(style.decimal))


def _typed(cells: Cells, plain: Spelling) -> NumberReading:
    """Integer or number, unless a number would lose digits as one."""
    import polars as pl

    decimals = False
    for chunk in cells.chunks():
        values = plain(chunk)
        decimal = values.str.contains(r"[.eE]")
        if _too_long(values, decimal) or values.cast(pl.Float64).is_infinite().any():
            return NumberReading("text", note="numbers with so many digits would lose some; left as text.")
        decimals = decimals or bool(decimal.any())
    return NumberReading("number" if decimals else "integer", plain)


def _too_long(plain: pl.Series, decimal: pl.Series) -> bool:
    digits = (
        plain.str.replace(r"[eE].*$", "")
        .str.replace_all(r"[^0-9]", "")
        .str.strip_chars_start("0")
        .str.len_bytes()
    )
    return bool(((digits > DECIMAL_DIGITS) | (~decimal & (digits > _INTEGER_DIGITS))).any())


def _remark(cells: Cells) -> NumberReading | None:
    """Say why a column that a person sees as numbers stayed text."""
    if cells.match(r"^[0-9]+$"):
        example = cells.first(lambda chunk: chunk.str.contains(r"^0[0-9]"))
        return NumberReading(
            "text", note=f"left as text, because leading zeros as in {example} would be lost."
        )
    if cells.match(_BARE_EXPONENT):
        example = cells.first(lambda chunk: ~chunk.str.contains(_PLAIN))
        return NumberReading("text", note=f"left as text, because {example} may be a code.")
    if cells.match(_AMOUNT):
        return NumberReading("text", note="amounts with a currency or percent sign were left as text.")
    return None


def is_exact_float(values: pl.Series) -> bool:
    """Whether every decimal is the same number as one of floating point: it has 15 digits or fewer."""
    import polars as pl

    digits = (
        values.cast(pl.String)
        .str.strip_chars_end("0")
        .str.replace_all(r"[^0-9]", "")
        .str.strip_chars_start("0")
        .str.len_bytes()
    )
    return bool((digits <= _INTEGER_DIGITS).all())
