"""Encrypt the secrets of tasks again under the current key, so that former keys can be forgotten.

A secret that is under the current key stays as it is: a run that was interrupted is continued by another one,
and a second run changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from bson import ObjectId

from app.core.secrets.secret import SEALED, is_sealed, replaced
from app.core.secrets.vault import CannotOpen, Vault


class AllParams(Protocol):
    """Where the parameters of all tasks are read: `app.core.tasks.queries.Queries`."""

    def all_params(self) -> Iterator[tuple[ObjectId, Any]]: ...


class ParamsWriter(Protocol):
    """Where they are written: `app.core.tasks.store.Tasks`."""

    def replace_params(self, task_id: ObjectId, before: Any, after: Any) -> bool: ...


@dataclass
class Rotation:
    """How many secrets there are: encrypted again, under the current key already, or under no known one."""

    tasks: int = 0
    renewed: int = 0
    current: int = 0
    unreadable: int = 0

    def add(self, other: Rotation) -> None:
        self.renewed += other.renewed
        self.current += other.current
        self.unreadable += other.unreadable


def rotate(queries: AllParams, tasks: ParamsWriter, vault: Vault, *, dry_run: bool = False) -> Rotation:
    """Encrypt again what is not under the first key; with ``dry_run`` count only.

    Raises CannotOpen where there is no key.
    """
    vault.require_key()
    done = Rotation()
    for task_id, params in queries.all_params():
        counted = Rotation()
        after = _renewed(params, task_id, vault, counted)
        if not counted.renewed + counted.current + counted.unreadable:
            continue
        if counted.renewed and not dry_run and not tasks.replace_params(task_id, params, after):
            continue  # The task was deleted meanwhile.
        done.tasks += 1
        done.add(counted)
    return done


def _renewed(params: Any, task_id: ObjectId, vault: Vault, counted: Rotation) -> Any:
    def again(value: Any) -> Any:
        if vault.is_current(value[SEALED]):
            counted.current += 1
            return value
        try:
            sealed = {SEALED: vault.sealed_again(value[SEALED], task_id)}
        except CannotOpen:
            counted.unreadable += 1
            return value
        counted.renewed += 1
        return sealed

    return replaced(params, is_sealed, again)
