"""The clock of the database, as a process knows it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

from app.core import clock

synchronise = clock.synchronise


@pytest.fixture(autouse=True)
def no_offset(monkeypatch):
    monkeypatch.setattr(clock, "_offset", timedelta(0))


def database_that_says(moment):
    """What `synchronise` asks of a database."""
    answers = {"hello": lambda: {"localTime": moment()} if moment else {}}
    admin = SimpleNamespace(command=lambda name: answers[name]())
    return SimpleNamespace(client=SimpleNamespace(admin=admin))


def off_by(aware=True, **by):
    def now():
        theirs = datetime.now(timezone.utc) + timedelta(**by)
        return theirs if aware else theirs.replace(tzinfo=None)

    return database_that_says(now)


def test_now_is_aware_utc_in_whole_milliseconds():
    now = clock.utcnow()
    assert now.utcoffset() == timedelta(0)
    assert now.microsecond % 1000 == 0
    assert abs(now - datetime.now(timezone.utc)) < timedelta(seconds=5)


@pytest.mark.parametrize("hours", [1, -1])
@pytest.mark.parametrize("aware", [True, False])
def test_a_host_that_is_an_hour_off_writes_the_databases_time(hours, aware):
    found = synchronise(off_by(aware, hours=hours))
    assert abs(found - timedelta(hours=hours)) < timedelta(seconds=1)
    expected = datetime.now(timezone.utc) + timedelta(hours=hours)
    assert abs(clock.utcnow() - expected) < timedelta(seconds=1)


def test_what_is_within_the_measurement_counts_as_nothing():
    assert synchronise(off_by(milliseconds=20)) == timedelta(0)


def test_a_new_measurement_replaces_the_old_one():
    synchronise(off_by(hours=1))
    assert synchronise(off_by()) == timedelta(0)


def test_a_database_that_does_not_say_changes_nothing():
    synchronise(off_by(hours=1))
    assert synchronise(database_that_says(None)) > timedelta(minutes=59)
