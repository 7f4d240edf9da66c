"""Somebody who uses the pages or the command line, and the permissions that there are."""

from __future__ import annotations

from dataclasses import dataclass

PUBLIC = "public"


PERMISSIONS = frozenset(
    {"task.read", "task.create", "task.cancel", "task.retry", "task.reprioritize", "task.delete"}
)


@dataclass(frozen=True)
class Person:
    """Somebody who uses the pages."""

    name: str
    permissions: frozenset[str]

    def may(self, permission: str) -> bool:
        return permission == PUBLIC or permission in self.permissions


LOCAL = Person("local", PERMISSIONS)
