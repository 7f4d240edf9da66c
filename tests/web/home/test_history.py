"""The charts of Home, and their numbers as a table."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from app.core.catalog import WorkerInfo
from app.core.people.roles import Role
from app.core.statistics.minutes import TEN_MINUTES, floor, key_of
from app.core.tasks.states import Status
from app.web.home.charts import charts
from tests.core.conftest import clock
from tests.web.looking import fail, succeed, text_of

__all__ = ["clock"]


@pytest.fixture
def history(clock, services, new_task):
    """An hour in which something ended, failed, ran and waited."""
    clock.now = floor(clock.now, TEN_MINUTES) + timedelta(seconds=5)
    for _ in range(3):
        succeed(services, new_task())
    fail(services, new_task())
    new_task()
    clock.advance(seconds=11)
    services.catalog.report(WorkerInfo("w1", "host", 1, "0.1.0", clock.now, clock.now))
    services.minutes.look()
    clock.advance(seconds=90)
    for _ in range(3):
        services.minutes.count()
    return floor(clock.now, TEN_MINUTES)


def test_without_samples_it_says_how_they_come(alice):
    assert "While a worker is online, figures are recorded once per minute." in alice.read("/")


def test_charts_are_drawn_without_a_script(alice, history):
    html = alice.open("/")
    assert html.count('role="img"') == 6 and "uplot" not in html
    assert re.search(r'<polyline points="[\d.,e ]+"/>', html)
    assert "Finished tasks, per minute: Succeeded up to 3, Failed up to 1." in html
    assert "Failure rate up to 25 %." in html
    assert f"{history:%H:%M}–{history + timedelta(minutes=1):%H:%M} UTC: Succeeded 3, Failed 1" in html


def test_the_table_has_the_numbers_and_links_to_their_lists(alice, history):
    html = alice.open("/home/charts?period=1h")
    row = next(row for row in re.findall(r"<tr>.*?</tr>", html, re.DOTALL) if "<td>3</td>" in row)
    cells = [text_of(cell).strip() for cell in re.findall(r"<td>(.*?)</td>", row)]
    assert cells[:4] == ["3", "1", "0", "25 %"] and cells[6:] == ["0 %", "1", "11 s"]
    address = re.search(r'href="(/tasks\?[^"]+)"', row)[1].replace("&amp;", "&")
    for status, count in ((Status.SUCCEEDED, 3), (Status.FAILED, 1)):
        found = re.findall(r'href="/tasks/([0-9a-f]{24})', alice.open(f"{address}&status={status.value}"))
        assert len({*found}) == count


def test_those_who_do_not_see_every_task_get_no_links(signed_in_as, history):
    html = signed_in_as(Role.VIEWER).get("/home/charts").text
    assert "finished_from" not in html and "<td>3</td>" in html


@pytest.mark.parametrize("period", ["24h", "7d"])
def test_longer_periods(alice, clock, services, history, period):
    clock.advance(minutes=10)
    services.minutes.count()
    html = alice.open(f"/?period={period}")
    assert "Succeeded up to 3" in html
    assert f'href="/tasks?status=failed&amp;ended={period}&amp;sort=finished"' in html


def test_an_unknown_period_is_refused(alice):
    assert "Use one of these for “period”: 1h, 24h, 7d." in text_of(alice.open("/?period=2h", 400))


def test_gaps_stay_gaps_and_a_damaged_sample_breaks_nothing(services, clock, history, alice):
    services.db.minutes.update_one(
        {"_id": key_of(history - timedelta(minutes=20))}, {"$set": {"looks": {"0": {"waiting": 5}}}}
    )
    services.db.minutes.update_one(
        {"_id": key_of(history - timedelta(minutes=30))}, {"$set": {"ended": 1}}, upsert=True
    )
    [*_, waiting, _] = charts(services.series.points("1h"))
    assert len(waiting.lines[0].parts) == 2
    assert alice.open("/")
