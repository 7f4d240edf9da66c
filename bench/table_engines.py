"""What each stage of *Transform a table* costs, and the same asked of DuckDB.

    python -m bench.table_engines FILE "group by column" "column to sum"

Processor seconds of this process and its children, which other programs on the machine hardly change.
"""

from __future__ import annotations

import resource
import shutil
import sys
import tempfile
from pathlib import Path

from dtq_library.tables.io.read import read_table
from dtq_library.tables.model import CellOptions, Pulse, ReadOptions
from dtq_library.tables.names import tidy_names
from dtq_library.tables.opened import Opened, open_typed
from dtq_library.tables.query.engine import quoted
from dtq_library.tables.query.loading import load
from dtq_library.tables.query.outcome import settle
from dtq_library.tables.query.process import Order, run
from dtq_library.tables.transform.grouping import aggregate
from dtq_library.tables.transform.sorting import sort_keys, sort_rows
from dtq_library.tables.values.column import agree, decide

OPTIONS = CellOptions("trim", ("N/A", "null"), missing_in_numbers=("NA",))


class Stages:
    """Prints what was used since the last stage."""

    def __init__(self) -> None:
        self._used = _used_s()

    def end(self, name: str) -> None:
        used = _used_s()
        print(f"{name:32} {used - self._used:6.1f} s", flush=True)
        self._used = used


def main() -> None:
    """Measure one file."""
    given, by, summed = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="table-engines-") as folder:
        path = Path(folder) / Path(given).name
        shutil.copy(given, path)
        stages = Stages()
        opened = _opened(path, stages)
        _transformed(opened, Path(folder), by, summed, stages)
        _queried(opened, Path(folder), by, summed, stages)


def _opened(path: Path, stages: Stages) -> Opened:
    table = read_table(path, path.name, ReadOptions(), _silent)
    stages.end("both: read")
    names = tidy_names([column.header for column in table.columns], snake_case=False)
    recipes = [decide(column, name, OPTIONS) for column, name in zip(table.columns, names, strict=True)]
    agreed = agree(recipes, table.detected.delimiter)
    stages.end("both: decide what columns hold")
    opened = open_typed(table, agreed, _silent)
    stages.end("both: type the values")
    return opened


def _transformed(opened: Opened, folder: Path, by: str, summed: str, stages: Stages) -> None:
    frame = aggregate(opened.stage.scan(), [by], [f"sum({summed}) as total"])
    frame = sort_rows(frame, sort_keys(frame.collect_schema().names(), ["total desc"]), folder, _silent)
    frame.sink_parquet(folder / "transformed.parquet")
    stages.end("Transform: group and sort")
    sort_rows(opened.stage.scan(), sort_keys([by, summed], [f"{summed} desc"]), folder, _silent).sink_parquet(
        folder / "sorted.parquet"
    )
    stages.end("Transform: sort all rows")


def _queried(opened: Opened, folder: Path, by: str, summed: str, stages: Stages) -> None:
    group, total = quoted(by), quoted(summed)
    grouped = f"SELECT {group}, sum({total}) AS total FROM a GROUP BY ALL ORDER BY total DESC NULLS LAST"  # noqa: S608 - quoted
    table = load(opened, "a", "a.csv", folder, _silent)
    stages.end("DuckDB: hand over")
    for name, sql in (("group and sort", grouped), ("sort all rows", f"FROM a ORDER BY {total} DESC")):
        kept = [Path(shutil.copy(part, part.with_suffix(".kept"))) for part in table.parts]
        answer = run(Order(folder, [table], {}, sql, 1024, 4_000), lambda stage, share: None)
        settle(folder / "result.parquet", answer["done"], folder / "settled.parquet")
        stages.end(f"DuckDB: load, {name}")
        for part, copy in zip(table.parts, kept, strict=True):
            copy.rename(part)
        (folder / "tables.duckdb").unlink()


def _used_s() -> float:
    parts = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(part.ru_utime + part.ru_stime for part in parts)


_silent: Pulse = lambda share: None  # noqa: E731 - the type of a pulse, and nothing to tell


if __name__ == "__main__":
    main()
