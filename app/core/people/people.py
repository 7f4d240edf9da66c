"""The parts of this room over one database."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta

from app.core.mongo import Mongo
from app.core.people.api_tokens import ApiTokens
from app.core.people.audit import Audit
from app.core.people.links import Links
from app.core.people.sessions import Sessions
from app.core.people.users import Users
from config import Settings


@dataclass(frozen=True)
class People:
    """Who there is, who is signed in, and what they did."""

    users: Users
    sessions: Sessions
    links: Links
    tokens: ApiTokens
    audit: Audit

    @classmethod
    def of(cls, db: Mongo, settings: Settings, providers: Callable[[], Collection[str]] = tuple) -> People:
        """``providers`` are the names of what signs people in instead of a password here."""
        return cls(
            users=Users(
                db,
                own_tasks_only=settings.task_visibility == "own",
                local=settings.local,
                second_factor_roles=settings.second_factor_roles,
                providers=providers,
            ),
            sessions=Sessions(
                db, timedelta(hours=settings.session_idle_h), timedelta(hours=settings.session_max_h)
            ),
            links=Links(db),
            tokens=ApiTokens(db),
            audit=Audit(db, timedelta(days=settings.audit_retention_days)),
        )
