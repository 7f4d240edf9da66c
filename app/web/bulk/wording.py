"""What can be done to many tasks at once, in the words of the pages: a row for each operation.

What an operation does, and to which tasks, is the core's (`app.core.queue.bulk`, `app.core.tasks.states`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bson import ObjectId

from app.core.bulk.operations import BulkOperation, State, Why
from app.core.listing.listing import Count
from app.core.people.person import Person
from app.core.quantities import plural
from app.core.queue.bulk import Operation, Reason
from app.core.tasks.limits import MAX_TAGS
from app.core.tasks.states import ACTIONS, ENDED, Action, Status, legal

Forms = tuple[str, str]
"""What follows a number: of one task, and of more."""


def alike(words: str) -> Forms:
    """Return words that are the same of one task and of more."""
    return words, words


@dataclass(frozen=True)
class Wording:
    """An operation as pages say it. ``path`` is its word in addresses; ``{priority}`` stands for the new one,
    ``{tag}`` for the tag.

    ``to`` follows the number of tasks in the question, and ``done`` one in the result.
    """

    action: Action
    path: str
    permission: str
    name: str
    verb: str
    doing: str
    means: str
    done: Forms
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

    @property
    def back(self) -> str:
        """How a person says no: "Cancel" could mean the tasks where the action itself ends them."""
        return "Keep tasks" if self.style == "danger" else "Cancel"

    def title(self, operation: Operation) -> str:
        """What is done: "Cancel tasks"."""
        return f"{self.verb.capitalize()} tasks{_filled(self.to, operation)}"

    def heading(self, operation: Operation) -> str:
        """What is being done: "Canceling tasks"."""
        return f"{self.doing} tasks{_filled(self.to, operation)}"

    def result(self, operation: BulkOperation) -> str:
        """What came of it so far: "12 tasks canceled."."""
        one, more = (_filled(words, operation.operation) for words in self.done)
        if not operation.done:
            return f"No task {one}."
        return f"{plural(operation.done, 'task')} {one if operation.done == 1 else more}."


def _filled(text: str, operation: Operation) -> str:
    priority = operation.priority.word if operation.priority is not None else ""
    return text.format(priority=priority, tag=operation.tag)


WORDINGS = (
    Wording(
        action=Action.RETRY,
        path="retry",
        permission="task.retry",
        name="Retry",
        verb="retry",
        doing="Retrying",
        means="Each task is queued again at the end of its priority queue.",
        done=alike("queued for retry"),
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
        done=alike("moved to the end of the {priority}-priority queue"),
    ),
    Wording(
        action=Action.CLONE,
        path="again",
        permission="task.clone",
        name="Run again",
        verb="run",
        doing="Running",
        to=" again",
        means="A new task is created with the same inputs for each of them. You own the new tasks.",
        done=alike("run again"),
    ),
    Wording(
        action=Action.TAG,
        path="tag",
        permission="task.tag",
        name="Add tag",
        verb="tag",
        doing="Tagging",
        to=" with “{tag}”",
        means="The tasks are listed under this tag, and found by it.",
        done=alike("tagged “{tag}”"),
    ),
    Wording(
        action=Action.UNTAG,
        path="untag",
        permission="task.tag",
        name="Remove tag",
        verb="untag",
        doing="Untagging",
        to=" (“{tag}”)",
        means="The tag is removed from these tasks.",
        done=alike("without the tag “{tag}” now"),
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
        done=alike("canceled"),
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
        style="danger",
    ),
)

# Why a task is skipped.
_STATES = {
    Status.SCHEDULED: ("is scheduled", "are scheduled"),
    Status.QUEUED: ("waits", "wait"),
    Status.RUNNING: ("is running", "are running"),
    Status.SUCCEEDED: ("has succeeded", "have succeeded"),
    Status.FAILED: ("has failed", "have failed"),
    Status.CANCELED: ("is canceled", "are canceled"),
}
_REASONS = {
    Reason.FULL: (f"has {MAX_TAGS} tags already", f"have {MAX_TAGS} tags already"),
    Reason.UNFIT: alike("cannot be run again with the same inputs"),
    Reason.GONE: ("no longer exists", "no longer exist"),
    Reason.DENIED: ("is not yours to change", "are not yours to change"),
    Reason.CHANGED: alike("changed after the preview"),
    Reason.REFUSED: alike("could not be changed: see the server log"),
}
_THERE = {
    Action.REPRIORITIZE: alike("already in that queue"),
    Action.TAG: ("already has this tag", "already have this tag"),
    Action.UNTAG: ("does not have this tag", "do not have this tag"),
}
_SKIPS = {
    **{status.value: words for status, words in _STATES.items()},
    **{reason.value: words for reason, words in _REASONS.items()},
}

STOPPED = {
    Why.ASKED: "Stopped by {by}. Tasks already processed stay processed.",
    Why.DISABLED: "Stopped: {who} may not sign in any more.",
    Why.FORBIDDEN: "Stopped: {who} may not do this any more.",
    Why.FILTER: "Stopped: {message}",
    Why.QUOTA: "Stopped: {message} Then resume.",
    Why.ERROR: "Stopped by an error, and it has been logged. Resume, or contact your administrator.",
}
STATES = {State.RUNNING: "Running", State.STOPPED: "Stopped", State.ENDED: "Done"}


def of(operation: BulkOperation) -> Wording:
    """The words of an operation."""
    return next(wording for wording in WORDINGS if wording.action is operation.action)


def skipped(operation: BulkOperation) -> list[tuple[str, tuple[ObjectId, ...]]]:
    """Why tasks were skipped, "3 have succeeded", each with the first of them."""
    found = []
    for reason, each in operation.skipped.items():
        words = _THERE if reason == Reason.THERE.value else {}
        one, more = words.get(operation.action) or _SKIPS.get(reason, alike("skipped"))
        found.append((f"{each.count:,} {one if each.count == 1 else more}", each.ids))
    return found


def stopped(operation: BulkOperation, names: Mapping[str, str]) -> str:
    """Why an operation was stopped; empty where it was not."""
    if operation.why is None:
        return ""
    by, who = (operation.stop or {}).get("by", ""), operation.who
    values = {"by": names.get(by, "somebody"), "who": names.get(who, "who started it")}
    return STOPPED[operation.why].format(**values, message=operation.message)


def roughly(operation: BulkOperation) -> str:
    """How far it is, in so few steps that it may be read aloud."""
    done = operation.done
    if operation.total:
        return f"{min(done * 10 // operation.total, 10) * 10} % done"
    unit = 10 ** (len(str(done)) - 1)
    return f"More than {done // unit * unit:,} done" if done else "It has begun"


def allowed(person: Person) -> list[Wording]:
    """The operations that a person may do."""
    return [wording for wording in WORDINGS if person.may(wording.permission)]


def possible(statuses: Iterable[Status]) -> list[str]:
    """The actions that are legal in some of these states."""
    return sorted({action.value for status in statuses for action in ACTIONS[status]})


def reasons(
    operation: Operation,
    counts: Mapping[Status, Count],
    there: Count,
    gone: Count,
    denied: Count,
    full: Count = Count(0),  # noqa: B008 - frozen
) -> list[str]:
    """Say why tasks are skipped: "3 already finished".

    ``counts`` are those chosen, by status; ``there`` those that are already as the operation leaves them;
    ``denied`` those that the person may not act on; ``full`` those that have as many tags as they may.
    """
    others = [status for status in Status if status not in legal(operation.action)]
    ended = [status for status in others if status in ENDED] if ENDED.issubset(others) else []
    said = [([counts[status]], _STATES[status]) for status in others if status not in ended]
    said += [
        ([counts[status] for status in ended], alike("already finished")),
        ([there], _THERE.get(operation.action, alike(""))),
        ([gone], _REASONS[Reason.GONE]),
        ([denied], _REASONS[Reason.DENIED]),
        ([full], _REASONS[Reason.FULL]),
    ]
    totals = [(Count(sum(each.value for each in some)), words) for some, words in said]
    return [f"{total} {one if total.value == 1 else more}" for total, (one, more) in totals if total.value]
