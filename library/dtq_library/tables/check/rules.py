"""Rules about columns, one per line.

    COLUMN unique                 also A, B unique: together
    COLUMN not missing
    COLUMN matches email          also url, number, integer, date (2024-01-31)
    COLUMN between 0 and 120      numbers or dates, both included; also = != < <= > >=
    COLUMN in A, B                also not in
    COLUMN length 3               also length 1 to 5, length at least 2, length at most 5
    COLUMN date format %d.%m.%Y
    COLUMN regex ^[A-Z]+$         found in the cell

A missing cell breaks no rule but `not missing`.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dtq import Fail
from dtq.lines import Accept, Lines, Part, Refuse
from dtq_library.tables.check.formats import FORM, format_problem, in_form
from dtq_library.tables.check.tests import COMPARE, Decimal, day, kind, number, regex_problem
from dtq_library.tables.rule_lines import grammar as of
from dtq_library.tables.rule_lines.lines import Line, read_lines

if TYPE_CHECKING:
    import polars as pl

WHERE = "Rules"
KINDS = ("email", "url", "number", "integer", "date")
EXPECTED = (
    "after the column one of these was expected: unique, not missing, matches, between, =, !=, <, <=, >, >=, "
    "in, not in, length, date format, regex."
)
_RULE = re.compile(
    r"(?:is )?(unique|not missing|matches|between|not in|in|length|date format|regex|!=|<=|>=|=|<|>)(?!\w)"
    r"\s*(.*)",
    re.DOTALL,
)
_BETWEEN = re.compile(r"(.+?)\s+and\s+(.+)", re.DOTALL)
_LENGTH = re.compile(
    r"(?P<exact>[0-9]{1,18})|(?P<low>[0-9]{1,18})\s+to\s+(?P<high>[0-9]{1,18})"
    r"|at (?P<word>least|most) (?P<bound>[0-9]{1,18})"
)
_NUMBER = re.compile(r"[+-]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]+)?|\.[0-9]+)")
_LONGEST_REGEX = 1_000
LEAST = "add at least one rule, for example: id unique."
_KINDS = f"{', '.join(KINDS[:-1])} or {KINDS[-1]} was expected after matches."
_TWO_BOUNDS = "two numbers or dates were expected, as in between 0 and 120."
_ONE_BOUND = "a number such as 2.5 or a date such as 2024-01-31 was expected"
_LENGTHS = "a number of characters was expected: length 3, length 1 to 5, length at least 2."
_PATTERN = f"a regular expression of at most {_LONGEST_REGEX:,} characters was expected."
_NO_LOOKING = "There are no back-references and nothing that looks ahead or behind."

_AS_NUMBER = {"pattern": f"^(?:{_NUMBER.pattern})$"}
_AS_DAY = {"anyOf": [{"format": "date"}, {"pattern": "^[0-9]{8}$|^[0-9]{4}-?W"}]}  # all that Python reads
_BOUND = Part({"type": "string", "anyOf": [_AS_NUMBER, _AS_DAY]}, f"{_ONE_BOUND}.")


def _after(word: str, rest: str) -> str:
    """The pattern of a rule behind its column."""
    return rf"(?:is )?{word}(?!\w)\s*{rest}"


GRAMMAR = Lines(
    Accept(r"(?:,.+)?(?:is )?unique"),
    Accept(_after("not missing", "")),
    Refuse(_after("(?:unique|not missing)", r"\S.*"), "nothing was expected after unique or not missing."),
    Accept(_after("matches", "(?P<kind>.*)"), kind=Part({"enum": [*KINDS]}, _KINDS)),
    *(
        Accept(
            _after("between", r"(?P<low>.+?)\s+and\s+(?P<high>.+)"),
            low=[_BOUND, Part(bound, "two numbers, or two dates, were expected.")],
            high=[_BOUND, Part(bound, "two numbers, or two dates, were expected.")],
        )
        for bound in (_AS_NUMBER, _AS_DAY)
    ),
    Refuse(_after("between", ".*"), _TWO_BOUNDS),
    Accept(_after("!?=", "(?P<value>.*)"), value=of.VALUE),
    Accept(_after("(?:<=|>=|<|>)", "(?P<bound>.*)"), bound=_BOUND),
    Accept(_after("(?:not in|in)", "(?P<values>.*)"), values=of.VALUES),
    Accept(_after("length", f"(?:{re.sub(r'[?]P<[a-z]+>', '?:', _LENGTH.pattern)})")),
    Refuse(_after("length", ".*"), _LENGTHS),
    Accept(_after("date format", "(?P<form>.*)"), form=[*of.VALUE, *(Part(*test) for test in FORM)]),
    Accept(
        _after("regex", "(?P<pattern>.*)"),
        pattern=[
            Part({"minLength": 1, "maxLength": _LONGEST_REGEX}, _PATTERN),
            Part({"format": "linear-regex"}, f"this regular expression is not understood. {_NO_LOOKING}"),
        ],
    ),
    named=True,
    comment=of.COMMENT,
    otherwise=EXPECTED,
    least=LEAST,
    at_run=False,
)
"""What a form can tell without the table."""


@dataclass(frozen=True)
class Rule:
    """``met`` is true where a cell keeps the rule; None for `unique`, which no row can answer alone.

    ``text`` is the rule as it was written; ``about_missing``: it is broken by what is missing.
    """

    text: str
    columns: tuple[str, ...]
    met: pl.Expr | None
    about_missing: bool = False


class Rules:
    """Reads lines against the names of columns. Raises Fail naming the line."""

    def __init__(self, names: Sequence[str], decimal: Decimal) -> None:
        self._names = names
        self._decimal = decimal
        self._readers: dict[str, Callable[[Line, pl.Expr, str], pl.Expr]] = {
            "matches": self._matches,
            "between": self._between,
            "length": self._length,
            "date format": self._date_format,
            "regex": self._regex,
        }

    def read(self, lines: Iterable[str]) -> list[Rule]:
        """Return all rules. Raises Fail where there are none."""
        rules = [self._one(line) for line in read_lines(WHERE, lines)]
        if not rules:
            raise Fail(f"{WHERE}: {LEAST}")
        return rules

    def _one(self, line: Line) -> Rule:
        import polars as pl

        column, rest = line.column(self._names)
        columns = [column]
        while rest.startswith(","):
            column, rest = line.column(self._names, rest[1:])
            columns.append(column)
        found = _RULE.fullmatch(rest)
        if found is None:
            raise line.wrong(EXPECTED)
        word, text = found[1], found[2].strip()
        if word in ("unique", "not missing") and text:
            raise line.wrong(f"nothing was expected after {word}, but there is {text}.")
        if word == "unique":
            return Rule(line.text, tuple(columns), None)
        if len(columns) > 1:
            raise line.wrong("only unique is about several columns.")
        if word == "not missing":
            return Rule(line.text, (column,), pl.col(column).is_not_null(), about_missing=True)
        return Rule(line.text, (column,), self._read(line, pl.col(column), word, text))

    def _read(self, line: Line, cell: pl.Expr, word: str, text: str) -> pl.Expr:
        if word in self._readers:
            return self._readers[word](line, cell, text)
        if word in ("in", "not in"):
            among = cell.is_in(line.values(text))
            return among if word == "in" else ~among
        return self._compare(line, cell, word, text)

    def _matches(self, line: Line, cell: pl.Expr, text: str) -> pl.Expr:
        if text not in KINDS:
            raise line.wrong(_KINDS)
        return kind(cell, text, self._decimal)

    def _between(self, line: Line, cell: pl.Expr, text: str) -> pl.Expr:
        found = _BETWEEN.fullmatch(text)
        if found is None:
            raise line.wrong(_TWO_BOUNDS)
        low, high = (self._bound(line, cell, group) for group in found.groups())
        if type(low[1]) is not type(high[1]):
            raise line.wrong("two numbers, or two dates, were expected.")
        return (low[0] >= low[1]) & (high[0] <= high[1])

    def _compare(self, line: Line, cell: pl.Expr, sign: str, text: str) -> pl.Expr:
        if sign in ("=", "!=") and not _NUMBER.fullmatch(text):
            value = line.value(text)
            return cell == value if sign == "=" else cell != value
        subject, bound = self._bound(line, cell, text)
        met: pl.Expr = COMPARE[sign](subject, bound)
        return met

    def _bound(self, line: Line, cell: pl.Expr, text: str) -> tuple[pl.Expr, float | dt.date]:
        """A cell as a number or as a day, and what it is compared with."""
        if _NUMBER.fullmatch(text):
            return number(cell, self._decimal), float(text)
        try:
            return day(cell), dt.date.fromisoformat(text)
        except ValueError:
            raise line.wrong(f"{_ONE_BOUND}, not {text}.") from None

    def _length(self, line: Line, cell: pl.Expr, text: str) -> pl.Expr:
        found = _LENGTH.fullmatch(text)
        if found is None:
            raise line.wrong(_LENGTHS)
        length = cell.str.len_chars()
        if found["exact"]:
            return length == int(found["exact"])
        if found["low"]:
            return length.is_between(int(found["low"]), int(found["high"]))
        bound = int(found["bound"])
        return length >= bound if found["word"] == "least" else length <= bound

    def _date_format(self, line: Line, cell: pl.Expr, text: str) -> pl.Expr:
        form = line.value(text)
        problem = format_problem(form)
        if problem:
            raise line.wrong(problem)
        return in_form(cell, form)

    def _regex(self, line: Line, cell: pl.Expr, text: str) -> pl.Expr:
        if not text or len(text) > _LONGEST_REGEX:
            raise line.wrong(_PATTERN)
        problem = regex_problem(text)
        if problem:
            raise line.wrong(f"this regular expression is not understood ({problem}). {_NO_LOOKING}")
        return cell.str.contains(text)
