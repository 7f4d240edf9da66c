"""Lines of a small language, one rule each: a column first, then what about it.

What follows the column is the caller's: conditions, rules, fillings. Nothing is ever evaluated
as Python.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence

from dtq import Fail
from dtq_library.tables.names import is_pattern, unknown_column

_END_OF_NAME = re.compile(r"\s|[=<>!,()]|$")
_NOT_A_NAME = re.compile(
    r"\s*(?:[=<>!,()]|(?<=\s)(?:is|in|not|does|contains|starts|ends|between|matches|as|asc|desc|unique|regex"
    r"|length|date format|forward|mean|median)(?=\s|$))"
)


def numbered(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Lines that say something, numbered as a person sees them; a line that begins with # is a remark."""
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line.strip()


class Line:
    """One line of a parameter, for sentences about it. ``where`` is the parameter's title."""

    def __init__(self, where: str, number: int, text: str) -> None:
        self._where = where
        self._number = number
        self.text = text

    def wrong(self, problem: str) -> Fail:
        """A sentence that names the line and says what is wrong with it, or was expected."""
        return Fail(f"{self._where}, line {self._number} ({self.text}): {problem}")

    def column(self, names: Sequence[str], text: str | None = None) -> tuple[str, str]:
        """The column at the beginning, and what follows it.

        The longest name that fits is meant; a name may stand in double quotes. Raises Fail for a column that
        is not there.
        """
        text = self.text if text is None else text.strip()
        if text.startswith('"'):
            name, rest = self._quoted(text)
            if name not in names:
                raise self._unknown(name, names)
            return name, rest
        fitting = [
            name for name in names if name and text.startswith(name) and _END_OF_NAME.match(text, len(name))
        ]
        if not fitting:
            raise self._unknown(_NOT_A_NAME.split(text, maxsplit=1)[0].strip() or text, names)
        found = max(fitting, key=len)
        return found, text[len(found) :].strip()

    def value(self, text: str) -> str:
        """One value, which may stand in double quotes."""
        if not text:
            raise self.wrong("a value was expected at the end.")
        if not text.startswith('"'):
            return text
        value, rest = self._quoted(text)
        if rest:
            raise self.wrong(f"nothing was expected after the closing quotation mark, but there is {rest}.")
        return value

    def name(self, text: str) -> str:
        """A new name for a column."""
        name = " ".join(self.value(text.strip()).split())
        if not name or is_pattern(name):
            raise self.wrong(f"a name was expected after as, which {name or 'an empty one'} cannot be.")
        return name

    def values(self, text: str) -> list[str]:
        """Several values with commas between them; one that holds a comma must be quoted."""
        try:
            found = next(csv.reader([text], skipinitialspace=True, strict=True), [])
        except csv.Error:
            raise self.wrong("the quotation marks are not in order.") from None
        values = [value.strip() for value in found]
        if not values or not all(values):
            raise self.wrong("values with commas between them were expected, such as CA, NY.")
        return values

    def _quoted(self, text: str) -> tuple[str, str]:
        found = re.match(r'"((?:[^"]|"")*)"', text)
        if found is None:
            raise self.wrong("a quotation mark is never closed.")
        return found[1].replace('""', '"'), text[found.end() :].strip()

    def _unknown(self, wanted: str, names: Sequence[str]) -> Fail:
        return self.wrong(str(unknown_column(wanted, names)))


def read_lines(where: str, lines: Iterable[str]) -> list[Line]:
    """The lines of a parameter that say something."""
    return [Line(where, number, text) for number, text in numbered(lines)]
