"""What one person may do to which tasks, and what is said and recorded when they may not.

An invisible task is as if it did not exist (NotFound); for a visible one a missing permission is Forbidden.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from app.core.errors import Forbidden
from app.core.people.audit import Audit, Event, Outcome
from app.core.people.person import Origin, Person
from app.core.people.roles import Permission, Reach, Role
from app.core.secrets.secret import masked
from app.core.tasks.states import Action
from app.core.tasks.store import missing
from app.core.tasks.task import TEAM_KEYWORD, Task, owner_keyword, private_keyword

PERMISSIONS: Mapping[Action, Permission] = {
    Action.CANCEL: Permission.TASK_CANCEL,
    Action.RETRY: Permission.TASK_RETRY,
    Action.REPRIORITIZE: Permission.TASK_REPRIORITIZE,
    Action.CLONE: Permission.TASK_CLONE,
    Action.DELETE: Permission.TASK_DELETE,
    Action.TAG: Permission.TASK_TAG,
    Action.UNTAG: Permission.TASK_TAG,
}

_VERBS = {
    Permission.TASK_READ: "view {}",
    Permission.TASK_DOWNLOAD: "download files of {}",
    Permission.TASK_CREATE: "create {}",
    Permission.TASK_CLONE: "run {} again",
    Permission.TASK_CANCEL: "cancel {}",
    Permission.TASK_RETRY: "retry {}",
    Permission.TASK_REPRIORITIZE: "change the priority of {}",
    Permission.TASK_DELETE: "delete {}",
    Permission.TASK_TAG: "change the tags of {}",
    Permission.WORKER_MANAGE: "stop workers",
    Permission.NOTIFICATION_MANAGE: "manage notifications",
    Permission.QUEUE_MANAGE: "pause or resume queues and task types",
}
OTHERS_SECRET = "This task uses a secret of its owner, so only its owner can retry it."  # noqa: S105 - a sentence
NO_SECRETS = "You don't have permission to use secrets. Ask an administrator."


def holds_secret(params: Mapping[str, Any]) -> bool:
    """Return whether there is a secret among parameters, sealed or not."""
    return bool(masked(params) != params)


def refusal(permission: Permission, *, own: bool = False, token: bool = False) -> str:
    """Return what a person without a permission is told; ``own``: they have it for their own tasks.

    ``token``: it is a program that asks, whose token may have less than its owner.
    """
    if token and not own:
        return f"This token doesn't have the permission {permission.value}. Use one that has it."
    if permission is Permission.SECRET_USE:
        return OTHERS_SECRET if own else NO_SECRETS
    verb = _VERBS.get(permission)
    if verb is None:
        return "You don't have permission to open this page. Ask an administrator."
    if own:
        return f"You can {verb.format('your own tasks')} only. Ask the owner of this one, or an operator."
    return f"You don't have permission to {verb.format('tasks')}. Ask an administrator."


@dataclass(frozen=True)
class Rights:
    """The rights of ``person``; what is done and refused is recorded in ``audit``, with the origin."""

    person: Person
    origin: Origin
    audit: Audit

    # Which tasks there are for this person

    @property
    def sees_all(self) -> bool:
        """Whether no task is invisible."""
        return not self._conditions(Permission.TASK_READ)

    def sees(self, task: Task) -> bool:
        """Return whether the person may know that a task exists; their own always."""
        return self.may_know(task.owner, private=task.private)

    def may_know(self, owner: str, *, private: bool) -> bool:
        """Return whether the person may know that there is a task of an owner."""
        if owner == self.person.id:
            return bool(self.person.id)
        if self.person.grants.get(Permission.TASK_READ) is not Reach.ANY:
            return False
        return not private or self.person.may(Permission.TASK_READ_PRIVATE, owner)

    def require_seen(self, task: Task) -> None:
        """Raise Forbidden for who reads no tasks, NotFound for who may not know of this one."""
        self.require(Permission.TASK_READ)
        if not self.sees(task):
            raise missing(task.id)

    def readable(self) -> tuple[str, ...]:
        """Return keywords of which every readable task has one; none where all are. Raises Forbidden."""
        self.require(Permission.TASK_READ)
        return self._conditions(Permission.TASK_READ)

    def reached(self, permission: Permission) -> tuple[str, ...]:
        """Return the same for those of them that a permission reaches. Raises Forbidden."""
        self.require(permission)
        if self.person.grants[permission] is Reach.OWN:
            return (owner_keyword(self.person.id),)
        return self.readable()

    def _conditions(self, permission: Permission) -> tuple[str, ...]:
        if self.person.grants.get(permission) is not Reach.ANY:
            return (owner_keyword(self.person.id),)
        if self.person.grants.get(Permission.TASK_READ_PRIVATE) is Reach.ANY:
            return ()
        return TEAM_KEYWORD, private_keyword(self.person.id)

    # What they may do

    def permits(self, action: Action, task: Task) -> bool:
        """Return whether an action on a visible task is permitted, whatever its status and type."""
        if not self.person.may(PERMISSIONS[action], task.owner):
            return False
        if action is Action.CLONE:
            return self.person.may(Permission.TASK_CREATE)
        return action is not Action.RETRY or self._permits_secrets(task)

    def _permits_secrets(self, task: Task) -> bool:
        return self.person.may(Permission.SECRET_USE, task.owner) or not holds_secret(task.params)

    def require_action(self, action: Action, task: Task) -> None:
        """Raise Forbidden, and record it, where an action is not permitted."""
        self.require(PERMISSIONS[action], task.owner, str(task.id))
        if action is Action.CLONE:
            self.require(Permission.TASK_CREATE, target=str(task.id))
        if action is Action.RETRY and not self._permits_secrets(task):
            raise self.refused(Permission.SECRET_USE, str(task.id))

    def require(self, permission: Permission, owner: str | None = None, target: str = "") -> None:
        """Raise Forbidden, and record it, where a permission is missing."""
        if not self.person.may(permission, owner):
            raise self.refused(permission, target)

    def refused(self, permission: Permission, target: str = "", sentence: str = "") -> Forbidden:
        """Record that something was refused; returns the error to raise."""
        if self.person.signed_in:
            self.audit.record(
                self.person,
                self.origin,
                Event.REFUSED,
                target,
                outcome=Outcome.FAILED,
                reason=permission.value,
            )
        own, token = permission in self.person.grants, self.origin.via == "token"
        return Forbidden(sentence or refusal(permission, own=own, token=token))

    # Which types they may use

    @property
    def uses_all_types(self) -> bool:
        """Whether no type can ask for more than this person has."""
        return self.person.types is None and self.person.role is Role.ADMINISTRATOR

    def may_use(self, name: str, roles: tuple[str, ...], groups: tuple[str, ...]) -> bool:
        """Return whether the person may create tasks of a type that asks for these roles or groups."""
        person = self.person
        if person.types is not None and name not in person.types:
            return False
        if not roles and not groups or person.role is Role.ADMINISTRATOR:
            return True
        enough = [role.rank for role in Role if role.value in roles]
        if person.role is not None and enough and person.role.rank >= min(enough):
            return True
        return not person.groups.isdisjoint(groups)

    def require_type(
        self, name: str, roles: tuple[str, ...], groups: tuple[str, ...], target: str = ""
    ) -> None:
        """Raise Forbidden, and record it, where the person may not create tasks of a type."""
        if not self.may_use(name, roles, groups):
            sentence = self._type_refusal(name, roles, groups)
            raise self.refused(Permission.TASK_CREATE, target or name, sentence)

    def _type_refusal(self, name: str, roles: tuple[str, ...], groups: tuple[str, ...]) -> str:
        if self.person.types is not None and name not in self.person.types:
            return f"This token can't be used for the task type “{name}”."
        known = [role for role in Role if role.value in roles]
        wanted = [f"the role {known[0].value} or higher"] if known else []
        if groups:
            named = ", ".join(sorted(groups))
            wanted.append(f"membership in {'one of the groups' if groups[1:] else 'the group'} {named}")
        required = " or ".join(wanted) or "the role administrator"
        return f"Creating tasks of the type “{name}” requires {required}. Ask an administrator."

    # What is recorded

    def record(
        self,
        event: Event,
        target: str,
        *,
        before: Any = None,
        after: Any = None,
        entry_id: ObjectId | None = None,
    ) -> None:
        """Record something that was done; with an ``entry_id``, once."""
        self.audit.record(
            self.person, self.origin, event, target, before=before, after=after, entry_id=entry_id
        )
