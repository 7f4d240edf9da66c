"""Peak memory and time of the table task types on one large CSV file.

    python -m bench.big_table [--mb 1000] [--types clean] [--file big.csv]

The file is made for it: numbers and dates as people write them, spaces, missing values, 2 % of duplicates,
empty rows. Each type runs in a process of its own, as a worker's child would run it; its memory is the most
that was resident at any time, as the kernel counts it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.report import markdown

MB = 1_000_000
PARAMETERS: dict[str, dict[str, Any]] = {
    "clean_table": {},
    "transform_table: rows and columns": {
        "rows": ["Amount >= 1000", "City is not missing"],
        "fill": ["Status forward"],
        "columns": ["E-mail as mail", "*"],
    },
    "transform_table: groups": {
        "group_by": ["City", "Status"],
        "compute": ["count", "sum(Amount) as total", "median(Amount)", "max(Joined)"],
        "sort": ["total desc"],
    },
    "transform_table: sorted": {"sort": ["Amount desc", "ID"]},
    "analyse_table": {},
    "check_table": {
        "rules": [
            "ID unique",
            "E-mail matches email",
            "Amount between 0 and 90000",
            "Status in new, paid, sent",
            "Joined date format %d.%m.%Y",
        ],
    },
}
CITIES = ("Zürich", "New   York", "Paris", " Lima", "Oslo", "n/a", "Kyoto", "")
STATES = ("new", "paid", "sent", "NA")
HEADER = "ID,Customer name,E-mail,City,Status,Amount,Joined,Last seen,Note\n"
REST = "some words that nobody reads, ever"


def main() -> int:
    """Measure each type and print a table."""
    options = _arguments()
    with tempfile.TemporaryDirectory(prefix="big-table-") as folder:
        path = options.file or Path(folder) / "big.csv"
        if not path.exists():
            rows = make(path, options.mb * MB)
            print(f"{path.name}: {path.stat().st_size / MB:,.0f} MB, {rows:,} rows", file=sys.stderr)
        measured = [(name, *measure(name, path, folder)) for name in PARAMETERS if options.types in name]
    table = [[name, f"{seconds:,.0f} s", f"{peak / MB:,.0f} MB"] for name, seconds, peak in measured]
    print(markdown(["type", "time", "peak memory"], table))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mb", type=int, default=1000, help="size of the file (%(default)s)")
    parser.add_argument("--types", default="", help="only those with this in their name")
    parser.add_argument("--file", type=Path, help="a file to keep: made when it is not there")
    return parser.parse_args()


def make(path: Path, size: int) -> int:
    """Write rows until the file has ``size`` bytes; returns how many. The same rows every time."""
    rows = written = 0
    with path.open("w", encoding="utf-8") as file:
        file.write(HEADER)
        while written < size:
            lines = "".join(_line(row) for row in range(rows, rows + 10_000))
            written += len(lines.encode())
            file.write(lines)
            rows += 10_000
    return rows


def _line(row: int) -> str:
    if row % 1_000 == 999:
        return ",,,,,,,,\n"
    at = row - 7 if row % 50 == 49 else row  # a row that was there before
    cents = at * 7919 % 10_000_000
    number = at * 48_271 % 1_000_003
    return (
        f"{at},Person  {number} ,p{number}@example.org,{CITIES[at % 8]},{STATES[number % 4]},"
        f'"{cents // 100:,}.{cents % 100:02}",{at % 28 + 1:02}.{at % 12 + 1:02}.{2000 + at % 24},'
        f'{2000 + at % 24}-{at % 12 + 1:02}-{at % 28 + 1:02} {at % 24:02}:{at % 60:02},"{REST} {number}"\n'
    )


def measure(name: str, path: Path, folder: str) -> tuple[float, int]:
    """Seconds and peak resident bytes of one type, in a child."""
    command = [sys.executable, "-c", f"from bench.big_table import child; child({name!r}, {str(path)!r})"]
    began = time.monotonic()
    process = subprocess.Popen(command, env={**os.environ, "TMPDIR": folder})
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{name} ended with {process.returncode}")
    return time.monotonic() - began, usage.ru_maxrss * 1024


def child(name: str, path: str) -> None:
    """Run one type as an attempt without stores, and say how it went."""
    import config
    from dtq.runtime import known
    from workers.attempt.context import AttemptContext
    from workers.in_process import FolderFiles, Listener, NoStores, local_task
    from workers.types.task_modules import load

    load(["dtq_library"])
    kind = known(name.partition(":")[0])
    files = FolderFiles(Path(tempfile.mkdtemp()))
    params = {"source": str(files.add(Path(path)).id), **PARAMETERS[name]}
    stores = NoStores(Listener(_tell), files, config.load({"ENVIRONMENT": "local"}))
    context = AttemptContext(local_task(kind, params), stores, lambda: False)
    try:
        result = kind.function(context, **kind.arguments(params, context.file))
    finally:
        context.close()
    if name == "clean_table" and result["rows_out"] != result["rows_in"] - result["rows_in"] // 50:
        raise AssertionError("every 50th row is empty or a duplicate, and exactly those must go")
    shown = {key: value for key, value in result.items() if isinstance(value, int)}
    print(json.dumps({name: shown}), file=sys.stderr)


_told = [""]


def _tell(progress: dict[str, Any]) -> None:
    if progress["message"] != _told[0]:
        _told[0] = progress["message"]
        print(f"{time.strftime('%X')} {_told[0]}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
