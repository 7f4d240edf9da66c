"""A world of one task for the model check: the real core over a store and a queue small enough to copy.

Every write to the task is judged as it happens, by the document and not by the guards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from app.core.queue.dispatcher import Dispatcher
from app.core.secrets.vault import Vault
from app.core.tasks.states import ENDED, TRANSITIONS, Status
from app.core.tasks.store import Tasks
from app.core.tasks.task import NewTask, Task

Document = dict[str, Any]
Saved = tuple[Any, ...]
WORKERS = ("w1", "w2")
MAX_LOSSES = 2
FINAL = {status.value for status in ENDED}
LEGAL = {(source, row.leads_to(source)) for row in TRANSITIONS.values() for source in row.sources}


class Broken(AssertionError):
    """An invariant does not hold."""


class Store:
    """The tasks collection with one document and the few operators that `app.core.tasks.store` uses.

    A mutant is a store whose guards lack the field ``without``.
    """

    def __init__(self, judge: Callable[[Document, Document], None], without: str) -> None:
        self.task: Document = {}
        self.meanwhile: Callable[[], None] | None = None
        self._judge, self._without = judge, without

    def find_one(self, query: Document, projection: Document | None = None) -> Document | None:
        return dict(self.task) if self._matches(query) else None

    def insert_one(self, document: Document) -> None:
        self.task = document

    def update_one(self, query: Document, update: Document) -> SimpleNamespace:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()
        matched = self._matches(query)
        if matched:
            before, self.task = self.task, dict(self.task)
            for name, value in update.get("$set", {}).items():
                self.task[name] = value
            for name in update.get("$unset", {}):
                self.task.pop(name, None)
            self._judge(before, self.task)
        return SimpleNamespace(matched_count=int(matched))

    def _matches(self, query: Document) -> bool:
        return all(self._holds(*each) for each in query.items() if _guard(*each) != self._without)

    def _holds(self, name: str, wanted: Any) -> bool:
        found: Any = self.task
        for part in name.split("."):
            found = found.get(part) if found else None
        if not isinstance(wanted, dict):
            return bool(found == wanted)
        return found in wanted["$in"] if "$in" in wanted else found != wanted["$ne"]


def _guard(name: str, wanted: Any) -> str:
    """What a mutant calls a guard: its field, and whether it asks for something other than a value."""
    return f"{name} $ne" if isinstance(wanted, dict) and "$ne" in wanted else name


class Messages:
    """The queue as a bag: hints are taken in any order, so every delay is among the interleavings."""

    def __init__(self) -> None:
        self.waiting: tuple[str, ...] = ()

    def push(self, tasks: Sequence[Task]) -> None:
        self.waiting = tuple(sorted([*self.waiting, *(task.job_id for task in tasks)]))

    def drop(self, job_id: str) -> None:
        place = self.waiting.index(job_id)
        self.waiting = self.waiting[:place] + self.waiting[place + 1 :]

    def remove(self, tasks: Sequence[Task]) -> None:
        """Taking a hint back may come too late; that is the worse case, so here it always does."""


class World:
    """The task, its messages, what each worker holds, and outcomes that are still on their way.

    ``acting`` is on whose authority the next write is made: the task as its caller saw it, the dispatch
    that a message names, or the name of a user's action.
    """

    def __init__(self, without: str = "") -> None:
        self.store, self.queue = Store(self._judge, without), Messages()
        tasks: Any = SimpleNamespace(tasks=self.store, batches=None)
        self.tasks = Tasks(tasks, timedelta(days=30))
        rest: Any = None
        queue: Any = self.queue
        self.dispatch = Dispatcher(self.tasks, queue, rest, rest, rest, Vault(()), MAX_LOSSES)
        self.rescuing = False
        self.held: dict[str, Task] = {}
        self.late: tuple[Task, ...] = ()
        self.acting: Task | int | str = ""
        first, _ = self.tasks.insert(NewTask("count", {}, "Count", max_attempts=2))
        self._read = self.store.task, first

    @property
    def task(self) -> Task:
        if self._read[0] is not self.store.task:
            self._read = self.store.task, Task.from_document(self.store.task)
        return self._read[1]

    def save(self) -> Saved:
        return self.store.task, self.queue.waiting, dict(self.held), self.late

    def load(self, saved: Saved) -> None:
        self.store.meanwhile = None
        self.store.task, self.queue.waiting, held, self.late = saved
        self.held = dict(held)

    def key(self) -> Saved:
        """What decides how a state can go on: not its times or its history, nor which worker is which."""
        task, workers = self.task, []
        for worker in WORKERS:
            held = [self.held[worker]] if worker in self.held else []
            late = sorted(_claim(each) for each in self.late if each.worker == worker)
            workers.append((task.worker == worker, [_claim(each) for each in held], late))
        return (
            (task.status.value, task.hint, bool(task.cancel), bool(task.waited), *_claim(task)),
            self.queue.waiting,
            str(sorted(workers)),
        )

    def _judge(self, before: Document, after: Document) -> None:
        was, now = Status(before["status"]), Status(after["status"])
        moved = was is not now or now is Status.RUNNING
        _require((was, now) in LEGAL or not moved, f"{was.value} to {now.value} is not in the table")
        _require(
            was not in ENDED or self.acting in ("retry", "undo"), "an end was left without a user's retry"
        )
        _require(after["attempt"] <= after["max_attempts"], "more attempts than allowed")
        _require(now is not Status.CANCELED or "cancel" in after, "canceled, and nobody had asked for it")
        _require((now is Status.QUEUED) == ("hint" in after), "a hint without a queued task, or none")
        _require((now is Status.RUNNING) == ("lease" in after), "a lease without a running task, or none")
        if was is Status.QUEUED and now is Status.RUNNING:
            _require(before["dispatch"] == self.acting, "a stale message started the task")
            _require("cancel" not in before, "a canceled task was started")
        if isinstance(self.acting, Task) and was is not Status.QUEUED:
            current = (was, before["attempt"], before.get("lease", {}).get("worker"))
            mine = (Status.RUNNING, self.acting.attempt, self.acting.worker)
            _require(current == mine, "an outcome was accepted that is not of the current attempt")
            renewed = before.get("lease") != self.acting.lease
            _require(not (self.rescuing and renewed), "a renewed attempt was taken from its worker")
            self._judge_counts(before, after)

    def _judge_counts(self, before: Document, after: Document) -> None:
        """Only who saw a process die may count a crash; the loss of a worker costs no attempt and ends
        nothing before its own limit."""
        crashes, losses = (after.get(name, 0) - before.get(name, 0) for name in ("crashes", "losses"))
        _require(crashes in (0, 1) and losses in (0, 1), "one end was counted twice")
        _require(not (self.rescuing and crashes), "the loss of a worker was counted as a crash")
        _require(not losses or self.rescuing, "a worker was counted as lost that was there to say so")
        if self.rescuing and after["status"] != Status.CANCELED.value:
            lost_for_good = after["losses"] >= MAX_LOSSES
            failed = after["status"] == Status.FAILED.value
            _require(failed == lost_for_good, "not the limit of losses decided about a loss")
            more = after["max_attempts"] - before["max_attempts"]
            _require(failed or more == 1, "the loss of a worker used up an attempt")


def _claim(task: Task) -> tuple[int, ...]:
    return task.attempt, task.dispatch, task.max_attempts, task.crashes, task.losses


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Broken(otherwise)
