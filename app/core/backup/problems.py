"""What can be wrong with an export or an import: a code to decide on, a sentence for the person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from app.core.errors import TaskQueueError


class BackupProblem(Enum):
    """Why an export or an import did not come to its end."""

    DAMAGED = "damaged"
    """What is in a file is not what was written."""

    MISSING = "missing"
    """A file that the manifest names is not there."""

    UNFINISHED = "unfinished"
    """The export did not come to its end: it has no manifest."""

    FOREIGN = "foreign"
    """Files of another program, or under names that no export of ours has."""

    NEWER = "newer"
    """A format that a later version writes."""

    NOT_EMPTY = "not_empty"
    """The folder or the database holds something already."""

    BUSY = "busy"
    """Another process is exporting into this folder."""

    OTHER = "other"
    """What was begun there is the export of another database, or the import of another export."""

    NO_SNAPSHOT = "no_snapshot"
    """A snapshot was required, and the server has none."""

    WORKERS = "workers"
    """Workers are online where an import would change what they work on."""

    HALF_IMPORTED = "half_imported"
    """The database is being imported into, or an import of it was interrupted."""

    REFUSED = "refused"
    """The server refused a document."""

    DIFFERS = "differs"
    """What the server holds is not what was given to it."""

    DISK = "disk"
    """A file could not be read or written."""


class BackupError(TaskQueueError):
    """An export or an import that is not complete; nothing incomplete is called complete."""

    status = 422
    title = "The export or import is not complete"

    def __init__(self, problem: BackupProblem, message: str) -> None:
        super().__init__(message)
        self.problem = problem


class Caution(Enum):
    """What is to be read after an import that did come to its end."""

    KEPT = "kept"
    """Documents that were there with other content, and stay as they are."""

    INDEX = "index"
    """An index that could not be created."""

    OPTIONS = "options"
    """Options of a collection that the server refused."""

    VERSION = "version"
    """The documents have the format of an older version."""

    KEY = "key"
    """The settings lack a key under which secrets may be sealed."""


@dataclass(frozen=True)
class Warned:
    """Something to read: its code, and a sentence."""

    caution: Caution
    message: str


@dataclass(frozen=True)
class CollectionProgress:
    """How far something has come with one collection; ``documents`` and ``bytes`` so far."""

    doing: str
    collection: str
    documents: int
    bytes: int
    done: bool = False


Report = Callable[[CollectionProgress], None]


def unheard(step: CollectionProgress) -> None:
    """Tell nobody."""
