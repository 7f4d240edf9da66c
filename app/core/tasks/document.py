"""The task document as it is written: new, queued again, and the record of an attempt.

Which writes there are and what guards them is in `store`.
"""

from __future__ import annotations

from datetime import datetime

import bson
from bson import ObjectId

from app.core.clock import utcnow
from app.core.errors import Invalid
from app.core.excerpts import shortened
from app.core.mongo import Document
from app.core.tasks.states import Ending, Status
from app.core.tasks.task import NewTask, Task, id_end, keywords_of

HISTORY = 20
MOST_PARAMS_BYTES = 6 * 2**20
MOST_RESULT_BYTES = 8 * 2**20 + 512 * 1024
"""As BSON, which may be many times the size of JSON; with history and error they fit into MongoDB's 16 MB."""


def require_room(params: Document) -> None:
    """Raise Invalid for parameters that would leave no room in the document for what becomes of the task."""
    size = len(bson.encode(params))
    if size > MOST_PARAMS_BYTES:
        raise Invalid(
            f"The parameters take {size / 2**20:.1f} MB in the database, and at most "
            f"{MOST_PARAMS_BYTES >> 20} MB are kept with a task. Send large content as a file."
        )


def entered(status: Status, now: datetime) -> Document:
    """The values of a task that is in a status from now on; a bulk action leaves out what changed since."""
    return {"status": status.value, "status_at": now}


def queued(dispatch: int, now: datetime) -> Document:
    """The values of a task that waits for a worker and has no hint yet."""
    return {**entered(Status.QUEUED, now), "queued_at": now, "dispatch": dispatch, "hint": "due"}


def history_of(task: Task, ending: Ending, message: str) -> Document:
    """The part of an update that records an attempt that ended now; the last `HISTORY` are kept."""
    attempt = {
        "attempt": task.attempt,
        "worker": task.worker,
        "queued_at": task.queued_at,
        "started_at": task.started_at,
        "finished_at": utcnow(),
        "outcome": ending.value,
        "message": shortened(message, 500),
    }
    return {"$push": {"history": {"$each": [attempt], "$slice": -HISTORY}}}


def noted(status: Status, attempt: int, now: datetime) -> tuple[Document, Document]:
    """The values, and what is pushed, of a write that ends a task of which somebody is to be told."""
    notice = ObjectId()
    note = {"id": notice, "status": status.value, "at": now, "attempt": attempt}
    return {"notice": notice}, {"notices": note}


def new_document(new: NewTask, task_id: ObjectId, now: datetime) -> Document:
    """A task as it is inserted: queued, or scheduled where its time is still to come."""
    document: Document = {
        "_id": task_id,
        "id_end": id_end(task_id),
        "title": new.title,
        "type": new.type,
        "params": new.params,
        "priority": int(new.priority),
        "owner": new.owner,
        "tags": list(new.tags),
        "created_at": now,
        "attempt": 0,
        "max_attempts": new.max_attempts,
        "attempts_chosen": new.max_attempts,
        "crashes": 0,
        "losses": 0,
        "timeout_s": new.timeout_s,
        "history": [],
        "keywords": keywords_of(new),
    }
    if new.run_at and new.run_at > now:
        document.update(entered(Status.SCHEDULED, now), run_at=new.run_at, dispatch=0)
    else:
        document.update(queued(1, now))
    if new.submission_key:
        document["submission_key"] = new.submission_key
    if new.submission_hash:
        document["submission_hash"] = new.submission_hash
    if new.parent:
        document["parent"] = new.parent
    if new.batch:
        document["batch"] = new.batch
    if new.child_of:
        document["child_of"] = new.child_of
    if new.depth:
        document["depth"] = new.depth
    if new.private:
        document["private"] = True
    if new.notify:
        document["notify"] = list(new.notify)
    return document
