"""What can be done to many tasks at once, in the words of the pages: a row for each operation.

What an operation does, and to which tasks, is the core's (`app.core.queue.bulk`, `app.core.tasks.states`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.core.listing.listing import Count
from app.core.people.person import Person
from app.core.quantities import plural
from app.core.queue.bulk import BulkStep, Operation
from app.core.tasks.states import ACTIONS, ENDED, Action, Status, legal


@dataclass(frozen=True)
class Wording:
    """An operation as pages say it. ``path`` is its word in addresses; ``{priority}`` stands for the new one.

    ``to`` follows the number of tasks in the question; ``done`` and ``left`` follow a number, for one and
    for more.
    """

    action: Action
    path: str
    permission: str
    name: str
    verb: str
    doing: str
    means: str
    done: tuple[str, str]
    left: str
    to: str = ""
    style: str = "primary"

    def question(self, operation: Operation, count: Count) -> str:
        """ "Cancel 12 tasks?" """
        return (
            f"{self.button(count)}{_filled(self.to, operation)}?"
            if count.value
            else f"Nothing to {self.verb}"
        )

    def button(self, count: Count) -> str:
        return f"{self.verb.capitalize()} {count} task{'' if count.value == 1 else 's'}"

    def heading(self, operation: Operation) -> str:
        """What is being done: "Canceling tasks"."""
        return f"{self.doing} tasks{_filled(self.to, operation)}"

    def result(self, operation: Operation, step: BulkStep) -> str:
        """What came of it: "12 tasks canceled. 3 skipped: already finished."."""
        one, more = (_filled(words, operation) for words in self.done)
        took = (
            f"{plural(step.done, 'task')} {one if step.done == 1 else more}."
            if step.done
            else f"No task {one}."
        )
        return f"{took} {self.left_alone(step)}".rstrip()

    def left_alone(self, step: BulkStep) -> str:
        """The sentence about those on which it had no effect; empty without any."""
        left = f"{step.left:,} skipped: {self.left}." if step.left else ""
        denied = f"{step.denied:,} skipped: you may not {self.verb} {'it' if step.denied == 1 else 'them'}."
        return f"{left} {denied if step.denied else ''}".strip()


def _filled(text: str, operation: Operation) -> str:
    return text.format(priority=operation.priority.word if operation.priority is not None else "")


WORDINGS = (
    Wording(
        action=Action.RETRY,
        path="retry",
        permission="task.retry",
        name="Retry",
        verb="retry",
        doing="Retrying",
        means="Each task is queued again at the end of its priority queue.",
        done=("queued for retry", "queued for retry"),
        left="not failed or canceled",
    ),
    Wording(
        action=Action.REPRIORITIZE,
        path="priority",
        permission="task.reprioritize",
        name="Change priority",
        verb="move",
        doing="Moving",
        to=" to {priority} priority",
        means="The tasks move to the end of that queue, oldest first.",
        done=(
            "moved to the end of the {priority}-priority queue",
            "moved to the end of the {priority}-priority queue",
        ),
        left="not waiting in another queue",
    ),
    Wording(
        action=Action.CANCEL,
        path="cancel",
        permission="task.cancel",
        name="Cancel",
        verb="cancel",
        doing="Canceling",
        means="Waiting tasks are canceled immediately. "
        "Running tasks are asked to stop, usually within seconds.",
        done=("canceled", "canceled"),
        left="already finished",
        style="danger",
    ),
    Wording(
        action=Action.DELETE,
        path="delete",
        permission="task.delete",
        name="Delete",
        verb="delete",
        doing="Deleting",
        means="This permanently deletes the tasks with their logs and files. It can't be undone.",
        done=("deleted, with its log and files", "deleted, with their logs and files"),
        left="not finished",
        style="danger",
    ),
)

# Why a task is left alone: what its status is called for one and for more.
_STATES = {
    Status.SCHEDULED: ("is scheduled", "are scheduled"),
    Status.QUEUED: ("waits", "wait"),
    Status.RUNNING: ("is running", "are running"),
    Status.SUCCEEDED: ("has succeeded", "have succeeded"),
    Status.FAILED: ("has failed", "have failed"),
    Status.CANCELED: ("is canceled", "are canceled"),
}


def allowed(person: Person) -> list[Wording]:
    """The operations that a person may do."""
    return [wording for wording in WORDINGS if person.may(wording.permission)]


def possible(statuses: Iterable[Status]) -> list[str]:
    """The actions that are legal in some of these states."""
    return sorted({action.value for status in statuses for action in ACTIONS[status]})


def reasons(
    operation: Operation, counts: Mapping[Status, Count], there: Count, gone: Count, denied: Count
) -> list[str]:
    """Why tasks are left alone: "3 already finished".

    ``counts`` are those chosen, by status; ``there`` those that are in the new queue already; ``denied``
    those that the person may not act on.
    """
    others = [status for status in Status if status not in legal(operation.action)]
    ended = [status for status in others if status in ENDED] if ENDED.issubset(others) else []
    said = [([counts[status]], _STATES[status]) for status in others if status not in ended]
    said += [
        ([counts[status] for status in ended], ("already finished", "already finished")),
        ([there], ("already in that queue", "already in that queue")),
        ([gone], ("no longer exists", "no longer exist")),
        ([denied], ("is not yours to change", "are not yours to change")),
    ]
    totals = [(Count(sum(each.value for each in some)), words) for some, words in said]
    return [f"{total} {one if total.value == 1 else more}" for total, (one, more) in totals if total.value]
