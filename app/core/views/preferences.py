"""What each person prefers of the list: its look, and the view that it begins with."""

from __future__ import annotations

from dataclasses import dataclass

from bson import ObjectId

from app.core import stored
from app.core.errors import BadQuery
from app.core.mongo import Document, Mongo
from app.core.views.look import Look


@dataclass(frozen=True)
class Preference:
    """The look of lists, and the ID of the view that the list begins with, if any."""

    look: Look = Look()
    first: ObjectId | None = None


_REQUIRED: dict[str, stored.Check] = {"_id": stored.is_name}
_OPTIONAL: dict[str, stored.Check] = {
    "columns": stored.list_of(stored.is_text),
    "density": stored.is_text,
    "first": stored.maybe(stored.is_id),
}


def _preference(document: Document) -> Preference:
    """Raises DamagedDocumentError."""
    values = stored.checked(document, _REQUIRED, _OPTIONAL)
    usual = Look()
    try:
        look = Look.parse(values.get("columns", usual.columns), values.get("density", usual.density))
    except BadQuery:  # Of another version.
        look = usual
    return Preference(look, values.get("first"))


class Preferences:
    """The collection `list_preferences`: a document per person, by the ID of the user."""

    def __init__(self, db: Mongo) -> None:
        self._preferences = db.list_preferences

    def of(self, person: str) -> Preference:
        document = self._preferences.find_one({"_id": person})
        found = stored.readable("preference", _preference, [document] if document else [])
        return next(found, Preference())

    def set_look(self, person: str, look: Look) -> None:
        self._set(person, {"columns": list(look.columns), "density": look.density})

    def set_first(self, person: str, view: ObjectId | None) -> None:
        self._set(person, {"first": view})

    def _set(self, person: str, values: Document) -> None:
        self._preferences.update_one({"_id": person}, {"$set": values}, upsert=True)
