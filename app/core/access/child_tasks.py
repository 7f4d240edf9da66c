"""Tasks that a task submits: by the rights of its owner, each once, however often it is tried again."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from app.core.access.access import Access
from app.core.access.inputs import TaskRequest, checked_task
from app.core.catalog import Catalog
from app.core.errors import Conflict, Invalid
from app.core.people.person import Origin, Person
from app.core.people.users import Users
from app.core.secrets.redaction import Mask
from app.core.secrets.secret import masked
from app.core.tasks.queries import Queries
from app.core.tasks.task import NewTask, Task

DEEPEST = 20
"""So many tasks may be above one: a type that submits itself would never end."""
LONGEST_KEY = 255
MOST_LISTED = 10_000
SHOWS_SECRET = "This holds a secret of the task that submits it. Give secrets to secret parameters only."  # noqa: S105 - a sentence


@dataclass(frozen=True)
class ChildTasks:
    """Submits tasks for tasks that run."""

    access: Callable[[Person, Origin], Access]
    users: Users
    catalog: Catalog
    queries: Queries

    def submit(
        self, parent: Task, asked: TaskRequest, key: str | None, seen: Counter[str], mask: Mask
    ) -> Task:
        """Create a task for ``parent``, or return the one that an earlier attempt of it has created.

        ``key`` tells it from others of its parent; without one, its type and parameters do, and which of
        several with the same ones it is: ``seen`` counts those that the attempt has asked for. ``mask``
        knows the secrets of the parent. Raises NotFound, Forbidden, Invalid, QuotaExceeded, Unavailable, and
        Conflict for a key that the parent has used for something else.
        """
        if parent.depth >= DEEPEST:
            raise Invalid(f"{DEEPEST} tasks are above this one, the most there may be. Submit none from it.")
        if key is not None and not 0 < len(key) <= LONGEST_KEY:
            raise Invalid(f"A key is of 1 to {LONGEST_KEY} characters.")
        kind = self.catalog.get(asked.type)
        access = self.access(self._owner(parent), Origin(request_id=str(parent.id), via="task"))
        access.require_type(kind)
        new = checked_task(kind, kind.fields, replace(asked, private=parent.private), access.files)
        _require_hidden(new, mask)
        content = _hashed([new.type, masked(new.params)])
        place = ["content", content, seen[content]] if key is None else ["key", key]
        new = replace(
            new,
            submission_key=_hashed(["child", str(parent.id), *place]),
            submission_hash=content,
            child_of=parent.id,
            depth=parent.depth + 1,
        )
        submitted = access.submit(new, kind)
        if not submitted.created and submitted.task.submission_hash != content:
            raise Conflict("This key was used for another task of the same parent. Use one key for one task.")
        seen[content] += 1
        return submitted.task

    def of(self, parent: Task) -> list[Task]:
        """Return the tasks that a task has submitted and that are still there, oldest first."""
        return self.queries.children(parent.id, MOST_LISTED)

    def _owner(self, parent: Task) -> Person:
        """Return the owner of a task as somebody who acts; one who may not sign in may do nothing."""
        user = next(iter(self.users.among({parent.owner})), None)
        if user is None or not user.enabled:
            return Person(parent.owner, user.name if user else "")
        return self.users.person(user)


def _require_hidden(new: NewTask, mask: Mask) -> None:
    """Raise Invalid where a secret of the parent would be read in what everybody may read."""
    shown = {f"params.{name}": value for name, value in masked(new.params).items()}
    shown |= {"title": new.title, "tags": list(new.tags)}

    def shows(text: str) -> bool:
        return mask.text(text) != text

    if wrong := [name for name, value in shown.items() if any(map(shows, _texts(value)))]:
        raise Invalid("Check the fields.", dict.fromkeys(wrong, SHOWS_SECRET))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in [*value, *value.values()] if isinstance(value, dict) else value:
            yield from _texts(inner)


def _hashed(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
