"""Tables that gzip packed, and tables with pipes."""

from __future__ import annotations

import gzip
from collections.abc import Callable

from tests.library.conftest import Cleaned
from tests.library.reading import Read, headers, rows


def test_a_packed_table_is_read_like_the_one_inside(clean: Callable[..., Cleaned]) -> None:
    cleaned = clean(gzip.compress(b"a;b\n 1 ;x\n"), "sales.csv.gz")

    assert cleaned.text == "a;b\n1;x\n"
    assert cleaned.report["file"]["name"] == "sales-clean.csv"
    assert cleaned.report["notes"] == []


def test_a_packed_file_that_breaks_off_is_refused(refused: Callable[..., str]) -> None:
    packed = gzip.compress(b"".join(b"%d,%d\n" % (at, at * at) for at in range(1_000)))

    assert refused(packed[: len(packed) // 2], "t.csv.gz")


def test_a_packed_file_made_to_do_harm_is_refused(refused: Callable[..., str]) -> None:
    assert "200 times" in refused(gzip.compress(b"0" * 70 * 2**20), "t.csv.gz")


def test_what_is_packed_twice_is_no_table(refused: Callable[..., str]) -> None:
    assert refused(gzip.compress(gzip.compress(b"a\n1\n")), "t.csv.gz").endswith("this is a gzip archive.")


def test_pipes(read: Read) -> None:
    table = read("a|b\n1|2,5\n", "t.psv")

    assert (headers(table), rows(table)) == (["a", "b"], [("1", "2,5")])
    assert (table.detected.delimiter, table.notes) == ("pipe", [])
