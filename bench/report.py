"""How measurements are told: percentiles, a markdown table, the machine, and the place in the docs."""

from __future__ import annotations

import argparse
import math
import os
import platform
import re
import shlex
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

from app.local import LocalStores
from app.local.children import ChildError
from app.local.kinds import BUILT, MONGO, ServerKind
from app.local.servers import choose

STORES = tuple(kind.name for kind in MONGO)


class BenchError(RuntimeError):
    """A measurement that cannot be trusted, and why."""


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile: a value that was measured, never one in between."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def rounded(value: float) -> str:
    """Three significant digits and no more, with separators."""
    digits = 2 - math.floor(math.log10(abs(value))) if value else 0
    return f"{round(value, digits):,.{max(0, digits)}f}"


def markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table with its first column to the left and figures to the right."""
    ruler = ["---", *["---:"] * (len(headings) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (headings, ruler, *rows))


def machine(stores: LocalStores, redis_version: str) -> str:
    """One line that says what was measured, on what."""
    mongo = described(stores.mongo.kind) if stores.mongo else "the MongoDB given"
    redis = stores.redis.kind.title if stores.redis else "the Redis given"
    return (
        f"{mongo}; {redis} {redis_version}; RQ {version('rq')}; "
        f"{platform.python_implementation()} {platform.python_version()}; {os.cpu_count()} cores, "
        f"shared by servers, workers and the measurement; {datetime.now(timezone.utc):%Y-%m-%d}."
    )


def store(text: str) -> ServerKind:
    """Return the MongoDB server of a name, or of `NAME=PROGRAM`: one that is started in the same way.

    Raises argparse.ArgumentTypeError where it is unknown or not installed.
    """
    name, _, program = text.partition("=")
    if name not in STORES:
        raise argparse.ArgumentTypeError(f"choose from {', '.join(STORES)}")
    if program:
        words = shlex.split(program)
        return replace(next(kind for kind in MONGO if kind.name == name), find=lambda: words)
    try:
        return choose(MONGO, name, Path())
    except ChildError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def described(kind: ServerKind) -> str:
    """Return the title of a server with the version of its program."""
    program = kind.find() or []
    ask = "from importlib.metadata import version; print(version('SecantusDB'))"
    by_package = kind.name == "python" and len(program) > 1  # Its program does not tell.
    command = [program[0], "-c", ask] if by_package else [*program, "--version"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = re.search(r"\d+\.\d+\S*", said)
    return f"{kind.title} {found[0]}" if found else kind.title


def arguments(description: str | None, *, several: bool = False) -> argparse.ArgumentParser:
    """The options that every benchmark has; ``several`` where it can measure more than one store in a run."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    usual = store("rust" if BUILT.find() else "wheel")
    about = f"MongoDB server: {', '.join(STORES)}, or NAME=PROGRAM for another version of it ({usual})"
    if several:
        parser.add_argument("--store", type=store, nargs="+", default=[usual], help=f"{about}; or several")
    else:
        parser.add_argument("--store", type=store, default=usual, help=about)
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table between its marks there")
    return parser


def finish(run: Callable[[argparse.Namespace], bool], parser: argparse.ArgumentParser) -> NoReturn:
    """Run with what the command line says; exits with 1 when what is promised was not kept."""
    try:
        sys.exit(0 if run(parser.parse_args()) else 1)
    except BenchError as error:
        sys.exit(str(error))


def publish(text: str, mark: str, path: Path | None) -> None:
    """Print it, and put it into a file between `<!-- MARK -->` and `<!-- end MARK -->`. Raises BenchError."""
    print(text)
    if path is None:
        return
    content = path.read_text()
    begin, end = f"<!-- {mark} -->", f"<!-- end {mark} -->"
    if content.count(begin) != 1 or content.count(end) != 1:
        raise BenchError(f"{path} must hold {begin} and {end}, once each.")
    before, _, rest = content.partition(begin)
    path.write_text(f"{before}{begin}\n\n{text}\n\n{end}{rest.partition(end)[2]}")


def say(line: str) -> None:
    """Progress, where it does not mix with the table."""
    print(line, file=sys.stderr, flush=True)
