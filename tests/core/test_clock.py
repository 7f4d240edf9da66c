"""The clock of the database, as a process knows it, whatever is done to the clock of its host."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core import clock
from app.core.clock import Reading, judged, synchronise
from tests.plugins.examples import examples

TRUTH = datetime(2026, 11, 26, 12, tzinfo=timezone.utc)


class Host:
    """A host and a database, each with a clock that somebody may set, in real seconds that nobody can.

    The steady clock of the host is fast by ``drift``; a question takes ``there`` and its answer ``back``.
    """

    def __init__(self):
        self.now = self.drift = self.wall = self.theirs = 0.0
        self.there = self.back = 0.001
        self.tells, self.aware = True, True
        self.client = SimpleNamespace(admin=self)

    def steady(self):
        return 5_000.0 + self.now * (1 + self.drift)

    def wall_clock(self):
        return TRUTH + timedelta(seconds=self.now + self.wall)

    def database_time(self):
        return TRUTH + timedelta(seconds=self.now + self.theirs)

    def command(self, name):
        assert name == "hello"
        self.now += self.there
        told = self.database_time()
        self.now += self.back
        told = told.replace(microsecond=told.microsecond // 1000 * 1000)
        return {"localTime": told if self.aware else told.replace(tzinfo=None)} if self.tells else {}

    def wrong_by(self):
        """How far this process is from the database, in seconds."""
        return abs((clock.utcnow() - self.database_time()).total_seconds())


@pytest.fixture
def host(monkeypatch):
    made = Host()
    monkeypatch.setattr(clock, "_reading", None)
    monkeypatch.setattr(clock, "steady", made.steady)
    monkeypatch.setattr(clock, "_wall", made.wall_clock)
    return made


def test_now_is_aware_utc_in_whole_milliseconds():
    now = clock.utcnow()
    assert now.utcoffset() == timedelta(0)
    assert now.microsecond % 1000 == 0
    assert abs(now - datetime.now(timezone.utc)) < timedelta(seconds=5)


def test_seconds_go_on_and_nobody_sets_them():
    first = clock.steady()
    assert 0 <= clock.steady() - first < 5


@pytest.mark.parametrize("hours", [1, -1])
@pytest.mark.parametrize("aware", [True, False])
def test_a_host_that_is_an_hour_off_writes_the_databases_time(hours, aware, host, caplog):
    host.wall, host.aware = hours * 3600.0, aware
    assert synchronise(host) == timedelta(0)
    assert host.wrong_by() < 0.005
    assert f"off by {hours * 3600:+.1f} s" in caplog.text


@pytest.mark.parametrize("hours", [1, -1])
def test_a_step_of_the_hosts_own_clock_is_none(hours, host, caplog):
    synchronise(host)
    host.wall = hours * 3600.0
    assert host.wrong_by() < 0.005
    host.now += 20
    assert (synchronise(host), host.wrong_by() < 0.005) == (timedelta(0), True)
    assert caplog.text == ""


@pytest.mark.parametrize("hours", [1, -1])
def test_a_step_of_the_databases_clock_is_told_and_followed(hours, host, caplog):
    synchronise(host)
    host.now += 30
    host.theirs = hours * 3600.0
    assert abs(synchronise(host) - timedelta(hours=hours)) < timedelta(seconds=1)
    assert host.wrong_by() < 0.005
    assert "was set by" in caplog.text
    assert synchronise(host) == timedelta(0)


def test_a_slow_answer_spoils_no_good_reading(host):
    synchronise(host)
    host.now += 10
    host.there, host.back = 0.0, 8.0
    assert synchronise(host) == timedelta(0)
    assert host.wrong_by() < 0.03


def test_before_the_first_contact_there_is_only_the_hosts(host):
    host.wall = 3600.0
    assert not clock.known()
    assert abs(host.wrong_by() - 3600) < 1
    clock.require(host)
    assert clock.known() and host.wrong_by() < 0.005


def test_it_is_required_once(host):
    clock.require(host)
    asked = host.now
    clock.require(host)
    assert host.now == asked


def test_a_database_that_does_not_say_changes_nothing(host, caplog, monkeypatch):
    host.tells = False
    monkeypatch.setattr(clock, "_told_of_none", False)
    for _ in range(3):
        clock.require(host)
    assert not clock.known() and caplog.text.count("time of this host is used") == 1
    host.tells = True
    synchronise(host)
    host.tells = False
    host.wall = 3600.0
    assert synchronise(host) == timedelta(0)
    assert host.wrong_by() < 0.005


def test_of_two_readings_that_agree_the_better_one_stays():
    good, bad = Reading(TRUTH, 100.0, 0.001), Reading(TRUTH + timedelta(seconds=10.3), 110.0, 0.5)
    assert judged(good, bad) == (good, timedelta(0))
    assert judged(bad, Reading(TRUTH + timedelta(seconds=11), 111.0, 0.001))[0].error_s == 0.001


EVENTS = st.one_of(
    st.tuples(st.just("wait"), st.floats(0, 600)),
    st.tuples(st.just("wall"), st.floats(-90_000, 90_000)),
    st.tuples(st.just("measure"), st.floats(0, 5)),
)


@settings(max_examples=examples(200), suppress_health_check=list(HealthCheck))
@given(events=st.lists(EVENTS, max_size=20), drift=st.floats(-0.0009, 0.0009), share=st.floats(0, 1))
def test_the_time_is_within_its_bound_whatever_happens_to_the_host(events, drift, share, host):
    """And no step is seen where there is none, however the way there and back share a round trip."""
    clock._reading, host.now, host.drift, host.wall = None, 0.0, drift, 0.0
    synchronise(host)
    for what, much in events:
        if what == "wait":
            host.now += much
        elif what == "wall":
            host.wall = much
        else:
            host.there, host.back = much * share, much * (1 - share)
            assert synchronise(host) == timedelta(0)
        assert clock._reading is not None
        assert host.wrong_by() <= clock._reading.error_at(host.steady()) + 0.001


@settings(max_examples=examples(200), suppress_health_check=list(HealthCheck))
@given(step=st.floats(2, 1e6), back=st.booleans(), waits=st.floats(0, 600), trip=st.floats(0, 0.5))
def test_every_step_of_the_database_is_seen_and_followed(step, back, waits, trip, host):
    clock._reading, host.now, host.theirs = None, 0.0, 0.0
    host.there = host.back = trip
    synchronise(host)
    host.now += waits
    host.theirs = -step if back else step
    moved = synchronise(host)
    assert abs(moved.total_seconds() - host.theirs) < 1.5
    assert host.wrong_by() < 0.5 + trip
