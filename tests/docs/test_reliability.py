"""docs/explanation/reliability.md names what there is: every fail-point, and commands that exist."""

from __future__ import annotations

import importlib
import re

from app.core.failpoints import POINTS
from tests.docs.documents import ROOT, rows

TEXT = (ROOT / "docs" / "explanation" / "reliability.md").read_text(encoding="utf-8")


def test_every_fail_point_stands_there() -> None:
    table = rows(TEXT.split("<!-- points -->")[1].split("<!-- /points -->")[0])

    assert dict(table) == POINTS


def test_the_commands_and_marks_are_there() -> None:
    named = set(re.findall(r"-m (tests\.chaos\.\w+)", TEXT))

    assert named == {"tests.chaos.faults", "tests.chaos.storm", "tests.chaos.cuts"}
    for module in named:
        assert hasattr(importlib.import_module(module), "main")
    for mark in ("faults rust", "storm rust", "storm wheel", "cuts"):
        assert TEXT.count(f"<!-- {mark} -->") == TEXT.count(f"<!-- end {mark} -->") == 1
