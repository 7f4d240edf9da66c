"""The audit for administrators: a page with filters, and the same entries as a file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.core.exports.texts import as_text
from app.core.people.audit import FIELDS, AuditFilter, Entry, Event, Outcome, values_of
from app.core.tasks.task import Task, parse_task_id
from app.extensions import access, services
from app.http.exports import exported, require_format
from app.web.platform.permissions import current_person, requires
from app.web.request_log.origin import current_origin

blueprint = Blueprint("audit", __name__)

MOST_SHOWN = 200
MOST_CHANGES = 20
LABELS = {
    Event.SIGN_IN: "Sign in",
    Event.SIGN_OUT: "Sign out",
    Event.SESSION_END: "End session",
    Event.LINK_MAKE: "Make link",
    Event.PASSWORD_SET: "Set password",
    Event.SECOND_FACTOR_SET: "Set up second factor",
    Event.SECOND_FACTOR_REMOVE: "Remove second factor",
    Event.PASSKEY_ADD: "Add passkey",
    Event.PASSKEY_REMOVE: "Remove passkey",
    Event.TOKEN_CREATE: "Create token",
    Event.TOKEN_REVOKE: "Revoke token",
    Event.USER_ADD: "Add user",
    Event.USER_CHANGE: "Change user",
    Event.USER_DISABLE: "Disable user",
    Event.USER_ENABLE: "Enable user",
    Event.TASK_CREATE: "Create task",
    Event.TASK_CANCEL: "Cancel task",
    Event.TASK_RESTORE: "Undo cancel",
    Event.TASK_RETRY: "Retry task",
    Event.TASK_REPRIORITIZE: "Change priority",
    Event.TASK_DELETE: "Delete task",
    Event.TASKS_BULK: "Bulk action",
    Event.BATCH_CREATE: "Batch created",
    Event.WORKER_STOP: "Stop worker",
    Event.QUEUE_PAUSE: "Pause queue",
    Event.QUEUE_RESUME: "Resume queue",
    Event.TYPE_PAUSE: "Pause task type",
    Event.TYPE_RESUME: "Resume task type",
    Event.SUBSCRIPTION_CREATE: "Create subscription",
    Event.SUBSCRIPTION_CHANGE: "Change subscription",
    Event.SUBSCRIPTION_SECRET: "Rotate secret of subscription",
    Event.SUBSCRIPTION_DELETE: "Delete subscription",
    Event.DELIVERY_RESEND: "Send delivery again",
    Event.VIEW_SHARE: "Share view",
    Event.TASKS_EXPORT: "Export tasks",
    Event.AUDIT_EXPORT: "Export audit",
    Event.REFUSED: "Refused",
}
EVENTS = {event.value: label for event, label in LABELS.items()}
OUTCOMES = {Outcome.DONE.value: "Done", Outcome.FAILED.value: "Failed"}
CHIPS = {"since": "from", "until": "to"}


@dataclass(frozen=True)
class Change:
    """A field that changed, as text; None where it was not there before, or is not there any more."""

    name: str
    before: str | None
    after: str | None


@blueprint.get("/audit")
@requires("audit.read")
def index() -> str | AnyResponse:
    wanted = AuditFilter.parse(request.args.to_dict(flat=False))
    people = services().people
    if wanted.person and (user := people.users.by_name(wanted.person)):
        return redirect(url_for(".index", **wanted.args(person=user.id)), 303)
    page = people.audit.page(wanted)
    targets = [entry.target for entry in page.entries]
    return render_template(
        "people/audit.html",
        wanted=wanted,
        page=page,
        events=EVENTS,
        outcomes=OUTCOMES,
        chips=CHIPS,
        names=people.users.names([wanted.person, wanted.target, *targets]),
        tasks=_tasks(targets),
        changes_of=changes,
    )


def _tasks(targets: Iterable[str]) -> dict[str, Task]:
    """Return the tasks that are still there of those that targets name, by ID."""
    ids: list[ObjectId] = [found for found in map(parse_task_id, set(targets)) if found]
    return {str(task.id): task for task in (access().rows(ids) if ids else [])}


def changes(entry: Entry) -> list[Change]:
    """Return what an entry says of before and after, field by field; what stayed is left out."""
    before, after = _fields(entry.before), _fields(entry.after)
    changed = [
        Change(name, _shown(before, name), _shown(after, name))
        for name in dict.fromkeys([*before, *after])
        if name not in before or name not in after or before[name] != after[name]
    ]
    return changed[:MOST_CHANGES]


def _fields(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    return value if isinstance(value, dict) else {"": value}


def _shown(values: dict[str, Any], name: str) -> str | None:
    return as_text(values[name])[:MOST_SHOWN] if name in values else None


@blueprint.post("/audit/export")
@requires("audit.read")
def export() -> Response:
    """Every entry of a filter as a file; the export is an entry itself, written before the first byte."""
    wanted = AuditFilter.parse(request.args.to_dict(flat=False))
    chosen = require_format(request.form.get("format", ""))
    audit = services().people.audit
    about = {"format": chosen, **wanted.narrowing}
    audit.record(current_person(), current_origin(), Event.AUDIT_EXPORT, after=about)
    return exported("audit", chosen, FIELDS, map(values_of, audit.walk(wanted)))
