"""JSON and JSON Lines: records of any shape as columns of one type each.

The standard library's parser reads them, not Polars' own: it names the line of a mistake, and the type
of a column is then decided here, from all of its values, instead of being guessed from the first ones.
Records are read twice, first for the types and then in chunks for the values, so that a large JSON Lines
file is never in memory as Python objects. A JSON document is: expect six times its size.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from dtq import Fail
from dtq_library.encodings.detection import codec
from dtq_library.tables.io.shapes import Record, records_of
from dtq_library.tables.model import Column, Detected, Pulse, Table
from dtq_library.tables.stage import Stage
from dtq_library.tables.values.numbers import DECIMAL_DIGITS

if TYPE_CHECKING:
    import polars as pl

_CHUNK_ROWS = 20_000
_LONG_NUMBER = re.compile(r"[0-9][0-9.]{17}")


class _LongNumber(str):
    """A number of more digits than a floating-point one keeps: text, with all of them."""


class _LongInteger:
    """Stands for an integer that does not fit into 64 bits: an identifier rather than a quantity."""


_NESTED: set[type] = {list, dict}
_FLOATING: tuple[set[type], ...] = ({float}, {int, float})
_ONE_TYPE: tuple[set[type], ...] = (set(), {str}, {bool}, {int}, {_LongInteger}, *_FLOATING)


def read_json_lines(path: Path, encoding: str, pulse: Pulse, stage: Stage) -> Table:
    """One record a line; blank lines are passed over. Raises Fail, with the line, for anything else."""
    return _table(partial(_lines, path, encoding), Detected("jsonl", encoding), pulse, stage)


def read_json(path: Path, encoding: str, pulse: Pulse, stage: Stage) -> Table:
    """A document in one of the shapes of shapes.py. Raises Fail for others."""
    try:
        document = _parse(path.read_text(encoding=codec(encoding)))
    except json.JSONDecodeError as error:
        raise _invalid(error.lineno, error.colno, error.msg) from error
    records, notes = records_of(document)
    table = _table(records.__iter__, Detected("json", encoding), pulse, stage)
    table.notes[:0] = notes
    return table


def _lines(path: Path, encoding: str) -> Iterator[Record]:
    with path.open(encoding=codec(encoding)) as file:
        for number, line in enumerate(file, start=1):
            if line.isspace():
                continue
            try:
                record = _parse(line)
            except json.JSONDecodeError as error:
                raise _invalid(number, error.colno, error.msg) from error
            if not isinstance(record, dict):
                raise Fail(
                    f'Line {number:,} is not a record; an object such as {{"name": "Ann"}} was expected.'
                )
            yield record


def _parse(text: str) -> Any:
    try:
        exact = _exact_number if _LONG_NUMBER.search(text) else None
        return json.loads(text, parse_constant=_refuse_constant, parse_float=exact)
    except json.JSONDecodeError:
        raise
    except (RecursionError, ValueError) as error:  # ValueError: an integer of thousands of digits
        raise Fail("The JSON is nested too deeply, or holds a number too long, for a table.") from error


def _exact_number(text: str) -> float | _LongNumber:
    digits = text.lower().partition("e")[0].replace(".", "").lstrip("-0").rstrip("0")
    return float(text) if len(digits) <= DECIMAL_DIGITS else _LongNumber(text)


def _refuse_constant(name: str) -> NoReturn:
    """Python would read NaN and Infinity, which JSON does not have."""
    raise Fail(f"The file is not valid JSON: it holds {name}. Write null for a missing number.")


def _invalid(line: int, column: int, problem: str) -> Fail:
    return Fail(
        f"Line {line:,} is not valid JSON: {problem} at character {column:,}. Correct it and try again."
    )


def _table(records: Callable[[], Iterator[Record]], detected: Detected, pulse: Pulse, stage: Stage) -> Table:
    types = _survey(records(), pulse)
    if not types:
        raise Fail("The file holds no records; at least one with a named value was expected.")
    keys = {name: f"{at}" for at, name in enumerate(types)}
    for chunk in _chunks(records(), pulse):
        stage.add(_frame(chunk, types, keys))
    columns = [Column(name, key, stage, bool(types[name] & _NESTED)) for name, key in keys.items()]
    mixed = [name for name, found in types.items() if found not in _ONE_TYPE and not found & _NESTED]
    notes = [f"Values of several types became text: {', '.join(mixed)}."] if mixed else []
    return Table(columns, detected, stage, notes=notes)


def _survey(records: Iterable[Record], pulse: Pulse) -> dict[str, set[type]]:
    """Every name, in the order of its first appearance, and the Python types of its values; null has none."""
    types: dict[str, set[type]] = {}
    for number, record in enumerate(records):
        for name, value in record.items():
            found = types.setdefault(name, set())
            if value is not None:
                found.add(_type(value))
        if number % _CHUNK_ROWS == 0:
            pulse(None)
    return types


def _type(value: Any) -> type:
    if type(value) is int and not -(2**63) <= value < 2**63:
        return _LongInteger
    return type(value)


def _chunks(records: Iterator[Record], pulse: Pulse) -> Iterator[list[Record]]:
    while chunk := list(islice(records, _CHUNK_ROWS)):
        pulse(None)
        yield chunk


def _frame(records: list[Record], types: dict[str, set[type]], keys: dict[str, str]) -> pl.DataFrame:
    import polars as pl

    try:
        return pl.DataFrame(
            [
                _series(key, [record.get(name) for record in records], types[name])
                for name, key in keys.items()
            ]
        )
    except UnicodeEncodeError as error:
        raise Fail(
            f"A text holds half of a character ({error.object[error.start]!a}); correct it."
        ) from error


def _series(name: str, values: list[Any], types: set[type]) -> pl.Series:
    """One column of a chunk. What is of several types becomes text: words as they are, the rest as JSON."""
    import polars as pl

    if types == {bool}:
        return pl.Series(name, values, dtype=pl.Boolean)
    if types == {int}:
        return pl.Series(name, values, dtype=pl.Int64)
    if types in _FLOATING:
        return pl.Series(name, values, dtype=pl.Float64, strict=False)
    encode = _json_text if types & _NESTED else _plain_text
    return pl.Series(name, [value if value is None else encode(value) for value in values], dtype=pl.String)


def _plain_text(value: Any) -> str:
    return value if isinstance(value, str) else _json_text(value)


def _json_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
