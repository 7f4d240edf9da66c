"""The figures against a slow and simple count of the same table, cell by cell."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dtq_library.tables import repeats, stage
from dtq_library.tables.clean.cleaned import clean_frames
from dtq_library.tables.clean.report import Tally, build_report
from dtq_library.tables.io import delimited
from dtq_library.tables.io.read import read_table
from dtq_library.tables.model import CellOptions, ReadOptions
from dtq_library.tables.rows import choose_rows, with_values
from dtq_library.tables.values.column import decide
from tests.plugins.examples import examples

pytestmark = pytest.mark.slow

WIDTH = 3
OPTIONS = CellOptions(missing=("NA", "-"), case="lower")
CELLS = [
    "",
    " ",
    "NA",
    " na ",
    "-",
    "x",
    " x",
    "X  y",
    "x y",
    "1",
    "1.50",
    "12,345.5",
    " 7 ",
    "2024/3/1",
    "2024/03/02",
]


def expected(rows: list[list[str]]) -> dict[str, Any]:
    """The same figures the slow way. Cells are chosen so that every number and date is plain to see."""
    columns = [expected_column([row[at] for row in rows]) for at in range(WIDTH)]
    clean = list(zip(*columns, strict=True))
    full = [row for row in range(len(rows)) if any(cell is not None for cell in clean[row])]
    kept = [row for at, row in enumerate(full) if clean[row] not in [clean[each] for each in full[:at]]]
    written = [at for at in range(WIDTH) if any(cell is not None for cell in columns[at])] or list(
        range(WIDTH)
    )
    changed = sum((clean[row][at] or "") != rows[row][at] for row in kept for at in written)
    return {
        "rows": [[clean[row][at] for at in written] for row in kept],
        "empty_rows": len(rows) - len(full),
        "duplicates": len(full) - len(kept),
        "total": changed,
        "missing": sum(clean[row][at] is None and rows[row][at] != "" for row in kept for at in written),
    }


def expected_column(cells: list[str]) -> list[str | None]:
    tidy = [" ".join(cell.split()) for cell in cells]
    known = [None if cell.lower() in ("", "na", "-") else cell for cell in tidy]
    some = [cell for cell in known if cell is not None]
    if all(re.fullmatch(r"[0-9,]+(\.[0-9]+)?", cell) for cell in some):
        return [cell and cell.replace(",", "") for cell in known]
    if all(re.fullmatch(r"\d{4}/\d\d?/\d\d?", cell) for cell in some):
        return [cell and "-".join(part.zfill(2) for part in cell.split("/")) for cell in known]
    return [cell and cell.lower() for cell in known]


@pytest.fixture(scope="module", params=["whole", "in chunks"])
def size(request: pytest.FixtureRequest) -> Iterator[None]:
    """The same table in one chunk, and in chunks of two rows on disk: the figures must not notice."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "in chunks":
            patch.setattr(delimited, "_CHUNK_CELLS", 2 * WIDTH)
            patch.setattr(stage, "MEMORY_BYTES", 0)
            patch.setattr(repeats, "_PART_ROWS", 2)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("figures")


@settings(
    max_examples=examples(80), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(st.lists(st.sampled_from(CELLS), min_size=WIDTH, max_size=WIDTH), max_size=8))
def test_every_figure_is_what_counting_cell_by_cell_finds(
    size: None, folder: Path, rows: list[list[str]]
) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([["a", "b", "c"], *rows])
    path = folder / "table.csv"
    path.write_text(text.getvalue(), newline="")

    table = read_table(path, "table.csv", ReadOptions(delimiter="comma"), lambda share: None)
    recipes = [decide(column, column.header, OPTIONS) for column in table.columns]
    kept = choose_rows(table, recipes, lambda share: None, drop_empty=True, drop_duplicates=True)
    written = {recipe: Tally() for recipe in with_values(recipes)}
    found = pl.concat(clean_frames(table, written, kept, "csv", lambda share: None))
    report = build_report(table, recipes, written, kept, [])
    naive = expected(rows)

    assert [list(row) for row in found.rows()] == naive["rows"]
    assert report["rows_out"] == len(naive["rows"])
    assert report["removed"]["empty_rows"] == naive["empty_rows"]
    assert report["removed"]["duplicates"] == naive["duplicates"]
    assert report["cells_changed"]["total"] == naive["total"]
    assert report["cells_changed"]["missing"] == naive["missing"]
    assert report["rows_in"] == len(rows)
