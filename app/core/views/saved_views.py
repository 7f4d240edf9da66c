"""Saved views: a filter, a sort and the look of the list under a name, for one person or for everybody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from app.core import stored
from app.core.clock import utcnow
from app.core.errors import BadQuery, Changed, Conflict, Invalid, NotFound
from app.core.listing.filter import TaskFilter
from app.core.mongo import Document, Mongo
from app.core.people.names import name_key
from app.core.tasks.task import one_line
from app.core.views.look import Look

LONGEST_NAME = 60
MOST = 50
"""So many views a person may have."""
MOST_SHARED = 200
"""So many views of others are listed, by name."""
MISSING = "This view doesn't exist. It may have been deleted, or is not shared any more."
CHANGED = "The view was changed meanwhile. Reload the page and try again."
FULL = f"You have {MOST} saved views, the most allowed. Delete one first."


@dataclass(frozen=True)
class NewView:
    """What somebody saves. ``filter`` is a query string without the place in the list."""

    name: str
    filter: Mapping[str, Any]
    look: Look
    shared: bool = False


@dataclass(frozen=True)
class SavedView:
    """A view as MongoDB holds it; ``owner`` is the ID of a user. Times are aware UTC.

    ``version`` is counted up by each change; 1 where MongoDB holds none.
    """

    id: ObjectId
    owner: str
    name: str
    changed_at: datetime
    shared: bool = False
    filter: dict[str, Any] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    density: str = "comfortable"
    version: int = 1

    @property
    def wanted(self) -> TaskFilter:
        """What its list shows. Raises BadQuery, also for a filter that this version does not have."""
        return TaskFilter.parse({name: [str(value)] for name, value in self.filter.items()})

    @property
    def look(self) -> Look:
        """How its list looks; as usual where this version does not have such columns."""
        try:
            return Look.parse(self.columns, self.density)
        except BadQuery:
            return Look()


_REQUIRED: dict[str, stored.Check] = {
    "_id": stored.is_id,
    "owner": stored.is_name,
    "name": stored.is_name,
    "changed_at": stored.is_time,
}
_OPTIONAL: dict[str, stored.Check] = {
    "shared": stored.is_flag,
    "filter": stored.is_document,
    "columns": stored.list_of(stored.is_text),
    "density": stored.is_text,
    "version": stored.is_count,
}


def _view(document: Document) -> SavedView:
    """Raises DamagedDocumentError."""
    values: dict[str, Any] = stored.checked(document, _REQUIRED, _OPTIONAL)
    values["columns"] = tuple(values.get("columns", ()))
    return SavedView(id=values.pop("_id"), **values)


def _readable(documents: Iterable[Document]) -> list[SavedView]:
    return list(stored.readable("saved view", _view, documents))


def checked_name(text: str) -> str:
    """Return the name of a view as it is stored. Raises Invalid."""
    name = one_line(text)
    if not 1 <= len(name) <= LONGEST_NAME:
        raise Invalid("Check the name.", {"name": f"Use 1 to {LONGEST_NAME} characters."})
    return name


class SavedViews:
    """The collection `saved_views`. A name is unique among those of a person, whatever its case.

    Each view of a person has a slot of its own, of `MOST`: so two requests at once cannot make too many.
    """

    def __init__(self, db: Mongo) -> None:
        self._views = db.saved_views

    def find(self, view_id: ObjectId) -> SavedView | None:
        document = self._views.find_one({"_id": view_id})
        return next(iter(_readable([document] if document else [])), None)

    def of(self, person: str) -> list[SavedView]:
        """Return the views of a person, by name."""
        return _readable(self._views.find({"owner": person}).sort([("name_key", 1)]).limit(MOST))

    def of_others(self, person: str) -> list[SavedView]:
        """Return the views that others share, by name; `MOST_SHARED` at most."""
        shared = self._views.find({"shared": True, "owner": {"$ne": person}})
        return _readable(shared.sort([("name_key", 1), ("_id", 1)]).limit(MOST_SHARED))

    def add(self, owner: str, new: NewView) -> SavedView:
        """Save a view. Raises Invalid for a name that cannot be used, Conflict for one that is taken, or
        where the person has too many."""
        name = checked_name(new.name)
        document = {
            "_id": ObjectId(),
            "owner": owner,
            "name": name,
            "name_key": name_key(name),
            "version": 1,
            **_values(new),
        }
        for _ in range(MOST):
            slot = self._free_slot(owner)
            try:
                self._views.insert_one({**document, "slot": slot})
                return _view(document)
            except DuplicateKeyError:
                # As it is stored: one that cannot be read has its name still.
                if self._views.find_one({"owner": owner, "name_key": document["name_key"]}, {"_id": 1}):
                    raise _taken(name) from None  # Else another request took the slot.
        raise Conflict("Other views are being saved at this moment. Try again.")

    def named(self, owner: str, name: str) -> SavedView | None:
        """Return the view of a person that has a name, in whatever case."""
        document = self._views.find_one({"owner": owner, "name_key": name_key(one_line(name))})
        return next(iter(_readable([document] if document else [])), None)

    def replace(self, view: SavedView, new: NewView) -> SavedView:
        """Give a view, as it was read, another name and content.

        Raises Invalid, Conflict for a name that is taken, Changed where it was changed since it was read,
        NotFound where it is gone.
        """
        name = checked_name(new.name)
        values = {"name": name, "name_key": name_key(name), "version": view.version + 1, **_values(new)}
        try:
            after = self._views.find_one_and_update(
                _as_read(view), {"$set": values}, return_document=ReturnDocument.AFTER
            )
        except DuplicateKeyError:
            raise _taken(name) from None
        if after is None:
            raise self._moved(view)
        return _view(after)

    def delete(self, view: SavedView, *, as_read: bool = False) -> None:
        """Delete a view; with ``as_read``, only as it was read. Raises Changed, NotFound."""
        guard = _as_read(view) if as_read else {"_id": view.id}
        if not self._views.delete_one(guard).deleted_count:
            raise self._moved(view)

    def _moved(self, view: SavedView) -> Changed | NotFound:
        return Changed(CHANGED) if self.find(view.id) else NotFound(MISSING)

    def _free_slot(self, owner: str) -> int:
        """Raises Conflict where there is none."""
        taken = {view.get("slot") for view in self._views.find({"owner": owner}, {"slot": 1})}
        free = next((slot for slot in range(MOST) if slot not in taken), None)
        if free is None:
            raise Conflict(FULL)
        return free


def _as_read(view: SavedView) -> Document:
    """Return what finds a view only as it was read; those of older versions of this program hold none."""
    return {"_id": view.id, "version": {"$in": [1, None]} if view.version == 1 else view.version}


def _values(new: NewView) -> Document:
    return {
        "shared": new.shared,
        "filter": dict(new.filter),
        "columns": list(new.look.columns),
        "density": new.look.density,
        "changed_at": utcnow(),
    }


def _taken(name: str) -> Conflict:
    return Conflict(f"You have a view “{name}” already. Choose another name, or replace it.")
