"""What `outbox`, `conditions` and `sending` ask about people; `app.core.access.notifications` answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from app.core.mongo import Document
from app.core.notifications.subscription import Scope, Subscription
from app.core.tasks.task import owner_keyword


class Audience(Protocol):
    """Rights as they are now: `app.core.access.notifications`."""

    def subscribes(self, owner: str) -> bool:
        """Return whether a person may sign in and have subscriptions still."""

    def may_know(self, owner: str, of: str, *, private: bool) -> bool:
        """Return whether a person may know that there is a task of ``of``."""

    def visible(self, owner: str, wanted: Mapping[str, str]) -> Document | None:
        """Return the query of the tasks that a person may know of and a filter matches; None for no tasks."""

    def names(self, owners: Iterable[str]) -> dict[str, str]:
        """Return what people are called, by ID."""


def concerned(audience: Audience, subscription: Subscription) -> Document | None:
    """Return the query of the tasks that a subscription is for, whatever their status; None for no tasks."""
    asked = subscription.asked
    visible = None if asked.scope is Scope.CHOSEN else audience.visible(subscription.owner, asked.filter)
    if visible is None:
        return None
    parts: list[Document] = [visible] if visible else []
    if asked.scope is Scope.OWN:
        parts.append({"keywords": owner_keyword(subscription.owner)})
    if asked.types:
        parts.append({"type": {"$in": list(asked.types)}})
    return {"$and": parts} if parts else {}
