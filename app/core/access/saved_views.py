"""Saved views as one person may see and change them: their own, and those that others share."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bson import ObjectId

from app.core.access.engine import Engine
from app.core.access.rights import Rights
from app.core.errors import NotFound
from app.core.people.audit import Event
from app.core.people.roles import Permission, Reach
from app.core.views.look import Look
from app.core.views.preferences import Preference
from app.core.views.saved_views import MISSING, NewView, SavedView


@dataclass(frozen=True)
class Views:
    """Views of the list. Each method raises Forbidden where a permission is missing."""

    _engine: Engine
    _rights: Rights

    @property
    def _me(self) -> str:
        return self._rights.person.id

    def get(self, view_id: ObjectId | None) -> SavedView:
        """Raises NotFound where there is no such view, or none for this person."""
        self._rights.require(Permission.TASK_READ)
        view = self._engine.views.find(view_id) if view_id else None
        if view is None or not (view.shared or view.owner == self._me):
            raise NotFound(MISSING)
        return view

    def find(self, view_id: ObjectId | None) -> SavedView | None:
        """Return a view that the person sees, if there is one."""
        try:
            return self.get(view_id)
        except NotFound:
            return None

    def own(self) -> list[SavedView]:
        """Return the person's views by name."""
        return self._engine.views.of(self._me)

    def of_others(self) -> list[SavedView]:
        """Return the views that others share, by name."""
        return self._engine.views.of_others(self._me)

    def may_change(self, view: SavedView) -> bool:
        """Return whether a visible view may be changed: an own one, or a shared one by who shares for all."""
        person = self._rights.person
        if view.owner == self._me:
            return person.may(Permission.VIEW_SAVE) and (not view.shared or self.may_share)
        return view.shared and person.grants.get(Permission.VIEW_SHARE) is Reach.ANY

    @property
    def may_share(self) -> bool:
        return self._rights.person.may(Permission.VIEW_SHARE)

    def add(self, new: NewView) -> SavedView:
        """Save a view of the person's own. Raises Invalid, Conflict, Forbidden."""
        self._rights.require(Permission.VIEW_SAVE)
        self._require_share(shared=new.shared)
        view = self._engine.views.add(self._me, new)
        self._record_shared(None, view)
        return view

    def save(self, new: NewView, *, over: bool) -> SavedView:
        """Save a view; with ``over``, in the place of the own one of its name. Raises as `add`."""
        known = self._engine.views.named(self._me, new.name) if over else None
        return self.replace(known, new) if known else self.add(new)

    def replace(self, before: SavedView, new: NewView) -> SavedView:
        """Give a view that `get` returned another name and content.

        Raises Changed where it was changed since; NotFound, Invalid, Conflict, Forbidden.
        """
        self._require_change(before)
        self._require_share(shared=new.shared)
        after = self._engine.views.replace(before, new)
        self._record_shared(before, after)
        return after

    def rename(self, view_id: ObjectId | None, name: str, *, shared: bool) -> SavedView:
        """Give a view another name, and share it or not. Raises as `replace`."""
        before = self.get(view_id)
        return self.replace(before, NewView(name, before.filter, before.look, shared))

    def delete(self, view: SavedView, *, as_read: bool = False) -> None:
        """Delete a view that `get` returned. Raises NotFound, Forbidden; with ``as_read`` Changed, too."""
        self._require_change(view)
        self._engine.views.delete(view, as_read=as_read)
        self._record_shared(view, None)

    def _require_change(self, view: SavedView) -> None:
        if not self.may_change(view):
            needed = Permission.VIEW_SHARE if view.shared else Permission.VIEW_SAVE
            raise self._rights.refused(needed, str(view.id))

    def _require_share(self, *, shared: bool) -> None:
        if shared:
            self._rights.require(Permission.VIEW_SHARE)

    def _record_shared(self, before: SavedView | None, after: SavedView | None) -> None:
        """Record what everybody sees: of a view that nobody shares or shared, nothing is recorded."""
        if not any(view and view.shared for view in (before, after)):
            return
        described = [view and {"name": view.name, "shared": view.shared} for view in (before, after)]
        target = after or before
        self._rights.record(
            Event.VIEW_SHARE, str(target.id) if target else "", before=described[0], after=described[1]
        )

    # What the person prefers

    def preference(self) -> Preference:
        """Return how the person's lists look and begin; a first view that is gone is none."""
        found = self._engine.preferences.of(self._me)
        return found if found.first is None or self.find(found.first) else replace(found, first=None)

    def prefer(self, look: Look) -> None:
        """Have the person's lists look so."""
        self._rights.require(Permission.VIEW_SAVE)
        self._engine.preferences.set_look(self._me, look)

    def begin_with(self, view_id: ObjectId | None) -> None:
        """Have the list begin with a view; with None, with all tasks. Raises NotFound."""
        self._rights.require(Permission.VIEW_SAVE)
        self._engine.preferences.set_first(self._me, self.get(view_id).id if view_id else None)
