"""The states of a task: one table from which guards, buttons and documentation come.

Nothing here touches a database; `store` applies these transitions, each as a compare-and-set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Any


class Status(str, Enum):
    """What a task is doing. The value is what MongoDB holds and what a query string says."""

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def label(self) -> str:
        """The word a person reads."""
        return "Waiting" if self is Status.QUEUED else self.value.capitalize()

    @property
    def ended(self) -> bool:
        return self in ENDED


ENDED = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELED})
WAITING = frozenset({Status.QUEUED, Status.SCHEDULED})


class Ending(str, Enum):
    """How an attempt ended, as the history of its task has it; the value is what MongoDB holds.

    Failures have the kind of their error. Who saw the end decides: a supervisor whose child died says
    ``crash``; where nobody renewed the lease, the worker is gone with whatever it ran on.
    """

    SUCCEEDED = "succeeded"
    CANCELED = "canceled"
    ERROR = "error"
    FAILED = "failed"
    RETRY = "retry"
    EXIT = "exit"
    PARAMS = "params"
    RESULT = "result"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    CRASH = "crash"
    WORKER_LOST = "worker_lost"
    HANDED_BACK = "handed_back"
    INTERRUPTED = "lost"
    """What earlier versions wrote for each of the last three."""
    STRAY_CANCEL = "stray_cancel"
    """Canceled, though nobody had asked: the signal was meant for the attempt before."""

    @classmethod
    def of(cls, stored: object) -> Ending:
        """Read what is stored; whatever else may stand there is a failure."""
        return next((ending for ending in cls if ending.value == stored), cls.ERROR)

    @classmethod
    def of_attempt(cls, past: Mapping[str, Any]) -> Ending:
        """Read an entry of a history; before stray cancels had a code, only their message told them apart."""
        ending = cls.of(past.get("outcome"))
        released = ending in (cls.HANDED_BACK, cls.INTERRUPTED)
        return cls.STRAY_CANCEL if released and past.get("message") == _STRAY_CANCEL_BEFORE else ending

    @property
    def label(self) -> str:
        """The words a person reads."""
        return _ENDING_LABELS.get(self, "Failed")

    @property
    def status(self) -> Status:
        """The status whose color it has: no fault of the task is no failure."""
        if self in (Ending.WORKER_LOST, Ending.HANDED_BACK, Ending.INTERRUPTED, Ending.STRAY_CANCEL):
            return Status.CANCELED
        return Status(self.value) if self in (Ending.SUCCEEDED, Ending.CANCELED) else Status.FAILED


_ENDING_LABELS = {
    Ending.SUCCEEDED: "Succeeded",
    Ending.CANCELED: "Canceled",
    Ending.TIMEOUT: "Timed out",
    Ending.MEMORY: "Out of memory",
    Ending.CRASH: "Process died",
    Ending.WORKER_LOST: "Requeued (worker lost)",
    Ending.HANDED_BACK: "Released (worker stopped)",
    Ending.INTERRUPTED: "Interrupted",
    Ending.STRAY_CANCEL: "Requeued (stray cancel signal)",
}
_STRAY_CANCEL_BEFORE = "It was interrupted as if canceled, which nobody had asked for; it begins anew."


class Priority(IntEnum):
    """The queue of a task; a smaller number is taken first. Each queue is the RQ queue of its name."""

    HIGH = 0
    MEDIUM = 1
    LOW = 2

    @property
    def word(self) -> str:
        """`high`, `medium` or `low`: what people, queues and query strings say."""
        return self.name.lower()

    @property
    def label(self) -> str:
        return self.name.capitalize()

    @classmethod
    def from_word(cls, word: str) -> Priority:
        """Return the priority of a word. Raises ValueError for anything but the three."""
        for priority in cls:
            if priority.word == word:
                return priority
        raise ValueError(f"{word!r} is not a priority; expected high, medium or low")


@dataclass(frozen=True)
class Transition:
    """One row of the table: who may move a task from which states to which; None: it stays in its own."""

    name: str
    sources: frozenset[Status]
    target: Status | None
    who: str

    def leads_to(self, source: Status) -> Status:
        """The state after it, of a task that was in ``source``."""
        return self.target or source


def _row(name: str, sources: set[Status], target: Status | None, who: str) -> Transition:
    return Transition(name, frozenset(sources), target, who)


TRANSITIONS = {
    row.name: row
    for row in (
        _row("dispatch", {Status.QUEUED}, Status.QUEUED, "web or maintenance"),
        _row("reprioritize", {Status.QUEUED, Status.SCHEDULED}, None, "user"),
        _row("defer", {Status.QUEUED}, Status.SCHEDULED, "worker"),
        _row("claim", {Status.QUEUED}, Status.RUNNING, "worker"),
        _row("renew", {Status.RUNNING}, Status.RUNNING, "supervisor"),
        _row("succeed", {Status.RUNNING}, Status.SUCCEEDED, "worker"),
        _row("fail", {Status.RUNNING}, Status.FAILED, "worker or rescue"),
        _row("reschedule", {Status.RUNNING}, Status.SCHEDULED, "worker or rescue"),
        _row("release", {Status.RUNNING}, Status.QUEUED, "worker or supervisor"),
        _row("stage", {Status.SCHEDULED}, Status.QUEUED, "maintenance"),
        _row("cancel", {Status.QUEUED, Status.SCHEDULED}, Status.CANCELED, "user"),
        _row("cancel_running", {Status.RUNNING}, Status.CANCELED, "supervisor"),
        _row("undo_cancel", {Status.CANCELED}, Status.QUEUED, "user"),
        _row("undo_cancel_scheduled", {Status.CANCELED}, Status.SCHEDULED, "user"),
        _row("retry", {Status.FAILED, Status.CANCELED}, Status.QUEUED, "user"),
    )
}


class Action(str, Enum):
    """What a person may do to a task; pages show a button for each that is allowed."""

    CANCEL = "cancel"
    RETRY = "retry"
    REPRIORITIZE = "reprioritize"
    CLONE = "clone"
    DELETE = "delete"
    TAG = "tag"
    UNTAG = "untag"


ALWAYS = frozenset({Action.CLONE, Action.TAG, Action.UNTAG})
"""What may be done in every state."""
ACTIONS: dict[Status, frozenset[Action]] = {
    Status.SCHEDULED: ALWAYS | {Action.CANCEL, Action.REPRIORITIZE},
    Status.QUEUED: ALWAYS | {Action.CANCEL, Action.REPRIORITIZE},
    Status.RUNNING: ALWAYS | {Action.CANCEL},
    Status.SUCCEEDED: ALWAYS | {Action.DELETE},
    Status.FAILED: ALWAYS | {Action.RETRY, Action.DELETE},
    Status.CANCELED: ALWAYS | {Action.RETRY, Action.DELETE},
}


def legal(action: Action) -> frozenset[Status]:
    """The states in which a person may do this to a task."""
    return frozenset(status for status, actions in ACTIONS.items() if action in actions)


def sources(transition: str) -> dict[str, list[str]]:
    """The part of a guard that names the states a transition may come from."""
    return {"$in": sorted(status.value for status in TRANSITIONS[transition].sources)}
