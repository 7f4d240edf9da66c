"""The engine as a process of its own: started, followed, and ended with the attempt that started it."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from dtq import Fail
from dtq_library.tables.query.loading import LoadedTable

ENGINE = Path(__file__).with_name("engine.py")
LOOK_EVERY_S = 0.2
MEMORY_MB = 1024
LEAST_MEMORY_MB = 128
OWN_MEMORY_MB = 512
"""Of a task's limit, what reading and writing tables takes beside the query."""
TEMP_MB = 10 * 1024
MOST_THREADS = 4

Tell = Callable[[str, float | None], object]
"""Called several times a second with the stage (loading, running) and its share; raises to end the query."""


@dataclass(frozen=True)
class Order:
    """What the engine is to do, and what it may take; the result is a Parquet file."""

    folder: Path
    tables: Sequence[LoadedTable]
    aliases: dict[str, str]
    sql: str
    memory_mb: int
    temp_mb: int

    @property
    def result(self) -> Path:
        return self.folder / "result.parquet"

    def line(self) -> bytes:
        order = {
            "folder": str(self.folder),
            "database": str(self.folder / "tables.duckdb"),
            "tables": [table.order() for table in self.tables],
            "aliases": self.aliases,
            "sql": self.sql,
            "result": str(self.result),
            "memory_mb": self.memory_mb,
            "temp_mb": self.temp_mb,
            "threads": min(MOST_THREADS, os.cpu_count() or 1),
        }
        return json.dumps(order).encode() + b"\n"


def memory_mb(limit_mb: int) -> int:
    """What DuckDB may use where an attempt may use so much in all; 0 is no limit."""
    if not limit_mb:
        return MEMORY_MB
    return max(LEAST_MEMORY_MB, min(MEMORY_MB, limit_mb - OWN_MEMORY_MB))


def temp_mb(folder: Path) -> int:
    """What DuckDB may use of the disk: at most half of what is free."""
    return min(TEMP_MB, max(1, shutil.disk_usage(folder).free // 2 // 2**20))


def run(order: Order, tell: Tell) -> dict[str, Any]:
    """Run a query: ``done`` with the columns of the result, or ``problem``.

    Whatever ``tell`` raises ends it. Raises Fail when the engine ends without an answer.
    """
    process = subprocess.Popen(
        [sys.executable, "-I", str(ENGINE)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={},
        cwd=order.folder,
    )
    try:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("The engine has no pipes.")
        with process.stdin, process.stdout:
            process.stdin.write(order.line())
            process.stdin.flush()
            for message in _messages(process.stdout, tell):
                if "done" in message or "problem" in message:
                    return message
        raise Fail(_ended(process.wait(), order))
    finally:
        process.kill()
        process.wait()


def _messages(output: IO[bytes], tell: Tell) -> Iterator[dict[str, Any]]:
    """Messages until the end; ``tell`` is called with the last stage while none comes."""
    stage, share = "loading", None
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        while True:
            tell(stage, share)
            if not selector.select(LOOK_EVERY_S):
                continue
            piece = os.read(output.fileno(), 65_536)
            if not piece:
                return
            *lines, rest = (rest + piece).split(b"\n")
            for message in map(json.loads, lines):
                stage, share = message.get("stage", stage), message.get("share", share)
                yield message


def _ended(code: int, order: Order) -> str:
    return (
        f"The query ended without an answer (code {code}): it probably needed more than its "
        f"{order.memory_mb:,} MB of memory. Ask for fewer rows or columns at once."
    )
