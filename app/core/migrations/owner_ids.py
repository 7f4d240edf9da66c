"""Version 1: the owners of tasks and files, and who canceled a task, are stored as user IDs, not as names.

Each name becomes a user of its own, without a password: no two names become one person, so no
task comes to share its submission key with another. A task also gets the keywords by which lists find the
tasks that somebody may see.

The documents are written here as they were when this version was made, whatever later versions make of them.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import count
from typing import TypeGuard

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from app.core.clock import utcnow
from app.core.errors import Invalid
from app.core.migrations.step import Edit, Judged
from app.core.mongo import Document, Mongo
from app.core.people.names import checked_name, name_key
from app.core.people.users import LOCAL_NAME

FORMER_NAME = "former_name"
"""The field of a user that was added here: the name under which tasks were stored, as it was written."""

NAMELESS = "former-owner"
LONGEST_STEM = 70
NOTED = 20


class OwnerIds:
    """Owners, and those who canceled tasks, of ``db``."""

    version = 1
    title = "Owners of tasks and files become user IDs."
    collections: tuple[str, ...] = ("tasks", "files.files")

    def __init__(self, db: Mongo, dry: bool) -> None:
        self._ids = _UserIds(db, dry)

    def fields(self, collection: str) -> Document:
        if collection == "tasks":
            return {"owner": 1, "cancel": 1, "keywords": 1}
        return {"metadata": 1}

    def judge(self, collection: str, document: Document) -> Judged:
        return self._task(document) if collection == "tasks" else self._file(document)

    def notes(self) -> list[str]:
        return self._ids.notes()

    def _task(self, task: Document) -> Judged:
        owner, canceled = self._owner(task), self._canceled(task.get("cancel"))
        problems = [judged.problem for judged in (owner, canceled) if judged.problem]
        return Judged((*owner.edits, *canceled.edits), "; ".join(problems))

    def _owner(self, task: Document) -> Judged:
        name, keywords = task.get("owner"), task.get("keywords", [])
        if not _is_name(name):
            return Judged(problem=_unusable("owner", name))
        user = self._ids.of(name)
        values: Document = {"owner": user} if user != name else {}
        update: Document = {"$set": values} if values else {}
        problem = ""
        if not isinstance(keywords, list):
            problem = _unusable("keywords", keywords)
        elif missing := _missing(keywords, user):
            update["$addToSet"] = {"keywords": {"$each": missing}}
        return Judged((Edit({"owner": name}, update),) if update else (), problem)

    def _canceled(self, cancel: object) -> Judged:
        if cancel is None:
            return Judged()
        if not isinstance(cancel, dict):
            return Judged(problem=_unusable("cancel", cancel))
        name = cancel.get("by")
        if name is None:
            return Judged()
        if not _is_name(name):
            return Judged(problem=_unusable("cancel.by", name))
        return self._renamed("cancel.by", name)

    def _file(self, file: Document) -> Judged:
        about = file.get("metadata")
        name = about.get("owner") if isinstance(about, dict) else None
        if not _is_name(name):
            return Judged(problem=_unusable("metadata.owner", name))
        return self._renamed("metadata.owner", name)

    def _renamed(self, field: str, name: str) -> Judged:
        user = self._ids.of(name)
        return Judged((Edit({field: name}, {"$set": {field: user}}),)) if user != name else Judged()


def _is_name(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and value != ""


def _unusable(field: str, value: object) -> str:
    return f"{field} is {value!r:.60}"


def _missing(keywords: list[object], user: str) -> list[str]:
    """Return the keywords that a task of the user lacks; one that has an audience keeps it."""
    mine = f"owner:{user}"
    missing = [] if mine in keywords else [mine]
    audience = any(isinstance(word, str) and word.startswith("for:") for word in keywords)
    return missing if audience else [*missing, "for:team"]


class _UserIds:
    """The users of the names; those that lack one are added, in a dry run only noted."""

    def __init__(self, db: Mongo, dry: bool) -> None:
        self._users = db.users
        self._dry = dry
        self._known: dict[str, str] = {}
        self._added: list[str] = []

    def of(self, name: str) -> str:
        """Return the ID for what is stored: its user's, or itself where it is an ID already."""
        if name not in self._known:
            self._known[name] = self._found(name) or self._add(name)
        return self._known[name]

    def notes(self) -> list[str]:
        if not self._added:
            return []
        shown = ", ".join(self._added[:NOTED]) + (", ..." if len(self._added) > NOTED else "")
        done = "to be added" if self._dry else "added"
        return [f"Users {done}, without a password: {len(self._added):,} ({shown})."]

    def _found(self, name: str) -> str | None:
        if self._users.find_one({"_id": name}, {"_id": 1}):
            return name
        if user := self._users.find_one({FORMER_NAME: name}, {"_id": 1}):
            return str(user["_id"])
        user = self._users.find_one({"name_key": name_key(name)[:1_000], "name": name})
        return str(user["_id"]) if user and user.get(FORMER_NAME, name) == name else None

    def _add(self, name: str) -> str:
        role = "administrator" if name == LOCAL_NAME else "submitter"
        if self._dry:
            self._added.append(f"{_usable(name)}: {role}")
            return f"user of {name}"
        stem = _usable(name)
        for number in count(1):
            wanted = stem if number == 1 else f"{stem[:LONGEST_STEM].rstrip()}-{number}"
            document = {
                "_id": str(ObjectId()),
                "name": wanted,
                "name_key": name_key(wanted),
                "role": role,
                "groups": [],
                "created_at": utcnow(),
                "password_hash": None,
                FORMER_NAME: name,
            }
            try:
                self._users.insert_one(document)
            except DuplicateKeyError:
                if known := self._found(name):  # Another process was first.
                    return known
                continue
            self._added.append(f"{wanted}: {role}")
            return str(document["_id"])
        raise AssertionError  # There is always another number.


def _usable(name: str) -> str:
    """Return a name that a user can have, as near as may be."""
    plain = re.sub(r"[^\w .@+-]", "-", unicodedata.normalize("NFC", name[:1_000]))
    try:
        return checked_name(plain.strip()[:LONGEST_STEM])
    except Invalid:
        return NAMELESS
