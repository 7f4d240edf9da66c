"""Outages of some seconds under the whole program; `python -m bench.outages` makes them longer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench import rig
from bench.outages import Outage, suffer
from bench.rig import Rig
from tests.rig.person import Answer

pytestmark = pytest.mark.real

SECONDS = 6.0


@pytest.fixture(scope="module")
def running() -> Iterator[Rig]:
    with rig.running("auto", workers=2) as started:
        yield started


@pytest.mark.parametrize(("store", "way"), [("Redis", "hangs"), ("MongoDB", "gone"), ("both", "hangs")])
def test_everybody_is_told_in_time_and_nothing_is_lost(running: Rig, store: str, way: str) -> None:
    assert suffer(running, store, way, SECONDS).problems() == []


def test_what_must_not_be_is_a_problem() -> None:
    fine, slow = Answer(503, 1.0, "MongoDB did not answer"), Answer(503, 3.1, "MongoDB did not answer")

    def told(**values: object) -> list[str]:
        return Outage(
            **{"store": "both", "way": "gone", "seconds": 1.0, "pages": [fine], "forms": [fine], **values}
        ).problems()

    assert told() == []
    for wrong in (
        {"pages": []}, {"forms": [slow]}, {"pages": [Answer(500, 1.0, "did not answer")]},
        {"forms": [Answer(303, 1.0, "", f"/tasks/{'0' * 24}")]}, {"pages": [Answer(503, 1.0, "Sorry")]},
        {"missing": 1}, {"unended": 1}, {"rescued": 1}, {"same_workers": False}, {"home_s": 16.0},
        {"store": "Redis", "pages": [Answer(200, 1.0, "All is well")]},
    ):  # fmt: skip
        assert told(**wrong), wrong
