"""Querying tables in tests: a task over files, and the engine alone over one table."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dtq import Fail
from dtq_library.tables.query.loading import LoadedTable
from dtq_library.tables.query.process import Order, run
from dtq_library.tables.query.process import Tell as Tell
from dtq_library.tables.query.task import query_tables
from workers.testing import Ran, Upload
from workers.testing import run as run_task

PEOPLE = Upload("people.csv", b"id,name,amount,day\n1,Ann,1.5,2024-01-31\n2,Bob,2.25,2024-02-01\n3,Cy,,\n")
TAGS = Upload("tags.json", b'[{"id": 1, "tags": ["x", "y"]}, {"id": 3, "tags": []}]')


def query(sql: str, *tables: Upload, **params: Any) -> Ran:
    return run_task(query_tables, tables=list(tables or (PEOPLE,)), sql=sql, **params)


def records(ran: Ran) -> list[dict[str, Any]]:
    """The rows of a file of JSON Lines."""
    return [json.loads(line) for line in next(iter(ran.files.values())).decode().split("\n")[:-1]]


def found(sql: str, *tables: Upload) -> list[dict[str, Any]]:
    return records(query(sql, *tables, output="jsonl"))


def refusal(sql: str, *tables: Upload) -> str:
    with pytest.raises(Fail) as refused:
        query(sql, *tables)
    return str(refused.value)


def engine(
    folder: Path,
    sql: str,
    tell: Callable[[str, float | None], object] = lambda stage, share: None,
    **limits: int,
) -> dict[str, Any]:
    """What the engine answers about a table ``a`` of one row; the result is in ``folder``."""
    path = folder / "a.parquet"
    pl.DataFrame({"id": [1], "name": ["x"]}).write_parquet(path)
    table = LoadedTable("a", "a.csv", 1, ["id", "name"], {}, [], [path], ["", ""])
    return run(Order(folder, [table], {}, sql, **{"memory_mb": 256, "temp_mb": 100} | limits), tell)
