"""The user's own subscriptions and their deliveries; a list of everybody's for administrators.

A secret is in no address, no flash and no log: it is on the page that answers the form that made it, once.
"""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.core.access.notifications import Notifications
from app.core.errors import Changed, Conflict, Invalid, TaskQueueError
from app.core.notifications.deliveries import DeliveryState, Why
from app.core.notifications.events import CHOSEN, EventType
from app.core.notifications.subscription import FILTERS, Channel, NewSubscription, Off, Scope, Subscription
from app.core.notifications.subscriptions import FORMER_SECRET
from app.core.tasks.task import parse_task_id
from app.extensions import access, services
from app.web.create.envelope import nonce
from app.web.platform import request_args
from app.web.platform.errors import problem_of, wants_json
from app.web.platform.flashes import flash_at
from app.web.platform.permissions import requires

blueprint = Blueprint("notifications", __name__, url_prefix="/profile/notifications")

EVENTS = {
    EventType.TASK_SUCCEEDED: "A task succeeded",
    EventType.TASK_FAILED: "A task failed",
    EventType.TASK_CANCELED: "A task was canceled",
    EventType.TASKS_FAILING: "Several tasks failed in a short time",
    EventType.TASK_WAITING: "A task has been waiting for a long time",
    EventType.TYPE_UNSERVED: "Tasks are waiting and no online worker has their type",
    EventType.TEST: "Test",
}
SCOPES = {
    Scope.OWN: "My tasks",
    Scope.ANY: "All tasks that I may see",
    Scope.CHOSEN: "Only tasks for which I choose this subscription",
}
SCOPES_OF_OTHERS = {
    Scope.OWN: "Their tasks",
    Scope.ANY: "All tasks that they may see",
    Scope.CHOSEN: "Only tasks for which they choose it",
}
CHANNELS = {
    Channel.WEBHOOK: "Webhook",
    Channel.EMAIL: "E-mail",
    Channel.SLACK: "Slack, Mattermost, Rocket.Chat or Google Chat",
    Channel.DISCORD: "Discord",
    Channel.TEAMS: "Microsoft Teams",
}
STATES = {
    DeliveryState.PENDING: "Pending",
    DeliveryState.DELIVERED: "Delivered",
    DeliveryState.FAILED: "Failed",
}
OUTCOMES = {
    Why.ACCEPTED: "Accepted",
    Why.REFUSED: "Refused",
    Why.NOT_ALLOWED: "Address not allowed",
    Why.NO_ANSWER: "No answer",
    Why.NO_SECRET: "The secret can't be read",
    Why.NO_MAIL_SERVER: "No mail server is set up (SMTP_HOST)",
    Why.GONE: "The subscription was off or deleted",
    Why.NOT_PERMITTED: "You may not view the task any more",
    Why.ERROR: "Internal error; see the worker's log",
}


OFF = {
    Off.GONE: "Turned off: the receiver answered 410, which means that it wants no more messages.",
    Off.DEAD: "Turned off: all attempts to send a message failed, and no other one was accepted meanwhile.",
}


NOT_ROTATED = "Secret not rotated: the subscription has changed since this page was opened."


@blueprint.get("")
@requires("notification.manage")
def index() -> str:
    return _list()


@blueprint.post("")
@requires("notification.manage")
def create() -> Any:
    try:
        asked = _asked()
        request_args.require_unsent(request.form)
        made, secret = _mine().create(asked)
    except (Invalid, Conflict) as error:
        if wants_json():
            raise
        return make_response(_list(error), error.status)
    if not secret:
        return _back(made, f"“{made.asked.name}” is created.")
    return make_response(_show(made, secret=secret), 201)


@blueprint.get("/all")
@requires("notification.manage")
def everybody() -> str:
    """Everybody's subscriptions, for administrators."""
    found = _mine().all(everybody=True)
    return render_template(
        "people/all_notifications.html",
        subscriptions=found,
        owners=services().people.users.names(one.owner for one in found),
        **_words(),
    )


@blueprint.get("/<subscription_id>")
@requires("notification.manage")
def show(subscription_id: str) -> str:
    return _show(_mine().mine(parse_task_id(subscription_id)))


@blueprint.post("/<subscription_id>")
@requires("notification.manage")
def change(subscription_id: str) -> Any:
    found = _mine().mine(parse_task_id(subscription_id))
    try:
        changed = _mine().change(found.id, _asked(found.asked.channel), _number("version"))
    except (Invalid, Conflict) as error:
        if wants_json():
            raise
        return make_response(_show(found, error), error.status)
    return _back(changed, "Saved.")


@blueprint.post("/<subscription_id>/test")
@requires("notification.manage")
def test(subscription_id: str) -> Response:
    found = _mine().mine(parse_task_id(subscription_id))
    _mine().test(found.id)
    return _back(found, "A test is on its way. Reload the page to see what became of it.")


@blueprint.post("/<subscription_id>/rotate")
@requires("notification.manage")
def rotate(subscription_id: str) -> Any:
    """Answer with the new secret, this once: a reload sends a version that is no longer the one."""
    found = _mine().mine(parse_task_id(subscription_id))
    try:
        found, secret = _mine().rotate(found.id, _number("version"))
    except Changed:
        if wants_json():
            raise
        return _back(found, NOT_ROTATED, "danger")
    return make_response(_show(found, secret=secret), 200)


@blueprint.post("/<subscription_id>/delete")
@requires("notification.manage")
def delete(subscription_id: str) -> Response:
    found = _mine().delete(parse_task_id(subscription_id))
    own = found.owner == access().person.id
    address = url_for(".index" if own else ".everybody")
    flash_at(address, f"“{found.asked.name}” is deleted.", "success")
    return redirect(address, 303)


@blueprint.get("/deliveries/<delivery_id>")
@requires("notification.manage")
def delivery(delivery_id: str) -> str:
    found = _mine().delivery(parse_task_id(delivery_id))
    own = {one.id: one for one in _mine().all()}
    return render_template(
        "people/delivery.html", delivery=found, subscription=own.get(found.subscription), **_words()
    )


@blueprint.post("/deliveries/<delivery_id>/resend")
@requires("notification.manage")
def resend(delivery_id: str) -> Response:
    sent = _mine().send_again(parse_task_id(delivery_id))
    address = url_for(".delivery", delivery_id=sent.id)
    flash_at(
        address, "The delivery is being sent again. Reload the page to see what became of it.", "success"
    )
    return redirect(address, 303)


def _mine() -> Notifications:
    return access().notifications


def _back(found: Subscription, said: str, category: str = "success") -> Response:
    address = url_for(".show", subscription_id=found.id)
    flash_at(address, said, category)
    return redirect(address, 303)


# What was sent


def _asked(channel: Channel | None = None) -> NewSubscription:
    """Raises Invalid."""
    sent = request.form
    if sent.get("types") == "some" and not sent.getlist("type"):  # Saved as none, it would be for all.
        raise Invalid("Check the subscription.", {"types": "Choose at least one task type."})
    return NewSubscription(
        name=sent.get("name", ""),
        channel=channel or _one_of(Channel, "channel", Channel.WEBHOOK),
        address=sent.get("address", ""),
        events=tuple(event for event in CHOSEN if event.value in sent.getlist("event")),
        scope=_one_of(Scope, "scope", Scope.OWN),
        types=tuple(sent.getlist("type")) if sent.get("types") == "some" else (),
        filter={name: text for name in FILTERS if (text := sent.get(f"filter_{name}", "").strip())},
        count=_number("count"),
        minutes=_number("minutes"),
        wait_minutes=_number("wait_minutes"),
        enabled=bool(sent.get("enabled")),
    )


def _one_of(kind: Any, name: str, otherwise: Any) -> Any:
    """Raises Invalid."""
    text = request.form.get(name, otherwise.value)
    if text not in {one.value for one in kind}:
        raise Invalid("Check the subscription.", {name: "Choose one of the options."})
    return kind(text)


def _number(name: str) -> int:
    """Return a number, or 0 for what is none, which no field takes."""
    text = request.form.get(name, "").strip()
    return int(text) if re.fullmatch("[0-9]{1,6}", text) else 0


# What is shown


def _list(error: TaskQueueError | None = None) -> str:
    return render_template(
        "people/notifications.html",
        subscriptions=_mine().all(),
        for_everybody=_mine().for_everybody,
        submission_key=nonce(),
        **_form(None, error),
    )


def _show(found: Subscription, error: TaskQueueError | None = None, *, secret: str = "") -> str:
    after = request_args.only("after").get("after", "") if request.method == "GET" else ""
    return render_template(
        "people/notification.html",
        subscription=found,
        secret=secret,
        former_hours=int(FORMER_SECRET.total_seconds() // 3600),
        page=_mine().deliveries(after, found),
        first=not after,
        **_form(found.asked, error),
    )


def _form(asked: NewSubscription | None, error: TaskQueueError | None) -> dict[str, Any]:
    """Return what the form shows: what was sent where that was wrong, else what is stored."""
    rights = access()
    try:
        shown = _asked(asked.channel if asked else None) if error else asked
    except Invalid:
        shown = asked
    kinds = {kind.name: kind.title for kind in services().catalog.names() if rights.may_use(kind)}
    return {
        "asked": shown or NewSubscription("", Channel.WEBHOOK, "", (EventType.TASK_FAILED,)),
        "problem": problem_of(error) if error else None,
        "kinds": kinds | {name: name for name in (shown.types if shown else ()) if name not in kinds},
        "filters": {"q": "Search", "tag": "Tag", "owner": "Owner ID", "priority": "Priority"},
        "mail": bool(services().settings.smtp_host),
        **_words(),
    }


def _words() -> dict[str, Any]:
    return {
        "events": EVENTS,
        "chosen": CHOSEN,
        "scopes": SCOPES,
        "scopes_of_others": SCOPES_OF_OTHERS,
        "channels": CHANNELS,
        "states": STATES,
        "off": OFF,
        "outcomes": {why.value: label for why, label in OUTCOMES.items()},
        "event_label": lambda name: EVENTS[EventType(name)] if name in _EVENT_NAMES else name,
    }


_EVENT_NAMES = {event.value for event in EventType}
