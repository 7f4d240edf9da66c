"""Fail-points: each stands in the code once, nothing is armed by itself, and never in production."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo.errors import AutoReconnect, NotPrimaryError

from app.core import failpoints
from app.core.failpoints import POINTS, arm, reach
from config import SettingsError

ROOT = Path(__file__).resolve().parents[2]
LOCAL = {"ENVIRONMENT": "local"}


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    assert failpoints._armed is None
    yield
    failpoints._armed = None


def test_each_point_stands_in_the_code_once_and_no_other_does() -> None:
    code = "".join(
        path.read_text(encoding="utf-8")
        for room in ("app", "workers")
        for path in (ROOT / room).rglob("*.py")
        if path.name != "failpoints.py"
    )

    assert sorted(re.findall(r"\breach\(\"(\w+)\"", code)) == sorted(POINTS)


def test_nothing_is_armed_by_default() -> None:
    arm(LOCAL)
    for name in POINTS:
        reach(name)
    assert failpoints._armed is None


def test_production_refuses_to_start_with_one() -> None:
    with pytest.raises(SettingsError, match="Unset it"):
        arm({"DTQ_FAILPOINTS": "claimed=kill"})


@pytest.mark.parametrize(
    "wrong", ["claimd=kill", "claimed=explode", "claimed", "claimed=kill@x", "ran=hang:x"]
)
def test_what_there_is_not_is_said(wrong: str) -> None:
    with pytest.raises(SettingsError, match="such as claimed=kill@2"):
        arm({**LOCAL, "DTQ_FAILPOINTS": wrong})


def test_it_happens_once_at_the_nth_time() -> None:
    arm({**LOCAL, "DTQ_FAILPOINTS": "claimed=away@2,inserting=readonly,ran=hang:0.1"})
    reach("claimed")
    with pytest.raises(AutoReconnect):
        reach("claimed")
    reach("claimed")
    with pytest.raises(NotPrimaryError):
        reach("inserting")
    began = time.monotonic()
    reach("ran")
    assert time.monotonic() - began >= 0.1


def test_with_a_folder_it_happens_once_for_each_token(tmp_path: Path) -> None:
    (tmp_path / "ended").mkdir()
    arm({**LOCAL, "DTQ_FAILPOINTS": "ended=away", "DTQ_FAILPOINTS_FOLDER": str(tmp_path)})
    reach("ended", "a")
    for token, detail in (("a", "a"), ("once", "b")):
        (tmp_path / "ended" / token).touch()
        with pytest.raises(AutoReconnect):
            reach("ended", detail)
        reach("ended", detail)
    assert [line.split()[1::2] for line in (tmp_path / "fired").read_text().splitlines()] == [
        ["ended", "a"],
        ["ended", "b"],
    ]
