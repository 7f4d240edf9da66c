"""Files that are there already as the inputs of a new task: `?file=ID` in the address of a form, per file.

An output of a task so becomes the input of the next without a download and an upload. The address carries
IDs and nothing else; who may use a file is asked when the form is opened, and again when it is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bson import ObjectId
from flask import request

from app.core.catalog import TaskType
from app.core.errors import BadQuery
from app.core.files.store import StoredFile
from app.core.params.fields import Field
from app.core.params.file_types import accepted, not_accepted
from app.core.params.paths import MOST_ITEMS
from app.extensions import services
from app.web.create import uploads
from app.web.platform.permissions import current_person

ARGUMENT = "file"


@dataclass(frozen=True)
class Carried:
    """The files that an address names; ``gone`` is how many of them are deleted or somebody else's."""

    files: tuple[StoredFile, ...] = ()
    gone: int = 0

    @classmethod
    def asked(cls) -> Carried:
        """What this request names. Raises BadQuery for what cannot be the ID of a file."""
        ids = list(dict.fromkeys(request.args.getlist(ARGUMENT)))
        if len(ids) > MOST_ITEMS:
            raise BadQuery(f"A form takes {MOST_ITEMS} files at most; {len(ids):,} were named.")
        for text in ids:
            if len(text) != 24 or not ObjectId.is_valid(text):
                raise BadQuery(f"“{text[:60]}” is not the ID of a file.")
        known = services().files.usable(ids, current_person().id) if ids else {}
        found = tuple(known[one] for one in ids if one in known)
        return cls(found, len(ids) - len(found))

    def __bool__(self) -> bool:
        return bool(self.files or self.gone)

    @property
    def ids(self) -> list[str]:
        """For the next address."""
        return [str(file.id) for file in self.files]


@dataclass(frozen=True)
class Placed:
    """Which parameter gets which files, as values of a form, and what is said beside those that get none."""

    values: Mapping[str, str | list[str]]
    problems: Mapping[str, str]
    left: tuple[StoredFile, ...]


def place(fields: Iterable[Field], carried: Carried) -> Placed:
    """Give each file to the first parameter that takes it and has room, in the order of the form."""
    taking = [each for each in fields if each.kind.takes_files]
    chosen: dict[str, list[StoredFile]] = {each.name: [] for each in taking}
    left = []
    for file in carried.files:
        free = (each for each in taking if _takes(each, file) and len(chosen[each.name]) < _room(each))
        if field := next(free, None):
            chosen[field.name].append(file)
        else:
            left.append(file)
    return Placed(_values(taking, chosen), _problems(taking, chosen, left, carried.gone), tuple(left))


def fits(task_type: TaskType, carried: Carried) -> bool:
    """Return whether a type takes all of the files."""
    return not place(task_type.fields, carried).left


def _takes(each: Field, file: StoredFile) -> bool:
    return accepted(each, file.name, file.content_type)


def _room(each: Field) -> int:
    return min(MOST_ITEMS, each.max_items or MOST_ITEMS) if each.kind.several else 1


def _values(
    taking: Sequence[Field], chosen: Mapping[str, Sequence[StoredFile]]
) -> dict[str, str | list[str]]:
    several = {
        each.name: [str(file.id) for file in chosen[each.name]] for each in taking if chosen[each.name]
    }
    single = {each.name for each in taking if not each.kind.several}
    return {name: ids[0] if name in single else ids for name, ids in several.items()}


def _problems(
    taking: Sequence[Field],
    chosen: Mapping[str, Sequence[StoredFile]],
    left: Sequence[StoredFile],
    gone: int,
) -> dict[str, str]:
    """A sentence beside the first parameter that could have got what is missing."""
    if not taking:
        return {}
    first = next((each for each in taking if not chosen[each.name]), taking[0])
    sentences = [uploads.gone(gone)] if gone else []
    for file in left:
        fitting = any(_takes(each, file) for each in taking)
        sentences.append(f"There is no room for {file.name}." if fitting else not_accepted(first, file.name))
    return {first.name: "\n".join(sentences)} if sentences else {}
