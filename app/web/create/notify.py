"""Whom to tell when a new task has ended: the person's own subscriptions, as Create Task offers them."""

from __future__ import annotations

from bson import ObjectId
from flask import request

from app.core.notifications.subscription import Subscription
from app.core.people.roles import Permission
from app.core.tasks.task import parse_task_id
from app.extensions import access

NAME = "notify"
MOST = 50


def offered() -> list[Subscription]:
    """Return the person's subscriptions that are on; none for who may not subscribe."""
    if not access().person.may(Permission.NOTIFICATION_MANAGE):
        return []
    return [found for found in access().notifications.all() if found.asked.enabled]


def chosen() -> tuple[ObjectId, ...]:
    """Return what a sent form names; what is no ID, or no subscription any more, is left out."""
    if not request.form.getlist(NAME):
        return ()
    named = {parse_task_id(text) for text in request.form.getlist(NAME)[:MOST]}
    return tuple(found.id for found in offered() if found.id in named)
