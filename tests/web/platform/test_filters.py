"""How values are written."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import pytest

from app.core.clock import utcnow
from app.core.quantities import about, duration, number, ordinal, plural, relative, size
from app.web.platform.filters import ticking, when

NOW = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (-1, "0 ms"),
        (0.34, "340 ms"),
        (2.5, "2.5 s"),
        (42.4, "42 s"),
        (59.7, "1 min"),
        (200, "3 min 20 s"),
        (3600, "1 h"),
        (3_661, "1 h 1 min"),
        (90_000, "1 d 1 h"),
        (timedelta(days=2), "2 d"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.01, "about 1 s"),
        (8.6, "about 9 s"),
        (9.8, "about 10 s"),
        (22, "about 20 s"),
        (58, "about 1 min"),
        (100, "about 2 min"),
        (575, "about 10 min"),
        (1_300, "about 20 min"),
        (3_500, "about 1 h"),
        (100_000, "about 1 d"),
        (10**7, "about 116 d"),
    ],
)
def test_guesses_claim_no_more_than_they_know(seconds, text):
    assert about(seconds) == text


@pytest.mark.parametrize(
    ("place", "text"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (112, "112th"), (1_022, "1,022nd")],
)
def test_places(place, text):
    assert ordinal(place) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "just now"),
        (4.9, "just now"),
        (-3, "in a moment"),
        (5, "5 s ago"),
        (-90, "in 1 min"),
        (7_300, "2 h ago"),
    ],
)
def test_relative(seconds, text):
    assert relative(NOW - timedelta(seconds=seconds), NOW) == text


def test_a_moment_has_its_absolute_time():
    html = str(when(NOW))
    assert 'datetime="2026-03-01T12:00:00.000+00:00"' in html
    assert 'title="Sun, Mar 1, 2026, 12:00:00 UTC"' in html
    assert "data-since" in str(ticking(NOW))
    assert when(None) == ticking(None) == "–"


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (1, "1 byte"), (1023, "1023 bytes"), (1024, "1.0 KB"), (5 * 2**40, "5.0 TB")],
)
def test_sizes(count, text):
    assert size(count) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12345, "12,345"),
        (True, "True"),
        (2.50, "2.5"),
        (0.00001234, "1.234e-05"),
        (12345.678, "12,345.68"),
        (1234567.5, "1,234,567.5"),
        (12345678.0, "12,345,678"),
        (-0.0, "0"),
        (1e20, "1e+20"),
        (float("nan"), "nan"),
    ],
)
def test_numbers(value, text):
    assert number(value) == text


def test_plural():
    assert [plural(count, "worker") for count in (0, 1, 2_000)] == ["0 workers", "1 worker", "2,000 workers"]


def test_pages_and_what_is_put_into_them_say_the_server_s_time(client):
    earliest = int(utcnow().timestamp() * 1000)
    page = client.get("/tasks")
    said = re.search(r'name="server-time" content="(\d+)"', page.text)
    piece = client.get("/tasks/counts", headers={"HX-Request": "true"})
    assert said and earliest <= int(said[1]) <= int(piece.headers["X-Server-Time"])
    assert "X-Server-Time" not in page.headers
