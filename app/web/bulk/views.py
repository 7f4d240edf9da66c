"""Bulk actions on the list: preview an operation, then start it. Its page is in `pages`.

Which filter the list had stands in the address, as it does in that of the list; the form has `all` for
"all that match", else the ids.
"""

from __future__ import annotations

import re
import secrets
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.core.bulk.operations import NewBulk
from app.core.clock import utcnow
from app.core.errors import BadQuery, Invalid
from app.core.listing.cursors import EPOCH
from app.core.listing.filter import TaskFilter
from app.core.listing.listing import COUNT_LIMIT, Count
from app.core.queue.bulk import Operation, Reason
from app.core.tasks.limits import one_tag
from app.core.tasks.states import Action, Status, legal
from app.core.tasks.task import parse_task_id
from app.extensions import access, services
from app.web.bulk import packed_ids
from app.web.bulk.wording import WORDINGS, Wording, reasons
from app.web.platform import request_args
from app.web.platform.permissions import requires

blueprint = Blueprint("many", __name__)

MOST_NAMED = 200
TITLES_SHOWN = 10
TAGGING = (Action.TAG, Action.UNTAG)
NO_KEY = "This form is incomplete. Nothing was changed. Start again from the list."
KEY_SHAPE = re.compile(r"[A-Za-z0-9_-]{16,64}")
_MS = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Chosen:
    """What to do, and to which tasks: ``ids``, or all that match ``wanted`` where there are none.

    ``listed`` is the list that the person came from, with its place.
    """

    operation: Operation
    listed: TaskFilter
    ids: tuple[ObjectId, ...]

    @property
    def wanted(self) -> TaskFilter:
        return replace(self.listed, after="", before="", last="")

    @property
    def place(self) -> dict[str, Any]:
        """The query string of the list."""
        listed = self.listed
        return listed.args(after=listed.after, before=listed.before, last=listed.last)


CHOSEN, ALL, TO, TAG, KEY = "chosen", "all", "to", "with", "key"
"""What stands in an address beside the filter of the list."""


def to_preview(wording: Wording) -> Response:
    """Lead to the preview of what a form chose. Nothing is changed.

    The key of what may be started there is in its address: so it is the same one after Back and Reload.
    """
    chosen = _chosen(wording)
    about = {**_about(chosen), KEY: secrets.token_urlsafe(12)}
    return redirect(url_for(f".{wording.path}_preview", **chosen.place, **about), 303)


def _about(chosen: Chosen) -> dict[str, Any]:
    """What is chosen, and where to move it, for an address."""
    about: dict[str, Any] = {CHOSEN: packed_ids.pack(chosen.ids)} if chosen.ids else {ALL: "1"}
    operation = chosen.operation
    about |= {TAG: operation.tag} if operation.tag else {}
    return about | ({TO: operation.priority.word} if operation.priority is not None else {})


def preview(wording: Wording) -> str:
    """What the operation would do, or that it was started from here. Nothing is changed."""
    chosen = _addressed(wording)
    key = request.args.get(KEY) or secrets.token_urlsafe(12)
    if not KEY_SHAPE.fullmatch(key):
        raise BadQuery(NO_KEY)
    values = _of_named(chosen) if chosen.ids else _of_all(chosen)
    kinds = {kind.name: kind.title for kind in services().catalog.names()}
    names = services().people.users.names([chosen.wanted.owner] if chosen.wanted.owner else ())
    return render_template(
        "bulk/preview.html",
        wording=wording,
        chosen=chosen,
        kinds=kinds,
        names=names,
        key=key,
        started=access().bulk.started(key),
        **values,
    )


def run(wording: Wording) -> Response:
    """Start it, or find what was started with the same key, and lead to its page."""
    chosen = _chosen(wording)
    until, total, key = (request.form.get(name, "") for name in ("until", "total", KEY))
    if not re.fullmatch("[0-9]{1,14}", until) or not re.fullmatch("[0-9]{0,9}", total):
        raise BadQuery(NO_KEY)
    if not KEY_SHAPE.fullmatch(key):
        raise BadQuery(NO_KEY)
    operation = access().bulk.begin(
        NewBulk(
            chosen.operation,
            chosen.wanted,
            chosen.ids,
            int(total) if total else None,
            EPOCH + int(until) * _MS,
            key,
        )
    )
    return redirect(url_for("bulk.show", operation_id=operation.id), 303)


# What is asked for


def _chosen(wording: Wording) -> Chosen:
    """Raises BadQuery for a filter that there is not, and Invalid for what the form says wrong."""
    listed = request_args.task_filter()
    everything = request.form.get("all") == "1"
    ids = () if everything else _ids(request.form.getlist("id"))
    if not everything and not ids:
        raise Invalid("No task was chosen, so nothing was changed. Please tick tasks in the list first.")
    return Chosen(
        _operation(wording, request.form.get("priority", ""), request.form.get("tag", "")), listed, ids
    )


def _operation(wording: Wording, priority: str, tag: str) -> Operation:
    """Raises Invalid."""
    action, by = wording.action, access().person.id
    if action is Action.REPRIORITIZE:
        return Operation(action, by, request_args.priority_of(priority))
    return Operation(action, by, tag=one_tag(tag) if action in TAGGING else "")


def _addressed(wording: Wording) -> Chosen:
    """The same from an address of ours. Raises BadQuery and Invalid."""
    args = request.args.to_dict(flat=False)
    own = {name: args.pop(name)[0] for name in (CHOSEN, ALL, TO, TAG, KEY) if name in args}
    if (CHOSEN in own) == (ALL in own):
        raise BadQuery("This address does not say which tasks are chosen. Start again from the list.")
    ids = packed_ids.unpack(own[CHOSEN]) if CHOSEN in own else ()
    return Chosen(_operation(wording, own.get(TO, ""), own.get(TAG, "")), TaskFilter.parse(args), ids)


def _ids(texts: list[str]) -> tuple[ObjectId, ...]:
    if len(texts) > MOST_NAMED:
        raise Invalid(
            f"Choose {MOST_NAMED} tasks or fewer by ID; these were {len(texts):,}. Nothing was changed. "
            "For more, filter the list and choose all that match."
        )
    ids = [parse_task_id(text) for text in texts]
    if None in ids:
        raise Invalid(
            f"“{texts[ids.index(None)][:60]}” is not the ID of a task: that is 24 characters of 0 to 9 "
            "and a to f. Nothing was changed."
        )
    return tuple(dict.fromkeys(found for found in ids if found))


# What the preview says


def _of_named(chosen: Chosen) -> dict[str, Any]:
    operation, until = chosen.operation, utcnow()
    named = access().bulk.named(operation, chosen.ids)
    found = named.tasks
    fitting = [task for task in found if task.status in legal(operation.action)]
    skips = Counter(operation.skips(task) for task in fitting)
    meant = [task for task in fitting if not operation.skips(task)]
    counts = Counter(task.status for task in found)
    gone = Count(len(chosen.ids) - len(found) - named.denied)
    return {
        "count": Count(len(meant)),
        "left": reasons(
            operation,
            {each: Count(counts[each]) for each in Status},
            Count(skips[Reason.THERE]),
            gone,
            Count(named.denied),
            Count(skips[Reason.FULL]),
        ),
        "titles": [task.title for task in meant[:TITLES_SHOWN]],
        "more": max(0, len(meant) - TITLES_SHOWN),
        "fields": _fields(until, len(meant)),
    }


def _of_all(chosen: Chosen) -> dict[str, Any]:
    until, rights, operation, wanted = utcnow(), access(), chosen.operation, chosen.wanted
    count, counts = rights.bulk.count(operation, wanted), rights.counts(wanted)
    shown = rights.among(wanted, [*Status])
    by_status = {each: counts[each.value] if each in shown else Count(0) for each in Status}
    total = count.value if count.value <= COUNT_LIMIT else None
    return {
        "count": count,
        "left": reasons(
            operation,
            by_status,
            rights.bulk.count_unaffected(operation, wanted),
            Count(0),
            rights.bulk.count_denied(operation, wanted),
        ),
        "fields": _fields(until, total),
    }


def _fields(until: datetime, total: int | None) -> dict[str, str]:
    """When the preview was and how many tasks it announced, for its form."""
    return {"until": str((until - EPOCH) // _MS), "total": "" if total is None else str(total)}


def _add_views(wording: Wording) -> None:
    @blueprint.post(f"/tasks/many/{wording.path}", endpoint=wording.path)
    @requires(wording.permission)
    def asks() -> Response:
        return to_preview(wording)

    @blueprint.get(f"/tasks/many/{wording.path}", endpoint=f"{wording.path}_preview")
    @requires(wording.permission)
    def shows() -> str:
        return preview(wording)

    @blueprint.post(f"/tasks/many/{wording.path}/run", endpoint=f"{wording.path}_run")
    @requires(wording.permission)
    def does() -> Response:
        return run(wording)


for wording in WORDINGS:
    _add_views(wording)
