"""What the page of a task shows, worked out from its document: plain values for the templates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import isfinite
from typing import Any

from app.core.catalog import TaskType
from app.core.clock import utcnow
from app.core.excerpts import settled, tail
from app.core.files.store import StoredFile
from app.core.params.fields import Field
from app.core.secrets.secret import masked
from app.core.tasks.states import WAITING, Ending, Status
from app.core.tasks.task import Task
from app.web.results.nodes import Node, label, node
from app.web.tasks.parameter_view import node_of

LOG_SHOWN = 200_000  # In characters.
NEAR_S, FAR_S = 2, 30
"""How often the page of a task that waits asks again, in seconds: seldom while its time is far away."""
FAR = timedelta(minutes=1)
FURTHEST_S = 10 * 365 * 86_400.0  # No guess goes further.


@dataclass(frozen=True)
class Step:
    """A box of the picture: ``state`` is done, now, next, or skipped; the last one names its outcome.

    ``at`` is when the task came there, ``took`` how long it stayed. ``counts``: the time since then matters.
    """

    name: str
    state: str
    at: datetime | None = None
    took: timedelta | None = None
    counts: bool = False
    outcome: str = ""


@dataclass(frozen=True)
class Progress:
    """How far a running attempt is; ``percent`` and ``left_s`` are None where they cannot be known."""

    done: float
    total: float | None
    message: str
    percent: float | None
    rate: float | None
    left_s: float | None


@dataclass(frozen=True)
class Attempt:
    """One attempt, ended or running."""

    number: int
    worker: str
    queued_at: datetime | None
    waited: timedelta | None
    ran: timedelta | None
    outcome: str
    status: Status
    message: str
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True)
class Parameter:
    """A parameter with its title; ``file`` where its value is the id of one.

    ``moment`` is the value of a date and time, ``link`` that of an address that a browser may open.
    ``default``: nobody chose another value. ``before`` is the value of the run that this one is a rerun of,
    where that differs.
    """

    title: str
    value: Node
    file: StoredFile | None = None
    moment: datetime | None = None
    link: str = ""
    default: bool = False
    before: Node | None = None

    @property
    def folded(self) -> bool:
        """Whether it says nothing about this run."""
        return self.default and self.before is None


@dataclass(frozen=True)
class Tab:
    """What the tab of a browser says of a task."""

    title: str
    icon: str


def tab(task: Task) -> Tab:
    """Return the title and the icon by which a task's state shows from another tab."""
    at = progress(task)
    share = f" {at.percent:.0f} %" if at and at.percent is not None else ""
    state = task.status.value if task.status in _ICONS else ""
    icon = f"platform/favicon-{state}.svg" if state else "platform/favicon.svg"
    return Tab(f"{task.status.label}{share} · {task.title}", icon)


_ICONS = frozenset({Status.RUNNING, Status.SUCCEEDED, Status.FAILED, Status.CANCELED})
_CHANGES = {
    Status.QUEUED: "The task is waiting.",
    Status.SCHEDULED: "The task is scheduled.",
    Status.RUNNING: "The task is running.",
    Status.SUCCEEDED: "The task succeeded.",
    Status.FAILED: "The task failed.",
    Status.CANCELED: "The task is canceled.",
}


def change(task: Task) -> str:
    """Return what is said of a task that has come into its status just now."""
    return _CHANGES[task.status]


def asks_every_s(task: Task) -> int:
    """Return how often its page asks again, in seconds."""
    if task.status is Status.RUNNING:
        return 1
    far = task.status is Status.SCHEDULED and task.run_at and task.run_at - utcnow() > FAR
    return FAR_S if far else NEAR_S


def steps(task: Task) -> list[Step]:
    """The path through the states, with the times of each box."""
    created = Step("Created", "done", at=task.created_at)
    ahead = [Step("Running", "next"), Step("Ended", "next")]
    if task.status is Status.SCHEDULED:
        return [created, Step("Scheduled", "now", at=task.run_at), *ahead]
    queued_at = task.queued_at or task.created_at
    if task.status is Status.QUEUED:
        return [created, Step("Waiting", "now", at=queued_at, counts=True), *ahead]
    ran = _ran(task)
    waited = _between(queued_at, task.started_at if ran else task.finished_at)
    waiting = Step("Waiting", "done", at=queued_at, took=waited, counts=True)
    if task.status is Status.RUNNING:
        return [created, waiting, Step("Running", "now", at=task.started_at, counts=True), ahead[1]]
    took = _between(task.started_at, task.finished_at)
    running = Step("Running", "done", at=task.started_at, took=took, counts=True)
    ended = Step(task.status.label, "now", at=task.finished_at, outcome=task.status.value)
    return [created, waiting, running if ran else Step("Running", "skipped"), ended]


def _ran(task: Task) -> bool:
    """Whether the way to this end went through an attempt; a task may be canceled while it waits."""
    if task.status is not Status.CANCELED:
        return True
    return bool(task.started_at and task.history and Ending.of_attempt(task.history[-1]) is Ending.CANCELED)


def _between(start: datetime | None, end: datetime | None) -> timedelta | None:
    return max(end - start, timedelta(0)) if start and end else None


def took(task: Task) -> timedelta | None:
    """How long the last attempt ran, or has run so far."""
    if task.status in WAITING or not _ran(task):
        return None
    return _between(task.started_at, task.finished_at or utcnow())


def queued_for(task: Task) -> timedelta | None:
    """How long the last attempt waited in its queue, or has waited so far."""
    if task.status is Status.SCHEDULED:
        return None
    return _between(task.queued_at, utcnow() if task.status is Status.QUEUED else task.started_at)


def worker_of(task: Task) -> str:
    """The worker of the last attempt; empty where there was none."""
    last = task.history[-1] if task.history else {}
    return task.worker or str(last.get("worker") or "")


def progress(task: Task) -> Progress | None:
    """The progress of a running attempt; the rate is the mean since its start, and so is the time left.

    None, too, where what is stored are no finite numbers: nothing that a task says may break a page.
    """
    said = task.progress
    if task.status is not Status.RUNNING or not isinstance(said, dict):
        return None
    done, total = said.get("done") or 0, said.get("total") or 0
    if not (_is_finite(done) and _is_finite(total)):
        return None
    at = said.get("at")
    seconds = (at - task.started_at).total_seconds() if task.started_at and isinstance(at, datetime) else 0
    rate = done / seconds if seconds > 0.5 and done > 0 else None
    left_s = max(0.0, (total - done) / rate) if total > 0 and rate else None
    return Progress(
        done=done,
        total=total if total > 0 else None,
        message=str(said.get("message") or ""),
        percent=min(100.0, max(0.0, 100 * (done / total))) if total > 0 else None,
        rate=rate,
        left_s=left_s if left_s is not None and left_s < FURTHEST_S else None,
    )


def _is_finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and isfinite(value)


def attempts(task: Task) -> list[Attempt]:
    """Every attempt that is known, the newest first."""
    ended = [_ended(past) for past in reversed(task.history or [])]
    return [_running(task), *ended] if task.status is Status.RUNNING else ended


def _ended(past: Mapping[str, Any]) -> Attempt:
    ending = Ending.of_attempt(past)
    return Attempt(
        number=past.get("attempt") or 0,
        worker=past.get("worker") or "",
        queued_at=past.get("queued_at"),
        waited=_between(past.get("queued_at"), past.get("started_at")),
        ran=_between(past.get("started_at"), past.get("finished_at")),
        outcome=ending.label,
        status=ending.status,
        message=past.get("message") or "",
        started_at=past.get("started_at"),
        finished_at=past.get("finished_at"),
    )


def _running(task: Task) -> Attempt:
    return Attempt(
        number=task.attempt,
        worker=task.worker or "",
        queued_at=task.queued_at,
        waited=_between(task.queued_at, task.started_at),
        ran=None,
        outcome=Status.RUNNING.label,
        status=Status.RUNNING,
        message="",
        started_at=task.started_at,
        finished_at=None,
    )


def parameters(
    task: Task, kind: TaskType | None, files: Mapping[str, StoredFile], parent: Task | None = None
) -> list[Parameter]:
    """The parameters in the order of the form, with the titles of their type where it is known.

    Each is held against its default, and against that of ``parent`` where this is a rerun of it.
    """
    known = {each.name: each for each in kind.fields} if kind else {}
    order = [
        *(name for name in known if name in task.params),
        *(name for name in task.params if name not in known),
    ]
    shown, before = masked(task.params), masked(parent.params) if parent else {}
    found = []
    for name in order:
        field, value = known.get(name), shown[name]
        one = _parameter(name, field, value, files)
        default = field is not None and not field.required and value == field.default
        differs = parent is not None and before.get(name) != value
        was = _parameter(name, field, before.get(name), files).value if differs else None
        found.append(replace(one, default=default, before=was))
    return found


def _parameter(name: str, field: Field | None, value: Any, files: Mapping[str, StoredFile]) -> Parameter:
    file = files.get(value) if isinstance(value, str) else None
    if field is None:
        return Parameter(label(name), node(value, 1), file)
    return Parameter(
        field.title,
        node_of(field, value, files),
        file,
        moment=field.kind.instant(value),
        link=field.kind.link(value),
    )


@dataclass(frozen=True)
class ShownLog:
    """The end of a log: ``left_out`` counts characters, ``overwritten`` says that lines were written over."""

    text: str = ""
    left_out: int = 0
    overwritten: bool = False


def shown_log(text: str) -> ShownLog:
    """The end of a log, its progress bars as they were last."""
    once = settled(text)
    end, missing = tail(once, LOG_SHOWN)
    return ShownLog(end, missing, overwritten=len(once) < len(text))
