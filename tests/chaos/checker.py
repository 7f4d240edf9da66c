"""What must hold after a storm: acknowledged ids, the ledger of effects and the documents reconcile exactly.

Pure: it is given what was seen and says what was violated, so that its own tests can show that it would.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.chaos.effects import Effect

ENDED = frozenset({"succeeded", "failed", "canceled"})
RECOVERY_S = 60.0


@dataclass(frozen=True)
class Ack:
    """A client was told that its wish (``number``) is this task."""

    number: int
    task: str


@dataclass(frozen=True)
class Document:
    """A task as MongoDB has it at the end; times in seconds since 1970."""

    task: str
    number: int
    status: str
    attempt: int
    finished_at: float | None = None


@dataclass
class Seen:
    """Everything that was seen of a storm. ``finals``: the first final state of a task that was read."""

    acks: Sequence[Ack] = ()
    effects: Sequence[Effect] = ()
    documents: Sequence[Document] = ()
    finals: dict[str, tuple[str, float | None]] = field(default_factory=dict)
    faults: int = 0
    last_fault: float = 0.0


@dataclass(frozen=True)
class Verdict:
    """Counts of what happened, and a sentence for each kind of violation."""

    acknowledged: int
    documents: int
    statuses: dict[str, int]
    extra_runs: int
    last_end_s: float
    violations: dict[str, list[str]]

    @property
    def ok(self) -> bool:
        return not any(self.violations.values())


def check(seen: Seen, recovery_s: float = RECOVERY_S) -> Verdict:
    """Reconcile. Tasks that nobody was told of may exist or not; where they do, the same holds for them."""
    documents = {document.task: document for document in seen.documents}
    extra = len(seen.effects) - len({effect.task for effect in seen.effects})
    ends = [document.finished_at for document in seen.documents if document.finished_at]
    violations = {
        "lost": [ack.task for ack in seen.acks if ack.task not in documents],
        "stuck": [f"{each.task} {each.status}" for each in seen.documents if each.status not in ENDED],
        "doubly accepted": _doubles(seen),
        "too many extra runs": [f"{extra} of {seen.faults} faults"] if extra > seen.faults else [],
        "an attempt ran twice": _twice(seen.effects),
        "effect without document": [each.task for each in seen.effects if each.task not in documents],
        "effect of an attempt that was not claimed": _ahead(seen.effects, documents),
        "succeeded without effect": _without(seen),
        "final state changed": _changed(seen.finals, documents),
        "ended late": [
            f"{each.task} {each.finished_at - seen.last_fault:.0f} s after the last fault"
            for each in seen.documents
            if each.finished_at and each.finished_at > seen.last_fault + recovery_s
        ],
    }
    return Verdict(
        acknowledged=len({ack.task for ack in seen.acks}),
        documents=len(documents),
        statuses=dict(Counter(document.status for document in seen.documents)),
        extra_runs=extra,
        last_end_s=max(0.0, max(ends, default=0.0) - seen.last_fault),
        violations=violations,
    )


def _doubles(seen: Seen) -> list[str]:
    """Wishes that became two tasks: told so, or found so."""
    pairs = {(ack.number, ack.task) for ack in seen.acks}
    pairs |= {(document.number, document.task) for document in seen.documents}
    counts = Counter(number for number, _ in pairs)
    return [f"wish {number}: {count} tasks" for number, count in sorted(counts.items()) if count > 1]


def _twice(effects: Iterable[Effect]) -> list[str]:
    counts = Counter((effect.task, effect.attempt) for effect in effects)
    return [
        f"{task} attempt {attempt}: {count} times" for (task, attempt), count in counts.items() if count > 1
    ]


def _ahead(effects: Iterable[Effect], documents: dict[str, Document]) -> list[str]:
    known = ((effect, documents.get(effect.task)) for effect in effects)
    return [
        f"{effect.task} attempt {effect.attempt} of {document.attempt}"
        for effect, document in known
        if document and effect.attempt > document.attempt
    ]


def _without(seen: Seen) -> list[str]:
    happened = {effect.task for effect in seen.effects}
    return [each.task for each in seen.documents if each.status == "succeeded" and each.task not in happened]


def _changed(finals: dict[str, tuple[str, float | None]], documents: dict[str, Document]) -> list[str]:
    changed = []
    for task, (status, at) in finals.items():
        now = documents.get(task)
        if now is None or (now.status, now.finished_at) != (status, at):
            changed.append(f"{task} was {status}, is {now.status if now else 'gone'}")
    return changed
