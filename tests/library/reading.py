"""Reading files in tests: a table from bytes, or the sentence about why not."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter

from dtq import Fail
from dtq_library.tables.io.read import read_table
from dtq_library.tables.model import Column, ReadOptions, Table

Read = Callable[..., Table]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read a file with this content and this name."""

    def run(content: bytes | str, name: str = "table.csv", **options: Any) -> Table:
        path = tmp_path / "upload"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_table(path, name, ReadOptions(**options), lambda share: None)

    return run


@pytest.fixture
def refused(read: Read) -> Callable[..., str]:
    """The sentence with which a file is refused."""

    def run(content: bytes | str, name: str = "table.csv", **options: Any) -> str:
        with pytest.raises(Fail) as failed:
            read(content, name, **options)
        return str(failed.value)

    return run


def headers(table: Table) -> list[str]:
    return [column.header for column in table.columns]


def rows(table: Table) -> list[tuple[Any, ...]]:
    return list(zip(*(values(column).to_list() for column in table.columns), strict=True))


def values(column: Column) -> pl.Series:
    return pl.concat(column.chunks())


def workbook(**sheets: list[list[Any]]) -> bytes:
    """An XLSX file; dates and times get the formats that spreadsheets know them by."""
    made = io.BytesIO()
    options = {"in_memory": True, "default_date_format": "yyyy-mm-dd hh:mm:ss"}
    with xlsxwriter.Workbook(made, options) as book:
        for name, cells in sheets.items():
            sheet = book.add_worksheet(name)
            for at, row in enumerate(cells):
                sheet.write_row(at, 0, row)
    return made.getvalue()


# CSV and TSV


def parquet(frame: pl.DataFrame) -> bytes:
    made = io.BytesIO()
    frame.write_parquet(made)
    return made.getvalue()
