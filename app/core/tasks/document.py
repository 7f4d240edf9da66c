"""The task document: as it is inserted, and what it has in the statuses in which it waits.

What changes in it later is in `updates`, and what guards that in `store`.
"""

from __future__ import annotations

from datetime import datetime

import bson
from bson import ObjectId

from app.core.errors import Invalid
from app.core.mongo import Document
from app.core.tasks.states import Status
from app.core.tasks.task import NewTask, id_end, keywords_of
from dtq.trace_context import trace_headers

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
    if trace := trace_headers():
        document["trace"] = trace
    return document
