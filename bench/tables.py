"""`make tables`: public tables read by the engine of the task types, against other readers.

    python -m bench.tables [--write docs/explanation/tables.md] [--label "after"]

Measures how many are read right, refused truly, wrong with a word about it, and wrong in silence. Needs
bench/requirements-tables.txt, and the network for the first run; no server.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.tables_oracle import NoTable, Reading, Unreadable, Unsure, expected, reading
from bench.tables_sets import SOURCES, files
from dtq import Fail
from dtq_library.tables.io.read import read_table
from dtq_library.tables.model import CellOptions, ReadOptions, Table
from dtq_library.tables.opened import open_typed
from dtq_library.tables.values.column import agree, decide

VERDICTS = ("right", "refused truly", "wrong and said", "wrong and silent", "unsure")
_LIMIT_S = 60
_SHOWN = 60

Case = tuple[str, str, bool]
Verdict = tuple[str, str, str, str]


def main() -> int:
    """Read everything, print the table and, where asked, write it into the docs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--write", type=Path, help="the file whose section of the same label is replaced")
    parser.add_argument("--label", default="now", help="the heading of the figures")
    options = parser.parse_args()
    cases = [(source.name, str(path), source.fixtures) for source in SOURCES for path in files(source)]
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        verdicts = pool.map(judge, cases, chunksize=8)
    told = page(options.label, verdicts)
    print(told)
    if options.write:
        _replace(options.write, options.label, told)
    return 0


def judge(case: Case) -> Verdict:
    """Return the set, the file, the verdict, and what was wrong."""
    name, path, fixtures = case
    unreadable = False
    try:
        wanted: Reading | None = expected(Path(path), fixtures)
    except Unsure as why:
        return name, path, "unsure", str(why)
    except NoTable as why:
        wanted, unreadable = None, isinstance(why, Unreadable)
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(_LIMIT_S)
    try:
        verdict, why_not = _verdict(wanted, Path(path))
        unknown = unreadable and verdict != "refused truly"
        return name, path, "unsure" if unknown else verdict, why_not
    finally:
        signal.alarm(0)


def page(label: str, verdicts: list[Verdict]) -> str:
    """A table by set, and what is wrong by file, as markdown."""
    counts = {source.name: Counter(v[2] for v in verdicts if v[0] == source.name) for source in SOURCES}
    judged = [v for v in verdicts if v[2] != "unsure"]
    silent = sum(v[2] == "wrong and silent" for v in judged)
    lines = [f"## Figures: {label}", "", f"| set | files | {' | '.join(VERDICTS)} |", "|---|" + "---:|" * 6]
    lines += [_row(name, found) for name, found in counts.items()]
    lines += [_row("**all**", Counter(v[2] for v in verdicts)), ""]
    share = silent / len(judged) if judged else 0
    lines += [f"{len(judged):,} files were judged; {silent} of them ({share:.1%}) are wrong and silent.", ""]
    wrong = [v for v in judged if v[2].startswith("wrong")]
    lines += [f"- {v[0]}: `{Path(v[1]).name}`: {v[2]}: {v[3]}" for v in wrong[:_SHOWN]]
    lines += [f"- and {len(wrong) - _SHOWN} others"] if len(wrong) > _SHOWN else []
    return "\n".join(lines) + "\n"


def _row(name: str, found: Counter[str]) -> str:
    return f"| {name} | {found.total():,} | {' | '.join(f'{found[v]:,}' for v in VERDICTS)} |"


def _verdict(wanted: Reading | None, path: Path) -> tuple[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "upload")
        shutil.copyfile(path, copy)
        try:
            table = read_table(copy, path.name, ReadOptions(), lambda share: None)
            notes, found = list(table.notes), _read(table)
            differs = _typed_differ(table) if wanted else ""
        except Fail as refusal:
            said = " ".join(str(refusal).split())[:140]
            return ("refused truly", said) if wanted is None else ("wrong and said", f"refused: {said}")
        except TimeoutError:
            return "wrong and said", f"took longer than {_LIMIT_S} s"
        except Exception as error:
            return "wrong and said", f"raw error: {type(error).__name__}"
    if wanted is None:
        return _wrong(notes, "read, though no table")
    if found == wanted and not differs:
        return "right", ""
    return _wrong(notes, differs or _difference(wanted, found))


def _wrong(notes: list[str], why: str) -> tuple[str, str]:
    """A remark about other sheets says nothing of what was read."""
    said = [note for note in notes if "sheets; the first one" not in note]
    return ("wrong and said" if said else "wrong and silent"), why


def _read(table: Table) -> Reading:
    columns = [
        [_value(cell, column.is_json) for cells in column.chunks() for cell in cells.to_list()]
        for column in table.columns
    ]
    return reading(
        [column.header for column in table.columns], [list(row) for row in zip(*columns, strict=True)]
    )


def _value(cell: Any, is_json: bool) -> Any:
    return json.loads(cell) if is_json and isinstance(cell, str) else cell


def _typed_differ(table: Table) -> str:
    """Whether a column of text became numbers other than those that Python's `float` reads in it."""
    raw = [[cell for cells in column.chunks() for cell in cells.to_list()] for column in table.columns]
    recipes = [decide(column, str(at), CellOptions()) for at, column in enumerate(table.columns)]
    opened = open_typed(table, agree(recipes, table.detected.delimiter), lambda share: None)
    for at, cells in enumerate(raw):
        values = [value for chunk in opened.stage.chunks(str(at)) for value in chunk[str(at)].to_list()]
        if opened.kinds[str(at)] in ("number", "integer") and _other_numbers(cells, values):
            return f"the numbers of column {at + 1} are others"
    return ""


def _other_numbers(cells: Iterable[Any], values: Iterable[Any]) -> bool:
    for cell, value in zip(cells, values, strict=True):
        try:
            number = float(cell) if isinstance(cell, str) else None
        except ValueError:
            continue
        if number is not None and value is not None and float(value) != number:
            return True
    return False


def _difference(wanted: Reading, found: Reading) -> str:
    if wanted.names != found.names:
        return f"{len(wanted.names)} columns, read as {len(found.names)}; or other names"
    if len(wanted.rows) != len(found.rows):
        return f"{len(wanted.rows):,} rows, read as {len(found.rows):,}"
    cells = (
        (a, b)
        for x, y in zip(wanted.rows, found.rows, strict=True)
        for a, b in zip(x, y, strict=True)
        if a != b
    )
    return "a cell: {!r:.40} was read as {!r:.40}".format(*next(cells))


def _too_long(signum: int, frame: object) -> None:
    raise TimeoutError


def _replace(path: Path, label: str, told: str) -> None:
    """Put the section in the place of its predecessor, or at the end."""
    head, *sections = path.read_text(encoding="utf-8").split("\n## Figures: ")
    kept = [section for section in sections if section.split("\n", 1)[0] != label]
    parts = [
        head.rstrip("\n") + "\n",
        *(f"\n## Figures: {section.strip()}\n" for section in kept),
        f"\n{told}",
    ]
    path.write_text("".join(parts), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
