"""What permissions are called on pages, and the tables of what each role may do and how much of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.core.people.roles import Permission, Reach, Role, grants_of
from config import Settings
from setting_values import PerRole

LABELS = {
    Permission.TASK_READ: "View tasks",
    Permission.TASK_DOWNLOAD: "Download files and results",
    Permission.TASK_CREATE: "Create tasks",
    Permission.TASK_CLONE: "Run tasks again",
    Permission.TASK_CANCEL: "Cancel tasks",
    Permission.TASK_RETRY: "Retry tasks",
    Permission.TASK_REPRIORITIZE: "Change the priority of tasks",
    Permission.TASK_DELETE: "Delete tasks",
    Permission.TASK_TAG: "Tag tasks",
    Permission.TASK_READ_PRIVATE: "View private tasks",
    Permission.SECRET_USE: "Use secrets",
    Permission.VIEW_SAVE: "Save views of the list",
    Permission.VIEW_SHARE: "Share views of the list",
    Permission.PROFILE_MANAGE: "Manage the profile",
    Permission.NOTIFICATION_MANAGE: "Manage notifications",
    Permission.WORKER_MANAGE: "Manage workers",
    Permission.QUEUE_MANAGE: "Manage queues and task types",
    Permission.SETTINGS_READ: "View settings",
    Permission.METRICS_READ: "Read metrics",
    Permission.AUDIT_READ: "View the audit",
    Permission.USER_MANAGE: "Manage users",
}
OWN_OR_ANY = frozenset(
    {permission for permission in Permission if permission.value.startswith("task.")}
    - {Permission.TASK_CREATE, Permission.TASK_READ_PRIVATE}
) | {Permission.NOTIFICATION_MANAGE}
"""Permissions for which it matters whose task it is."""
REACHES = {Reach.OWN: "Own", Reach.ANY: "All"}


@dataclass(frozen=True)
class Granted:
    """A row of a table: a permission or quota, and what each role has of it; an empty text for nothing."""

    label: str
    by_role: tuple[str, ...]


def table(*, own_tasks_only: bool) -> list[Granted]:
    """Return what each role may do, in the order of the permissions; see `app.core.people.person.ADDED`."""
    grants = [grants_of(role, own_tasks_only=own_tasks_only) for role in Role]
    return [
        Granted(LABELS[permission], tuple(_word(permission, granted.get(permission)) for granted in grants))
        for permission in Permission
    ]


def quotas(settings: Settings) -> list[Granted]:
    """Return how much each role may ask for, per person; an empty text where it has no limit."""
    rows = {
        "Waiting tasks": settings.max_waiting_tasks,
        "Tasks per minute": settings.submits_per_minute,
        "Uploads per hour": settings.uploads_per_hour,
        "Megabytes of uploads per day": settings.upload_mb_per_day,
    }
    return [Granted(label, tuple(map(_number(limits), Role))) for label, limits in rows.items()]


def _number(limits: PerRole) -> Callable[[Role], str]:
    found = dict(limits)

    def number(role: Role) -> str:
        if Permission.TASK_CREATE not in grants_of(role):
            return "–"
        return f"{found[role.value]:,}" if role.value in found else ""

    return number


def _word(permission: Permission, reach: Reach | None) -> str:
    if reach is None:
        return ""
    return REACHES[reach] if permission in OWN_OR_ANY else "Yes"
