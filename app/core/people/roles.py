"""The one table of what each role may do.

A permission is either for a person's own things or for anybody's (:class:`Reach`). Routes, buttons and the
core's reads and writes (`app.core.access`) all ask :meth:`app.core.people.person.Person.may`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, IntEnum
from types import MappingProxyType


class Permission(str, Enum):
    """A thing that can be done. The value is what routes declare, tokens are scoped to and MongoDB holds."""

    TASK_READ = "task.read"
    TASK_DOWNLOAD = "task.download"
    TASK_CREATE = "task.create"
    TASK_CLONE = "task.clone"
    TASK_CANCEL = "task.cancel"
    TASK_RETRY = "task.retry"
    TASK_REPRIORITIZE = "task.reprioritize"
    TASK_DELETE = "task.delete"
    TASK_TAG = "task.tag"
    TASK_READ_PRIVATE = "task.read_private"
    """Private tasks of others count among the tasks that the other permissions reach."""
    SECRET_USE = "secret.use"  # noqa: S105 - a permission's name
    """Send a secret with a task, or send a past task's again."""
    VIEW_SAVE = "view.save"
    """Save views of the list for oneself, and choose its columns."""
    VIEW_SHARE = "view.share"
    """Share saved views with everybody; change and delete those that others share."""
    PROFILE_MANAGE = "profile.manage"
    """The user's own password, second factor, passkeys, sessions and tokens."""
    NOTIFICATION_MANAGE = "notification.manage"
    """Subscribe to events of tasks, by webhook, e-mail and chat."""
    WORKER_MANAGE = "worker.manage"
    QUEUE_MANAGE = "queue.manage"
    SETTINGS_READ = "settings.read"
    METRICS_READ = "metrics.read"
    """What Prometheus reads: figures of everybody's tasks."""
    AUDIT_READ = "audit.read"
    USER_MANAGE = "user.manage"


class Reach(IntEnum):
    """Whose things a permission is for; a greater one includes a smaller one."""

    OWN = 1
    ANY = 2


class Role(str, Enum):
    """What somebody is here; the value is what MongoDB holds. In order: each may do what those before may."""

    VIEWER = "viewer"
    SUBMITTER = "submitter"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"

    @property
    def label(self) -> str:
        return self.value.capitalize()

    @property
    def rank(self) -> int:
        return list(Role).index(self)


Grants = Mapping[Permission, Reach]

_OWN, _ANY = Reach.OWN, Reach.ANY

ADDED: Mapping[Role, Grants] = {
    Role.VIEWER: {
        Permission.TASK_READ: _ANY,
        Permission.TASK_DOWNLOAD: _ANY,
        Permission.VIEW_SAVE: _OWN,
        Permission.PROFILE_MANAGE: _OWN,
    },
    Role.SUBMITTER: {
        Permission.TASK_CREATE: _OWN,
        Permission.TASK_CLONE: _ANY,
        Permission.TASK_CANCEL: _OWN,
        Permission.TASK_RETRY: _OWN,
        Permission.TASK_REPRIORITIZE: _OWN,
        Permission.TASK_DELETE: _OWN,
        Permission.TASK_TAG: _OWN,
        Permission.SECRET_USE: _OWN,
        Permission.NOTIFICATION_MANAGE: _OWN,
    },
    Role.OPERATOR: {
        Permission.TASK_CANCEL: _ANY,
        Permission.TASK_RETRY: _ANY,
        Permission.TASK_REPRIORITIZE: _ANY,
        Permission.TASK_DELETE: _ANY,
        Permission.TASK_TAG: _ANY,
        Permission.TASK_READ_PRIVATE: _ANY,
        Permission.VIEW_SHARE: _ANY,
        Permission.WORKER_MANAGE: _ANY,
        Permission.QUEUE_MANAGE: _ANY,
        Permission.SETTINGS_READ: _ANY,
        Permission.METRICS_READ: _ANY,
    },
    Role.ADMINISTRATOR: {
        Permission.AUDIT_READ: _ANY,
        Permission.USER_MANAGE: _ANY,
        Permission.NOTIFICATION_MANAGE: _ANY,
    },
}
"""The table: what each role may do besides what the roles before it may."""

READING = (Permission.TASK_READ, Permission.TASK_DOWNLOAD, Permission.TASK_CLONE)


def grants_of(role: Role, *, own_tasks_only: bool = False) -> Grants:
    """Return what a role may do. With ``own_tasks_only`` (the setting TASK_VISIBILITY=own), viewers and
    submitters read their own tasks and nobody else's."""
    found: dict[Permission, Reach] = {}
    for other, added in ADDED.items():
        if other.rank <= role.rank:
            found |= added
    if own_tasks_only and role.rank < Role.OPERATOR.rank:
        found |= {permission: Reach.OWN for permission in READING if permission in found}
    return MappingProxyType(found)
