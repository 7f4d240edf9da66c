"""Who is told of what, by the rights that subscribers have now: what `app.core.notifications` asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.core.access.rights import Rights
from app.core.errors import BadQuery
from app.core.listing.filter import TaskFilter
from app.core.listing.listing import Listing
from app.core.people.people import People
from app.core.people.person import Origin
from app.core.people.roles import Permission
from app.core.tasks.queries import Queries
from app.core.tasks.task import Task


@dataclass(frozen=True)
class Subscribers:
    """Answers by users as they are in MongoDB now."""

    people: People
    listing: Listing
    queries: Queries

    def enabled(self, owner: str) -> bool:
        user = self.people.users.find(owner)
        return user is not None and user.enabled

    def sees(self, owner: str, task: Task, wanted: Mapping[str, str]) -> bool:
        user = self.people.users.find(owner)
        if user is None or not user.enabled:
            return False
        person = self.people.users.person(user)
        if not person.may(Permission.NOTIFICATION_MANAGE):
            return False
        if not Rights(person, Origin(), self.people.audit).sees(task):
            return False
        return not wanted or self._matches(task, wanted)

    def _matches(self, task: Task, wanted: Mapping[str, str]) -> bool:
        try:
            query = self.listing.query(TaskFilter.parse({name: [text] for name, text in wanted.items()}))
        except BadQuery:  # of another version, which took more
            return False
        return bool(self.queries.find({"$and": [{"_id": task.id}, query]}, [("_id", 1)], 1))

    def name(self, owner: str) -> str:
        return self.people.users.names([owner]).get(owner, owner)
