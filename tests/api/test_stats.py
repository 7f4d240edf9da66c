"""The figures of Home for programs."""

from __future__ import annotations

import pytest

from app.core.clock import utcnow
from app.core.services import Services
from app.core.statistics.minutes import MINUTE, floor, key_of
from tests.api.conftest import Program


def test_stats_are_those_of_home(program: Program, services: Services) -> None:
    at = floor(utcnow(), MINUTE) - 10 * MINUTE
    sample = {
        "ended": {"succeeded": 7, "failed": 2, "canceled": 0},
        "queue_times": {"39": 9},
        "looks": {"0": {"running": 1, "workers": 4, "waiting": 3, "oldest_s": 1.5}},
    }
    services.db.minutes.insert_one({"_id": key_of(at), **sample})
    answer = program.get("/stats")
    assert answer["period"] == "1h" and len(answer["points"]) == 60
    [known] = [point for point in answer["points"] if point["succeeded"] is not None]
    assert known.pop("start") == at.isoformat().replace("+00:00", "Z")
    assert known.pop("end") == (at + MINUTE).isoformat().replace("+00:00", "Z")
    assert known.pop("queue_time_p50_s") == known.pop("queue_time_p95_s") == pytest.approx(1.11, abs=0.02)
    known["failure_rate"] = round(known["failure_rate"], 3)
    assert known == {
        **{
            "succeeded": 7,
            "failed": 2,
            "canceled": 0,
            "failure_rate": 0.222,
            "utilization": 0.25,
            "waiting": 3,
        },
        "oldest_wait_s": 1.5,
    }


@pytest.mark.parametrize(("period", "points"), [("24h", 48), ("7d", 56)])
def test_longer_periods(program: Program, period: str, points: int) -> None:
    found = program.get(f"/stats?period={period}")["points"]
    assert len(found) == points


def test_another_period_is_refused(program: Program) -> None:
    assert "period" in program.get("/stats?period=2h", 400)["detail"]
