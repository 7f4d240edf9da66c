"""Places at which a test may make this process fail: off unless `DTQ_FAILPOINTS` names them.

    DTQ_FAILPOINTS="claimed=kill@2,ran=hang:30,ended=away" python -m workers

Each is ``name=action``, and ``@n`` makes it the n-th time. What there is: ``kill`` (SIGKILL to this
process), ``away`` (MongoDB's answer is lost), ``readonly`` (MongoDB refuses), ``hang:SECONDS``. It happens
once in each process. With `DTQ_FAILPOINTS_FOLDER` it happens once for each token, whichever process meets
it first: a file ``<folder>/<name>/<detail>``, or ``once`` for any detail, which is removed when it happens;
``<folder>/fired`` says what happened and when. So a test can arm a place again while everything runs on.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pymongo.errors import AutoReconnect, NotPrimaryError

from config import SettingsError

POINTS = {
    "inserting": "a task is about to be inserted; nothing is durable yet",
    "inserted": "a task is durable; nobody was told: neither its submitter nor a worker",
    "pushed": "hints are in Redis and not yet marked in MongoDB",
    "popped": "a worker's child has taken a message and not yet claimed the task",
    "claimed": "a task is claimed in MongoDB; the child and its supervisor do not know yet",
    "ran": "a task's function has returned; nothing of its outcome is written",
    "ended": "an attempt's end is in MongoDB; its child does not know yet",
    "staged": "scheduled tasks (if any: True or False) are queued and not yet pushed",
    "rescued": "one task of a dead worker was taken up; the others of the batch were not",
    "bulk_planned": "which tasks a bulk operation takes next is saved; none of them is changed",
    "bulk_applied": "a bulk operation has changed some tasks; how many is not saved",
    "bulk_cloned": "a bulk operation has created some tasks anew; the old ones do not have its mark",
    "bulk_recorded": "the end of a bulk operation is in the audit; the operation does not say so yet",
    "notice_expanded": "deliveries of a task's end are durable; the task does not say so yet",
    "delivering": "a delivery is taken; nothing is sent yet",
    "delivered": "a receiver has answered; the delivery does not say so yet",
    "batch_part": "a part of the rows of a batch is stored; the batch is still open",
    "batch_whole": "all rows of a batch are stored; none of its tasks is inserted",
    "batch_inserted": "a part of the tasks of a batch is inserted; no worker was told",
    "exporting": "a batch of documents is in the file of an export; the file is not whole",
    "importing": "a batch of documents is inserted; the import has not noted it",
    "migrating": "a batch of documents is migrated; the migration has not noted it",
    "migrated": "all documents are migrated; the database does not have its new version yet",
    "imported": "all documents are imported and compared; indexes, notes and hints are still to come",
}
ACTIONS = ("kill", "away", "readonly", "hang")
VARIABLE, FOLDER = "DTQ_FAILPOINTS", "DTQ_FAILPOINTS_FOLDER"


@dataclass
class Point:
    """What is to happen at a place, and how often it is to be passed before."""

    action: str
    seconds: float
    nth: int
    passed: int = 0


@dataclass(frozen=True)
class Armed:
    """The places that are armed in this process, and where their tokens are."""

    points: dict[str, Point]
    folder: Path | None


_armed: Armed | None = None


def reach(name: str, detail: object = "") -> None:
    """Pass a place: nothing happens unless it is armed."""
    if _armed is not None:
        _pass(_armed, name, str(detail))


def arm(env: Mapping[str, str]) -> None:
    """Arm what the environment names. Raises SettingsError for what there is not, and in production."""
    global _armed
    given = env.get(VARIABLE)
    if not given:
        return
    if env.get("ENVIRONMENT", "production") == "production":
        raise SettingsError(
            [f"{VARIABLE} makes this process fail on purpose. Unset it, or ENVIRONMENT=local."]
        )
    folder = env.get(FOLDER)
    points = dict(_parsed(point.strip()) for point in given.split(","))
    _armed = Armed(points, Path(folder) if folder else None)


def _parsed(text: str) -> tuple[str, Point]:
    name, _, rest = text.partition("=")
    does, _, nth = rest.partition("@")
    action, _, seconds = does.partition(":")
    try:
        point = Point(action, float(seconds or 0), int(nth or 1))
    except ValueError:
        point = Point("", 0, 1)
    if name not in POINTS or point.action not in ACTIONS:
        known = f"one of {', '.join(POINTS)}, = and one of {', '.join(ACTIONS)}"
        raise SettingsError([f"{VARIABLE}: use {known}, such as claimed=kill@2."])
    return name, point


def _pass(armed: Armed, name: str, detail: str) -> None:
    point = armed.points.get(name)
    if point is None:
        return
    point.passed += 1
    if point.passed < point.nth or not _due(armed, name, detail, point):
        return
    if point.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif point.action == "away":
        raise AutoReconnect("a fail-point: the answer was lost")
    elif point.action == "readonly":
        raise NotPrimaryError("a fail-point: not writable")
    time.sleep(point.seconds)


def _due(armed: Armed, name: str, detail: str, point: Point) -> bool:
    if armed.folder is None:
        return point.passed == point.nth
    if not any(_removed(armed.folder / name / token) for token in (detail or "once", "once")):
        return False
    point.passed = 0
    line = f"{time.time():.3f} {name} {os.getpid()} {detail}\n".encode()
    fired = os.open(armed.folder / "fired", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(fired, line)
    os.close(fired)
    return True


def _removed(token: Path) -> bool:
    """Whether it was we who removed it: of several processes, one does."""
    try:
        token.unlink()
    except FileNotFoundError:
        return False
    return True
