"""Each fault a few times; `python -m tests.chaos.faults --times 50` does them often and counts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.local.servers import LocalStores, stores
from tests.chaos.cases import CASES
from tests.chaos.faults import names, run

pytestmark = pytest.mark.chaos


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[LocalStores]:
    with stores(tmp_path / "stores") as started:
        yield started


@pytest.mark.parametrize("seed", [1])
@pytest.mark.parametrize("name", names())
def test_a_fault_is_survived(servers: LocalStores, tmp_path: Path, name: str, seed: int) -> None:
    rounds = run(CASES[name], servers, tmp_path / "rig", 3, seed)

    assert [each.why for each in rounds if not each.ok] == []
