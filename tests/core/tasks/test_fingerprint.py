"""Failures of the same cause have one fingerprint, and those of another cause have another."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.listing.query_string import MAX_TEXT
from app.core.tasks.fingerprint import MOST, fingerprint


@pytest.mark.parametrize(
    ("messages", "masked"),
    [
        (("Line 3 has 3 fields", "Line 5 has 6 fields"), "Line … has … fields"),
        (("No column “a”.", "No column “total”."), "No column …."),
        (("No 'a' in b", "No 'c d' in b"), "No … in b"),
        (("It isn't a table, it isn't", "It isn't a table, it isn't"), "It isn't a table, it isn't"),
        (("Took 1,234.5 s", "Took 7 s"), "Took … s"),
        (
            ("Task 6927f0a1c2d3e4f5a6b7c8d9 is gone", "Task 0123456789abcdef01234567 is gone"),
            "Task … is gone",
        ),
        (
            ("id 550e8400-e29b-41d4-a716-446655440000", "id a50e8400-e29b-41d4-a716-4466554400ff"),
            "id …",
        ),
        (("Two\r\n lines", "Two   lines"), "Two lines"),
        (("", "   "), ""),
    ],
)
def test_what_differs_from_one_to_the_next_is_masked(messages, masked):
    assert {fingerprint(message) for message in messages} == {masked}


def test_another_cause_is_another():
    messages = ("Line 3 has 3 fields", "Line 3 is empty", "The disk is full", "deadbeef accede facade")
    assert len({fingerprint(message) for message in messages}) == len(messages)


@given(st.text(max_size=400))
def test_it_fits_a_filter_of_a_list_and_masks_all_digits(message):
    found = fingerprint(message)
    assert len(found) <= MOST <= MAX_TEXT and found == found.strip() and "\n" not in found
    assert not any(char in "0123456789" for char in found)
    assert fingerprint(found) == found or "“" in found or len(found) == MOST or "'" in found or '"' in found


@pytest.mark.parametrize("piece", ["'", '"', "a'", "0", "a0", "“", "1,", "f" * 7 + " ", "-"])
def test_no_message_takes_long(piece):
    began = time.perf_counter()
    fingerprint(piece * 100_000)
    assert time.perf_counter() - began < 0.2
