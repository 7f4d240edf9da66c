"""`make up` killed whole, twice; `tests.chaos.cuts` does it as often as it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.cuts import Cuts

pytestmark = [pytest.mark.real, pytest.mark.chaos]


def test_nothing_is_lost_doubled_or_left_over(tmp_path: Path) -> None:
    cuts = Cuts(tmp_path, seed=1, rate=10)

    verdict = cuts.run(times=2)

    assert {kind: found for kind, found in verdict.violations.items() if found} == {}
    assert verdict.acknowledged > 20
    assert cuts.left == []
