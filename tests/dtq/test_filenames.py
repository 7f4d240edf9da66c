"""Names of files: safe wherever they go, in the unit that file systems count in."""

from __future__ import annotations

import itertools
import re
import unicodedata
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtq.filenames import MOST_BYTES, extended, numbered, safe_name, split_extension

PARTS = [
    *(
        "a",
        "字",
        "é",
        "e\u0301",
        "😀",
        "👩🏽",
        "🏳️",
        ".",
        " ",
        "\u3000",
        "\u00a0",
        "/",
        "\\",
        "\x00",
        "\n",
        "\x1b",
        "\x7f",
    ),
    *("\u202e", "\u2066", "\u200f", "\ufeff", "\ud800", "CON", "nul", "com1", ":", "-", ".csv", ".tar.gz"),
    *("a" * 60, "字" * 50),
]
NAMES = st.one_of(st.text(max_size=300), st.lists(st.sampled_from(PARTS), max_size=30).map("".join))


@given(NAMES)
def test_whatever_it_was_it_can_be_written_and_stays(name: str) -> None:
    safe = safe_name(name)

    assert 0 < len(safe.encode()) <= MOST_BYTES
    assert safe == safe_name(safe)
    assert safe == safe.strip(" .") and safe.isprintable()
    assert PurePosixPath(safe).name == safe and safe not in (".", "..")
    assert not re.search(r"[/\\\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]", safe)
    assert not re.match(r"(con|prn|aux|nul|com\d|lpt\d)(\.|\Z)", safe, re.IGNORECASE)


@given(NAMES)
def test_every_system_takes_it(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.mktemp("names")
    for made in (safe_name(name), numbered(safe_name(name), 1_000), extended(name, "-analysis.html")):
        path = folder / made
        path.write_bytes(b"x")
        path.with_name(f"{made}-uncompressed").write_bytes(b"x")
        assert {made, f"{made}-uncompressed"} <= {one.name for one in folder.iterdir()}


@pytest.mark.parametrize("letter", ["x", "é", "字", "😀", "e\u0323\u0301", "👩🏽"])
def test_a_long_one_keeps_its_beginning_and_its_extension(letter: str) -> None:
    ends = ["", ".txt", ".parquet", ".csv.gz", ".tar.gz"]
    whole = unicodedata.normalize("NFC", letter)
    for end, count in itertools.product(ends, [10, 49, 50, 51, 66, 67, 84, 100, 255, 1_000]):
        sent = unicodedata.normalize("NFC", letter * count + end)
        safe = safe_name(sent)
        if len(sent.encode()) <= MOST_BYTES:
            assert safe == sent
        else:
            stem = safe.removesuffix(end)
            assert safe.endswith(end) and stem == whole * (len(stem) // len(whole)), sent
            assert MOST_BYTES - len(safe.encode()) < len(whole.encode()), sent


@given(NAMES, st.integers(2, 99_999))
def test_a_numbered_one_is_another_of_the_same_kind(name: str, number: int) -> None:
    safe = safe_name(name)
    other = numbered(safe, number)

    assert other != safe and len(other.encode()) <= MOST_BYTES
    assert f"({number})" in other and split_extension(other)[1] == split_extension(safe)[1]


@pytest.mark.parametrize(
    ("name", "stem", "extension"),
    [
        ("sales.csv", "sales", ".csv"),
        ("sales.csv.gz", "sales", ".csv.gz"),
        ("v1.2 final.tar.GZ", "v1.2 final", ".tar.GZ"),
        ("README", "README", ""),
        ("a. sentence", "a. sentence", ""),
        ("x." + "y" * 40, "x." + "y" * 40, ""),
    ],
)
def test_what_the_extension_is(name: str, stem: str, extension: str) -> None:
    assert split_extension(name) == (stem, extension)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("CON", "_CON"),
        ("nul.csv", "_nul.csv"),
        ("Com1.tar.gz", "_Com1.tar.gz"),
        ("console.txt", "console.txt"),
        ("com10.txt", "com10.txt"),
        ("我的\u3000表.xlsx", "我的 表.xlsx"),
        ("trailing. .", "trailing"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("e\u0301.txt", "é.txt"),
    ],
)
def test_odd_ones(sent: str, kept: str) -> None:
    assert safe_name(sent) == kept


def test_it_is_the_only_place_that_makes_one() -> None:
    """A name that is cut elsewhere would be cut in characters."""
    root = Path(__file__).resolve().parents[2]
    makers = [
        path.name
        for folder in ("app", "dtq", "library", "workers")
        for path in (root / folder).rglob("*.py")
        if "def safe_name" in path.read_text(encoding="utf-8")
        or re.search(r"(safe|saved)_name\([^\n]*\)\[-?[0-9]*:", path.read_text(encoding="utf-8"))
    ]
    assert makers == ["filenames.py"]
