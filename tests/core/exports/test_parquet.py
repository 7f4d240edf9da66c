"""A list as a Parquet file: kinds of columns, parts that come in time, files that break off."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from datetime import datetime, timezone

import polars as pl
import pytest

from app.core.exports.fields import Kind, common_kind, kind_of
from app.core.exports.parquet import PIECE, ROW_GROUP, parquet_of
from app.core.exports.task_rows import TASK_FIELDS, values_of_task

FIELDS = {
    "text": Kind.TEXT,
    "at": Kind.TIME,
    "whole": Kind.WHOLE,
    "number": Kind.NUMBER,
    "flag": Kind.FLAG,
    "tags": Kind.TEXTS,
}
TYPES = [pl.String, pl.Datetime("ms", "UTC"), pl.Int64, pl.Float64, pl.Boolean, pl.List(pl.String)]
FULL = {
    "text": "=ä\ud800",
    "at": "2026-11-28T01:02:03.456+00:00",
    "whole": 2**63 - 1,
    "number": 0.5,
    "flag": False,
    "tags": ["a", "b c"],
}


def read(parts) -> pl.DataFrame:
    return pl.read_parquet(io.BytesIO(b"".join(parts)))


def test_every_kind_has_its_type() -> None:
    table = read(parquet_of(FIELDS, [FULL, {}, {"tags": [], "text": {"a": 1}}]))
    assert table.columns == [*FIELDS] and table.dtypes == TYPES
    at = datetime(2026, 11, 28, 1, 2, 3, 456_000, timezone.utc)
    assert table.row(0) == ("=ä?", at, 2**63 - 1, 0.5, False, ["a", "b c"])
    assert table.row(1) == (None, None, None, None, None, [])
    assert table.row(2)[0] == '{"a": 1}'


def test_a_task_is_a_row(new_task) -> None:
    task = new_task(title="one", tags=("x", "y"), params={"n": 1})
    (row,) = read(parquet_of(TASK_FIELDS, [values_of_task(task, {task.owner: "ann"})])).to_dicts()
    assert (row["id"], row["owner"], row["tags"]) == (str(task.id), "ann", ["x", "y"])
    assert row["created_at"] == task.created_at.replace(microsecond=row["created_at"].microsecond)
    assert (row["attempt"], row["duration_s"], row["parameters"]) == (0, None, '{"n": 1}')


def test_no_rows_are_a_table_without_rows() -> None:
    table = read(parquet_of(FIELDS, []))
    assert table.height == 0 and table.dtypes == TYPES


def test_parts_come_while_rows_are_read() -> None:
    """So memory holds a row group, however long the list is."""
    since_part, longest = 0, 0

    def rows():
        nonlocal since_part, longest
        for number in range(10 * ROW_GROUP):
            since_part += 1
            longest = max(longest, since_part)
            yield {"whole": number, "text": os.urandom(20).hex()}  # More than the encoder keeps back.

    parts = []
    for part in parquet_of(FIELDS, rows()):
        assert part  # An empty one would end an answer that is sent in chunks.
        parts.append(part)
        since_part = 0
    assert longest <= ROW_GROUP + PIECE
    assert read(parts)["whole"].to_list() == [*range(10 * ROW_GROUP)]


def test_a_file_that_breaks_off_cannot_be_read() -> None:
    def rows():
        for number in range(3 * ROW_GROUP):
            yield {"whole": number}
        raise OSError("away")

    parts = []
    with pytest.raises(OSError, match="away"):
        parts.extend(parquet_of(FIELDS, rows()))
    assert len(b"".join(parts)) > ROW_GROUP
    with pytest.raises(pl.exceptions.ComputeError):
        read(parts)
    assert not threads()


@pytest.mark.parametrize("field", ["at", "whole", "number", "flag", "tags"])
def test_what_is_not_of_its_kind_ends_the_file(field) -> None:
    with pytest.raises((TypeError, ValueError)):
        b"".join(parquet_of(FIELDS, [FULL, {field: "x" if field != "tags" else 7}]))
    assert not threads()


def test_a_reader_who_goes_away_leaves_no_thread() -> None:
    parts = parquet_of(FIELDS, ({"whole": number} for number in range(5 * ROW_GROUP)))
    assert next(parts) and threads()
    parts.close()
    assert not threads()


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "parquet"]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, None, 2], Kind.WHOLE),
        ([1, 0.5], Kind.NUMBER),
        ([True, False], Kind.FLAG),
        ([True, 1], Kind.TEXT),
        ([1, "x"], Kind.TEXT),
        ([2**63], Kind.TEXT),
        ([float("nan")], Kind.TEXT),
        ([["x"]], Kind.TEXT),
        ([None], None),
    ],
)
def test_the_kind_that_holds_all_values(values, kind) -> None:
    common = None
    for value in values:
        common = common_kind(common, kind_of(value))
    assert common is kind


def test_the_library_is_loaded_for_a_file_only() -> None:
    program = "import sys, app.core.exports.formats; assert not [m for m in sys.modules if 'arro3' in m]"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
