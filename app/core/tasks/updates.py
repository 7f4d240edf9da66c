"""What each write changes in a task, as an update of MongoDB. What guards it is in `store`.

Nothing here touches a database.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from bson import ObjectId

from app.core.clock import utcnow
from app.core.excerpts import shortened
from app.core.mongo import Document
from app.core.tasks.document import entered, queued
from app.core.tasks.states import Ending, Priority, Status
from app.core.tasks.task import Task, error_keywords, tag_keywords, words_of_tag_only, worker_keyword

HISTORY = 20
MARKS = 3
"""So many bulk operations that changed a task last are kept with it."""
_OF_AN_END = ("finished_at", "started_at", "dispatched_at", "expire_at")
_OF_AN_ATTEMPT = ("cancel", "waited", "progress", "error", "error_group", "run_at")


def merged(*parts: Document) -> Document:
    """Return one update of several; where two change the same field, the later one counts."""
    update: Document = {}
    for part in parts:
        for operator, fields in part.items():
            update[operator] = {**update.get(operator, {}), **fields}
    return update


def without(*names: str) -> Document:
    """Return the part of an update that removes fields."""
    return {"$unset": dict.fromkeys(names, "")}


# By what a task is found


def found_by(keywords: list[str]) -> Document:
    """Return the part of an update that lets a task be found by keywords."""
    return {"$addToSet": {"keywords": {"$each": keywords}}} if keywords else {}


def found_no_more(keywords: list[str]) -> Document:
    """Return the part of an update after which a task is not found by keywords."""
    return {"$pull": {"keywords": {"$in": keywords}}} if keywords else {}


def _without_last_attempt(task: Task) -> Document:
    """Return the part that takes back what the task's last attempt let it be found by, if any."""
    last = task.history[-1] if task.history else {}
    workers = [worker_keyword(last["worker"])] if last.get("worker") else []
    return found_no_more([*workers, *error_keywords(task.error)])


# Attempts


def begun(claimed: Task, now: datetime) -> Document:
    """Begin the attempt of a task as it is claimed."""
    values = {
        **entered(Status.RUNNING, now),
        "attempt": claimed.attempt,
        "started_at": claimed.started_at,
        "lease": claimed.lease,
    }
    return merged({"$set": values}, without("hint", "progress", "error", "put_offs"))


def attempt_over(task: Task, ending: Ending, message: str) -> Document:
    """Give back the lease and record the attempt, which ended now; the last `HISTORY` are kept."""
    attempt = {
        "attempt": task.attempt,
        "worker": task.worker,
        "queued_at": task.queued_at,
        "started_at": task.started_at,
        "finished_at": utcnow(),
        "outcome": ending.value,
        "message": shortened(message, 500),
    }
    return merged(without("lease"), {"$push": {"history": {"$each": [attempt], "$slice": -HISTORY}}})


def counted(task: Task, ending: Ending) -> Document:
    """Return the counts of a task after one more attempt that ended so."""
    return {
        "crashes": task.crashes + 1 if ending is Ending.CRASH else task.crashes,
        "losses": task.losses + 1 if ending is Ending.WORKER_LOST else task.losses,
    }


def rescheduled(task: Task, error: Document, run_at: datetime) -> Document:
    """Another attempt at ``run_at``; the error stays visible meanwhile.

    The loss of a worker is no fault of the task, so one more attempt is allowed then.
    """
    ending = Ending.of(error["kind"])
    values = {
        **entered(Status.SCHEDULED, utcnow()),
        "run_at": run_at,
        "error": error,
        **counted(task, ending),
    }
    if ending is Ending.WORKER_LOST:
        values["max_attempts"] = task.max_attempts + 1
    return merged({"$set": values}, attempt_over(task, ending, error["message"]))


def released(task: Task, ending: Ending, message: str, error: Document | None) -> Document:
    """Queue a running task again at once. Without an error the attempt does not count against its limit."""
    values = queued(task.dispatch + 1, utcnow())
    if error:
        values.update(counted(task, ending), error=error)
    else:
        values.update(max_attempts=task.max_attempts + 1)
    return merged(
        {"$set": values},
        without("dispatched_at"),
        attempt_over(task, ending, message),
        found_no_more([worker_keyword(task.worker or "")]),
    )


# Ends


def ended(status: Status, attempt: int, now: datetime, retention: timedelta, *, notice: bool) -> Document:
    """End a task. ``notice``: somebody is to be told, and the same update notes it.

    So there is no moment at which a task has ended and its notice is missing.
    """
    update = {"$set": {**entered(status, now), "finished_at": now, "expire_at": now + retention}}
    if not notice:
        return update
    notice_id = ObjectId()
    note = {"id": notice_id, "status": status.value, "at": now, "attempt": attempt}
    return merged(update, {"$set": {"notice": notice_id}, "$push": {"notices": note}})


def canceled(by: str, now: datetime, retention: timedelta, *, notice: bool) -> Document:
    """End a task before an attempt begins. Of which attempt is not known here, so the notice has 0."""
    return merged(
        cancel_requested(by, now),
        ended(Status.CANCELED, 0, now, retention, notice=notice),
        without("hint", "run_at"),
    )


def cancel_requested(by: str, now: datetime) -> Document:
    """Flag a task that runs, for its supervisor."""
    return {"$set": {"cancel": {"by": by, "at": now}}}


# Waiting again


def cancel_undone(task: Task, waited: Document, now: datetime) -> Document:
    """Let a canceled task wait again: queued at the end, or scheduled as it was."""
    if waited["status"] == Status.SCHEDULED.value:
        values = {
            **entered(Status.SCHEDULED, now),
            "run_at": waited.get("run_at") or now,
            "dispatch": task.dispatch + 1,
        }
    else:
        values = queued(task.dispatch + 1, now)
    # As after a retry: a bulk action that was asked for before does not take it.
    return merged(
        {"$set": {**values, "retried_at": now}},
        without("cancel", "waited", "finished_at", "expire_at", "dispatched_at"),
    )


def retried(task: Task, now: datetime) -> Document:
    """Queue an ended task once more; attempts keep counting and one more is allowed."""
    values = {
        **queued(task.dispatch + 1, now),
        "retried_at": now,
        "max_attempts": max(task.max_attempts, task.attempt + 1),
        "crashes": 0,
        "losses": 0,
    }
    return merged({"$set": values}, without(*_OF_AN_END, *_OF_AN_ATTEMPT), _without_last_attempt(task))


def deferred(task: Task, run_at: datetime, now: datetime) -> Document:
    """Let a queued task wait until ``run_at``; no attempt is counted."""
    values = {**entered(Status.SCHEDULED, now), "run_at": run_at, "put_offs": task.put_offs + 1}
    return merged({"$set": values}, without("hint", "dispatched_at"))


def staged(task: Task, now: datetime) -> Document:
    """Queue a scheduled task."""
    return merged({"$set": queued(task.dispatch + 1, now)}, without("run_at"), _without_last_attempt(task))


def moved(task: Task, priority: Priority, now: datetime) -> Document:
    """Move a waiting task to the end of another queue."""
    values: Document = {"priority": int(priority), "dispatch": task.dispatch + 1}
    if task.status is Status.QUEUED:
        values.update(queued(task.dispatch + 1, now))
        del values["status_at"]  # It stays in its status.
    return {"$set": values}


# Tags and marks


def tagged(tag: str) -> Document:
    """Add a tag, by which the task is found from then on."""
    return {"$addToSet": {"tags": tag, "keywords": {"$each": tag_keywords(tag)}}}


def untagged(task: Task, tag: str) -> Document:
    """Remove a tag, and by what only this tag let the task be found."""
    return {"$pull": {"tags": tag, "keywords": {"$in": words_of_tag_only(task, tag)}}}


def marked(mark: ObjectId) -> Document:
    """Leave the mark of a bulk operation with a task; the last `MARKS` are kept."""
    return {"$push": {"bulk": {"$each": [mark], "$slice": -MARKS}}}
