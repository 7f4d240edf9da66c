"""What cleaning takes away only when it should, and what it says about it."""

from __future__ import annotations

from collections.abc import Callable

from tests.library.conftest import Cleaned

Clean = Callable[..., Cleaned]


def test_what_is_written_is_compared(clean: Clean) -> None:
    cleaned = clean("name,version\nfoo,1.1\nfoo,1.10\nfoo, 1.1\n")

    assert cleaned.text == "name,version\nfoo,1.1\nfoo,1.10\n"
    assert cleaned.report["notes"] == ["Duplicates that were dropped: 1 (row 4)."]


def test_namibia_stays_and_a_number_that_is_not_available_goes(clean: Clean) -> None:
    cleaned = clean("country,people\nDE,83\nNA,NA\nFR,-\nIT,none\n")

    assert cleaned.rows[1:] == [["DE", "83"], ["NA", ""], ["FR", ""], ["IT", ""]]
    assert cleaned.column("people")["type"] == "integer"
    assert cleaned.report["notes"] == ["Column people: treated as missing: - (1), NA (1), none (1)."]


def test_a_column_of_nothing_but_na_stays_as_it_is_written(clean: Clean) -> None:
    assert clean("country,n\nNA,1\nNA,2\n").rows[1:] == [["NA", "1"], ["NA", "2"]]


def test_what_is_treated_as_missing_is_told_with_examples(clean: Clean) -> None:
    cleaned = clean("a,b\nN/A,1\nn/a,2\nx,3\n")

    assert cleaned.report["notes"] == ["Column a: treated as missing: N/A (1), n/a (1)."]
