"""Who is told of what, by the rights that subscribers have now: what `app.core.notifications` asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.core.access.rights import Rights
from app.core.errors import BadQuery, Forbidden
from app.core.listing.filter import TaskFilter
from app.core.listing.listing import Listing
from app.core.mongo import Document
from app.core.people.people import People
from app.core.people.person import Origin
from app.core.people.roles import Permission


@dataclass(frozen=True)
class Subscribers:
    """Answers by users as they are in MongoDB now."""

    people: People
    listing: Listing

    def subscribes(self, owner: str) -> bool:
        return self._rights(owner) is not None

    def may_know(self, owner: str, of: str, *, private: bool) -> bool:
        rights = self._rights(owner)
        return rights is not None and rights.may_know(of, private=private)

    def visible(self, owner: str, wanted: Mapping[str, str]) -> Document | None:
        rights = self._rights(owner)
        if rights is None:
            return None
        try:
            listing = self.listing.within(rights.readable())
            return listing.query(TaskFilter.parse({name: [text] for name, text in wanted.items()}))
        except (BadQuery, Forbidden):  # of another version, which took more
            return None

    def names(self, owners: Iterable[str]) -> dict[str, str]:
        wanted = list(owners)
        return {owner: owner for owner in wanted} | self.people.users.names(wanted)

    def _rights(self, owner: str) -> Rights | None:
        """Return the rights of who may have subscriptions still."""
        user = self.people.users.find(owner)
        if user is None or not user.enabled:
            return None
        person = self.people.users.person(user)
        if not person.may(Permission.NOTIFICATION_MANAGE):
            return None
        return Rights(person, Origin(), self.people.audit)
