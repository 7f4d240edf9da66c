"""Delimiters and headers that are in doubt: who is asked, and what is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from dtq_library.tables.io import opinions
from dtq_library.tables.io.dialect import judge_delimiter
from dtq_library.tables.layout import Layout
from dtq_library.tables.model import CellOptions, Column
from dtq_library.tables.stage import Stage
from dtq_library.tables.values import column
from dtq_library.tables.values.cells import Cells
from tests.library.reading import Read, headers, rows

DOUBTFUL = "name;place,land\nAnn;Rome,it\nBob;Oslo,no\nCy;Bern,ch\n"


def test_a_doubtful_delimiter_gets_a_second_opinion(read: Read) -> None:
    own, sure, others = judge_delimiter(DOUBTFUL, "csv", Layout())
    table = read(DOUBTFUL)

    assert (sure, set(others)) == (False, {"comma", "semicolon"})
    if table.detected.delimiter != own:
        assert table.notes[0].startswith(f"The delimiter may be {own} as well as {table.detected.delimiter}")


@pytest.mark.parametrize(("theirs", "name"), [(";", "semicolon"), (",", "comma"), ("|", None), (None, None)])
def test_the_second_opinion_decides_where_it_is_possible(
    read: Read, monkeypatch: pytest.MonkeyPatch, theirs: str | None, name: str | None
) -> None:
    monkeypatch.setattr(opinions, "_sniffed", lambda sample, folder: theirs)
    own, _, _ = judge_delimiter(DOUBTFUL, "csv", Layout())
    table = read(DOUBTFUL)

    assert table.detected.delimiter == (name or own)
    assert bool([note for note in table.notes if note.startswith("The delimiter may be")]) == (
        name not in (None, own)
    )


@pytest.mark.parametrize("text", ["a,b\n1,2\n3,4\n", "a;b\n1;2\n", "a\tb\nx\ty\n", "only\none\ncolumn\n"])
def test_nobody_else_is_asked_where_there_is_no_doubt(
    read: Read, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(opinions, "_sniffed", None)

    assert read(text).height


def test_duckdb_is_asked_and_leaves_nothing_behind(tmp_path: Path) -> None:
    assert opinions._sniffed("a|b\n1|2\n3|4\n", tmp_path) == "|"
    assert list(tmp_path.iterdir()) == []


# Files without a header


HEADLESS = [
    "Ann,2024-01-05,3\nBob,2024-01-06,4\nCy,2024-02-01,5\nDi,2024-03-01,6\n",
    "2024-01-05T10:00:00Z;a\n2024-01-06T10:00:00Z;b\n2024-01-07T10:00:00Z;c\n2024-01-08T10:00:00Z;d\n",
    "5.1,3.5,1.4,setosa\n4.9,3.0,1.4,setosa\n4.7,3.2,1.3,setosa\n4.6,3.1,1.5,setosa\n",
    "# iris\n5.1,0.5,1.4\n4.9,3.0,1.4\n4.7,3.2,1.3\n4.6,3.1,1.5\n",
]
WITH_HEADER = [
    "country,1990,1991\nA,1,2\nB,3,4\nC,5,6\nD,7,8\n",
    "2019,2020,2021\n1.5,2.5,3.5\n1.5,2.5,3.5\n1.5,2.5,3.5\n1.5,2.5,3.5\n",
    "sample,350.5,351.0,351.5\na,0.1,0.2,0.3\nb,0.1,0.2,0.3\nc,0.1,0.2,0.3\nd,0.1,0.2,0.3\n",
    "region,2024-01-01,2024-02-01\na,1,2\nb,3,4\nc,5,6\nd,7,8\n",
    "5.1,0.5\n4.9,3.0\n",
    "day,n\n2024-01-01,1\n2024-01-02,2\n2024-01-03,3\n2024-01-04,4\n",
]


@pytest.mark.parametrize("text", HEADLESS)
def test_a_first_line_that_is_surely_data_is_a_row(read: Read, text: str) -> None:
    table = read(text)

    assert (set(headers(table)), table.height) == ({""}, 4)
    assert opinions.HEADLESS in table.notes


@pytest.mark.parametrize("text", WITH_HEADER)
def test_a_first_line_that_may_be_a_header_is_one(read: Read, text: str) -> None:
    table = read(text)

    assert headers(table)[0] == text.split(",")[0]
    assert opinions.HEADLESS not in table.notes


@pytest.mark.parametrize("text", HEADLESS[:3])
def test_a_person_may_say_that_it_is_the_header(read: Read, text: str) -> None:
    table = read(text, layout=Layout(header_line=1))

    assert (table.height, opinions.HEADLESS in table.notes) == (3, False)
    assert rows(table)[0] == rows(read(text))[1]


# Many columns


def column_of(values: list[str | None], tmp_path: Path) -> Column:
    stage = Stage(tmp_path)
    stage.add(pl.DataFrame({"0": values}))
    return Column("a", "0", stage)


def test_words_are_not_asked_whether_they_are_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*args: object) -> None:
        raise AssertionError("a column without digits was asked")

    monkeypatch.setattr(column, "read_numbers", never)
    monkeypatch.setattr(column, "read_dates", never)
    options = CellOptions(missing_in_numbers=("NA",))

    assert column.decide(column_of(["x", "NA", None], tmp_path), "a", options).kind == "text"


def asked(chunks: list[pl.Series]) -> tuple[Cells, Callable[[], int]]:
    times = [0]

    def count() -> list[pl.Series]:
        times[0] += 1
        return chunks

    return Cells(count), lambda: times[0]


def test_a_short_column_is_looked_at_once() -> None:
    cells, times = asked([pl.Series(["1", None, "2"])])

    assert cells.match("^[0-9]$") and not cells.match("^1$") and cells.match("^.$")
    assert times() == 1


@pytest.mark.parametrize("last", ["x", "3"])
def test_a_long_column_is_looked_at_to_its_end(last: str) -> None:
    for chunks in ([pl.Series(["1"] * 2_000 + [last])], [pl.Series(["1"]), pl.Series([last])]):
        cells, _ = asked(chunks)
        assert cells.match("^[0-9]$") == (last == "3")
