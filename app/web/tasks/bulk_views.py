"""Bulk actions on the list: preview an operation, then run it, in steps where it is for a filter.

Which filter the list had stands in the address, as it does in that of the list; the form has `all` for
"all that match", else the ids. Each form that is sent leads to a page with an address of its own, so Back,
Forward and Reload open it again. Nothing here can do harm twice: the core guards each task.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.core.clock import utcnow
from app.core.errors import BadQuery, Invalid
from app.core.listing.cursors import EPOCH
from app.core.listing.filter import TaskFilter
from app.core.listing.listing import COUNT_LIMIT, Count
from app.core.queue.bulk import Operation, Step
from app.core.tasks.states import Action, Status, legal
from app.core.tasks.task import parse_task_id
from app.extensions import services
from app.web.platform import request_args
from app.web.platform.flashes import flash_at
from app.web.platform.fragments import region
from app.web.platform.permissions import current_person, requires
from app.web.tasks import bulk_runs
from app.web.tasks.bulk_wording import WORDINGS, Wording, reasons

blueprint = Blueprint("many", __name__)

MOST_NAMED = 200
TITLES_SHOWN = 10
NOT_A_RUN = (
    "What this page knew of its progress is incomplete or was changed, so nothing more was done. "
    "Please start again from the list: tasks that are done stay done."
)
STOPPED = "It was stopped. "
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


@dataclass(frozen=True)
class Run:
    """How far an operation for a filter is; what its forms carry from step to step.

    ``total`` is None where nobody knows it exactly.
    """

    until: datetime
    total: int | None
    so_far: Step = Step(0, 0)

    @classmethod
    def parse(cls, form: Mapping[str, str]) -> Run:
        """Raises BadQuery for what no form of ours holds."""
        until, total, done, left = (form.get(name, "") for name in ("until", "total", "done", "left"))
        numbers = all(re.fullmatch("[0-9]{1,9}", each) for each in (total or "0", done, left))
        if not numbers or not re.fullmatch("[0-9]{1,14}", until):
            raise BadQuery(NOT_A_RUN)
        so_far = Step(int(done), int(left), form.get("after", ""))
        return cls(EPOCH + int(until) * _MS, int(total) if total else None, so_far)

    def plus(self, step: Step) -> Run:
        before = self.so_far
        return replace(self, so_far=Step(before.done + step.done, before.left + step.left, step.after))

    @property
    def fields(self) -> dict[str, str]:
        """What :meth:`parse` reads."""
        return {
            "until": str((self.until - EPOCH) // _MS),
            "total": "" if self.total is None else str(self.total),
            "after": self.so_far.after,
            "done": str(self.so_far.done),
            "left": str(self.so_far.left),
        }

    @property
    def left_to_do(self) -> int | None:
        """How many may still be changed, so that it is never more than the preview said."""
        return None if self.total is None else max(0, self.total - self.so_far.done)

    @property
    def roughly(self) -> str:
        """How far it is, in so few steps that it may be read aloud."""
        done = self.so_far.done
        if self.total:
            return f"{min(done * 10 // self.total, 10) * 10} % done"
        unit = 10 ** (len(str(done)) - 1)
        return f"More than {done // unit * unit:,} done" if done else "It has begun"


CHOSEN, ALL, TO, RUN = "chosen", "all", "to", "run"
"""What stands in an address beside the filter of the list."""


def to_preview(wording: Wording) -> Response:
    """Lead to the preview of what a form chose. Nothing is changed."""
    chosen = _chosen(wording)
    return redirect(url_for(f".{wording.path}_preview", **chosen.place, **_about(chosen)), 303)


def _about(chosen: Chosen) -> dict[str, Any]:
    """What is chosen, and where to move it, for an address."""
    about: dict[str, Any] = {CHOSEN: bulk_runs.pack(chosen.ids)} if chosen.ids else {ALL: "1"}
    return about | ({TO: chosen.operation.priority.word} if chosen.operation.priority is not None else {})


def preview(wording: Wording) -> str:
    """What the operation would do. Nothing is changed."""
    chosen = _addressed(wording)
    values = _of_named(chosen) if chosen.ids else _of_all(chosen)
    kinds = {kind.name: kind.title for kind in services().catalog.types()}
    return render_template("tasks/bulk/preview.html", wording=wording, chosen=chosen, kinds=kinds, **values)


def run(wording: Wording) -> str | Response:
    """Do it, or the next second's worth of it."""
    chosen = _chosen(wording)
    now = Run.parse(request.form)
    if chosen.ids:
        return _ended(wording, chosen, services().bulk.run_on(chosen.operation, chosen.ids, now.until))
    key = request.form.get(RUN, "")[:40] or bulk_runs.begin()
    if "stop" in request.form:
        bulk_runs.note(key, now.fields | {"ended": STOPPED})
        return _ended(wording, chosen, now.so_far, STOPPED)
    step = services().bulk.step(chosen.operation, chosen.wanted, now.until, now.so_far.after, now.left_to_do)
    now = now.plus(step)
    bulk_runs.note(key, now.fields | ({} if step.after else {"ended": " "}))
    values = {"wording": wording, "chosen": chosen, "run": now, "key": key}
    if request.headers.get("HX-Request") == "true":
        return region("tasks/bulk/_progress.html" if step.after else "tasks/bulk/_ended.html", **values)
    if step.after:
        about = {**_about(chosen), RUN: key}
        return redirect(url_for(f".{wording.path}_progress", **chosen.place, **about), 303)
    return _ended(wording, chosen, now.so_far)


def progress(wording: Wording) -> str | Response:
    """How far a run of this session is. Nothing is changed: its page sends the next step, or its button."""
    chosen, key = _addressed(wording), request.args.get(RUN, "")
    noted = bulk_runs.known(key)
    if noted is None:
        return redirect(url_for("tasks.index", **chosen.place), 303)
    values = {"wording": wording, "chosen": chosen, "run": Run.parse(noted), "key": key}
    return render_template(
        "tasks/bulk/progress.html", **values, ended=noted.get("ended", "").strip(), over="ended" in noted
    )


def _ended(wording: Wording, chosen: Chosen, step: Step, first: str = "") -> Response:
    place = url_for("tasks.index", **chosen.place)
    flash_at(place, first + wording.result(chosen.operation, step), "success" if step.done else "warning")
    return redirect(place, 303)


# What is asked for


def _chosen(wording: Wording) -> Chosen:
    """Raises BadQuery for a filter that there is not, and Invalid for what the form says wrong."""
    listed = request_args.task_filter()
    everything = request.form.get("all") == "1"
    ids = () if everything else _ids(request.form.getlist("id"))
    if not everything and not ids:
        raise Invalid("No task was chosen, so nothing was changed. Please tick tasks in the list first.")
    moves = wording.action is Action.REPRIORITIZE
    priority = request_args.priority_of(request.form.get("priority", "")) if moves else None
    return Chosen(Operation(wording.action, current_person().id, priority), listed, ids)


def _addressed(wording: Wording) -> Chosen:
    """The same from an address of ours. Raises BadQuery and Invalid."""
    args = request.args.to_dict(flat=False)
    own = {name: args.pop(name)[0] for name in (CHOSEN, ALL, TO, RUN) if name in args}
    if (CHOSEN in own) == (ALL in own):
        raise BadQuery("This address does not say which tasks are chosen. Start again from the list.")
    ids = bulk_runs.unpack(own[CHOSEN]) if CHOSEN in own else ()
    moves = wording.action is Action.REPRIORITIZE
    priority = request_args.priority_of(own.get(TO, "")) if moves else None
    operation = Operation(wording.action, current_person().id, priority)
    return Chosen(operation, TaskFilter.parse(args), ids)


def _ids(texts: list[str]) -> tuple[ObjectId, ...]:
    if len(texts) > MOST_NAMED:
        raise Invalid(
            f"{len(texts):,} tasks were named, and at most {MOST_NAMED} are taken. Nothing was changed. "
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
    found = services().queries.find({"_id": {"$in": [*chosen.ids]}}, [("_id", 1)], len(chosen.ids))
    fitting = [task for task in found if task.status in legal(operation.action)]
    meant = [task for task in fitting if task.priority is not operation.priority]
    counts = Counter(task.status for task in found)
    there, gone = Count(len(fitting) - len(meant)), Count(len(chosen.ids) - len(found))
    return {
        "count": Count(len(meant)),
        "left": reasons(operation, {each: Count(counts[each]) for each in Status}, there, gone),
        "titles": [task.title for task in meant[:TITLES_SHOWN]],
        "more": max(0, len(meant) - TITLES_SHOWN),
        "fields": Run(until, len(meant)).fields,
    }


def _of_all(chosen: Chosen) -> dict[str, Any]:
    until, core, operation, wanted = utcnow(), services(), chosen.operation, chosen.wanted
    count, counts = core.bulk.count(operation, wanted), core.listing.counts(wanted)
    shown = core.listing.among(wanted, [*Status])
    by_status = {each: counts[each.value] if each in shown else Count(0) for each in Status}
    total = count.value if count.value <= COUNT_LIMIT else None
    return {
        "count": count,
        "left": reasons(operation, by_status, core.bulk.count_unaffected(operation, wanted), Count(0)),
        "fields": Run(until, total).fields,
    }


def _add_views(wording: Wording) -> None:
    @blueprint.post(f"/tasks/many/{wording.path}", endpoint=wording.path)
    @requires(wording.permission)
    def asks() -> Response:
        return to_preview(wording)

    @blueprint.get(f"/tasks/many/{wording.path}", endpoint=f"{wording.path}_preview")
    @requires(wording.permission)
    def shows() -> str:
        return preview(wording)

    @blueprint.get(f"/tasks/many/{wording.path}/progress", endpoint=f"{wording.path}_progress")
    @requires(wording.permission)
    def goes_on() -> str | Response:
        return progress(wording)

    @blueprint.post(f"/tasks/many/{wording.path}/run", endpoint=f"{wording.path}_run")
    @requires(wording.permission)
    def does() -> str | Response:
        return run(wording)


for wording in WORDINGS:
    _add_views(wording)
