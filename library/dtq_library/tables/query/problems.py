"""What is wrong with a query, as a sentence for the person who wrote it.

DuckDB says it as codes, names and a position; where there is no code that is known here, its own words are
passed on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from dtq_library.tables.query.loading import LoadedTable
from dtq_library.tables.query.names import LETTERS

_SHOWN = 30
_LONG = 600
_NEAR = 20


@dataclass(frozen=True)
class Asked:
    """What was asked of which tables, within which limits; ``aliases`` are letters by other names."""

    sql: str
    tables: Sequence[LoadedTable]
    aliases: Mapping[str, str]
    memory_mb: int
    temp_mb: int


def sentence(problem: Mapping[str, Any], asked: Asked) -> str:
    """Say what is wrong, where, and what to do."""
    code = problem.get("code")
    if code == "none":
        return "SQL: enter a query, such as SELECT * FROM a."
    if code == "several":
        return "SQL: enter one query only. WITH puts several steps into one."
    if code == "statement":
        word = str(problem.get("statement", "")).replace("_", " ")
        return f"SQL: {word} is not allowed: a query only reads. Begin it with SELECT, FROM or WITH."
    tell = _BY_SUBTYPE.get(str(problem.get("error_subtype"))) or _BY_TYPE.get(str(problem.get("type")))
    told = tell(problem, asked) if tell else _own_words(problem)
    return f"SQL{_place(problem, asked.sql)}: {told}"[: _LONG * 2]


def excerpt(problem: Mapping[str, Any], sql: str) -> str:
    """The line of the query with a caret below the place, for the log; nothing where none is known."""
    found = _line(problem, sql)
    if found is None:
        return ""
    number, line, column = found
    start = max(0, column - 60)
    head = f"{number} | "
    return f"{head}{line[start : start + 120]}\n{' ' * (len(head) + column - start)}^"


def _line(problem: Mapping[str, Any], sql: str) -> tuple[int, str, int] | None:
    """Number of the line, from 1, the line, and the column in it, from 0; positions count bytes."""
    position = problem.get("position")
    if not isinstance(position, int) or position > len(sql.encode()):
        return None
    before = sql.encode()[:position].decode(errors="ignore")
    number, column = before.count("\n"), len(before) - before.rfind("\n") - 1
    return number + 1, sql.split("\n")[number], column


def _place(problem: Mapping[str, Any], sql: str) -> str:
    found = _line(problem, sql)
    if found is None:
        return ""
    number, line, column = found
    near = line[column : column + _length(problem)].strip()
    where = f", line {number}" if "\n" in sql.strip() else ""
    return f"{where}, at “{near}”" if near else f"{where}, at the end"


def _length(problem: Mapping[str, Any]) -> int:
    """Of the words that are meant: DuckDB's location is [place, length]."""
    try:
        return min(_NEAR, int(json.loads(problem["location"])[1]))
    except (KeyError, IndexError, TypeError, ValueError):
        return _NEAR


def _no_column(problem: Mapping[str, Any], asked: Asked) -> str:
    name = str(problem.get("name", ""))
    columns = list(dict.fromkeys(column for table in asked.tables for column in table.columns))
    more = f" and {len(columns) - _SHOWN} more" if len(columns) > _SHOWN else ""
    return (
        f"there is no column {name}.{_did_you_mean(name, columns)} "
        f"The columns are: {', '.join(columns[:_SHOWN])}{more}."
        + (" Put texts in single quotes." if not _did_you_mean(name, columns) else "")
    )


def _missing(problem: Mapping[str, Any], asked: Asked) -> str:
    name, kind = str(problem.get("name", "")), str(problem.get("type", "entry")).lower()
    if kind != "table":
        near = str(problem.get("candidates", "")).split(",")[0]
        return f"there is no {kind} {name}." + (f" Did you mean {near}?" if near else "")
    others = {letter: name for name, letter in asked.aliases.items()}
    known = [*(table.letter for table in asked.tables), *asked.aliases]
    files = [
        f"{table.letter}{f' or {others[table.letter]}' if table.letter in others else ''} ({table.file})"
        for table in asked.tables
    ]
    near = _did_you_mean(name, [candidate for candidate in known if candidate not in LETTERS])
    return f"there is no table {name}.{near} The tables are: {'; '.join(files)}."


def _permission(problem: Mapping[str, Any], asked: Asked) -> str:
    return "a query reads the tables that were given and nothing else: no files, no addresses, no settings."


def _memory(problem: Mapping[str, Any], asked: Asked) -> str:
    return (
        f"the query needed more than its {asked.memory_mb:,} MB of memory and {asked.temp_mb:,} MB of disk. "
        "Ask for fewer rows or columns at once, or aggregate before you join."
    )


def _conversion(problem: Mapping[str, Any], asked: Asked) -> str:
    return f"{_own_words(problem)} TRY_CAST instead of CAST makes such values missing."


def _own_words(problem: Mapping[str, Any], asked: Asked | None = None) -> str:
    """DuckDB's message in one line, without its signs of alarm."""
    text = " ".join(str(problem.get("exception_message", "")).split()).replace(" : :", ":")
    text = re.sub(r"!(?=\s|$)", ".", text)[:_LONG]
    return text if text.endswith((".", "?")) else f"{text}."


def _did_you_mean(name: str, known: Sequence[str]) -> str:
    spellings = {candidate.lower(): candidate for candidate in known}
    near = get_close_matches(name.lower(), spellings, n=1)
    return f" Did you mean {spellings[near[0]]}?" if near else ""


_Tell = Callable[[Mapping[str, Any], Asked], str]
_BY_SUBTYPE: dict[str, _Tell] = {"COLUMN_NOT_FOUND": _no_column, "MISSING_ENTRY": _missing}
_BY_TYPE: dict[str, _Tell] = {
    "PermissionException": _permission,
    "OutOfMemoryException": _memory,
    "ConversionException": _conversion,
}
