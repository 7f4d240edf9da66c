"""A short kill storm on the servers that `make up` embeds; `tests.chaos.storm full` is the long one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.local.servers import stores
from tests.chaos import control
from tests.chaos.plan import PRESETS
from tests.chaos.storm import weather

pytestmark = [pytest.mark.real, pytest.mark.long]

SHORT = PRESETS["short"]
RECOVERY_S = 300.0
"""The bound is 60 s, and the program holds it; here other tests may run at the same time."""


def test_nothing_is_lost_stuck_or_doubled_in_a_storm(tmp_path: Path) -> None:
    with stores(tmp_path / "stores", mongo="wheel") as servers:
        verdict, struck = weather(SHORT, 1, servers, tmp_path / "rig", RECOVERY_S)

    assert {kind: found for kind, found in verdict.violations.items() if found} == {}
    assert verdict.acknowledged == SHORT.tasks
    assert sum(struck.values()) == SHORT.faults


def test_plain_rq_loses_tasks_in_the_same_storm(tmp_path: Path) -> None:
    shorter = replace(SHORT, tasks=360, seconds=30)
    loss = control.weather(shorter, 1, tmp_path)

    assert loss.acknowledged == shorter.tasks
    assert loss.lost > 0
