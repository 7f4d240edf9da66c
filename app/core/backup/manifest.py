"""What an export says of itself: the file that is written last, so that an export without it is not one.

The text is canonical and holds a hash of itself, so that a changed bit anywhere in it is noticed.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime
from enum import Enum
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from app.core.backup.problems import BackupError, BackupProblem

FORMAT = 1
NAME = "manifest.json"
MOST_BYTES = 16 * 2**20
_DATABASE = re.compile(r"""[^/\\. "$*<>:|?\x00-\x1f\x7f]{1,63}""")
_COLLECTION = re.compile(r"[^/\\$\x00-\x1f\x7f]+")
_ESCAPED_MOST = 83  # A file's name then fits into the header of a tar.


class Consistency(str, Enum):
    """What the collections of an export have to do with each other."""

    SNAPSHOT = "snapshot"
    """All are of one moment."""

    SEQUENTIAL = "sequential"
    """They were read one after another, in the order of the manifest, while others may have written."""


class Snapshot(str, Enum):
    """What came of asking the server for a snapshot."""

    HELD = "held"
    REFUSED = "refused"
    IGNORED = "ignored"
    """Accepted, and not kept: a write that came later was seen."""

    UNTESTED = "untested"
    """Accepted; whether it is kept could not be tried, as the account may not write."""

    EXPIRED = "expired"
    """Held, until the server no longer had the past."""

    RESUMED = "resumed"
    """The export was interrupted, and a snapshot does not outlive its process."""


def is_database(name: str) -> bool:
    return _DATABASE.fullmatch(name) is not None


def is_collection(name: str) -> bool:
    """Whether a collection of this name can be exported; every one of ours can."""
    sound = _COLLECTION.fullmatch(name) and ".." not in name and name.strip(".") == name
    return bool(sound) and not name.startswith("system.") and len(escaped(name)) <= _ESCAPED_MOST


def escaped(name: str) -> str:
    """A collection's name as that of a file, escaped as mongodump does it."""
    return quote(name.encode("utf-8", "surrogatepass"), safe="")


def _checked(test: Any, what: str) -> AfterValidator:
    def check(value: str) -> str:
        if not test(value):
            raise ValueError(f"no name of a {what}")
        return value

    return AfterValidator(check)


Count = Annotated[int, Field(ge=0)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Strict(BaseModel):
    """Exactly these fields, of exactly these types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class FileContent(Strict):
    """The documents of one file: how many, and their bytes; the same of the gzip file around them."""

    count: Count
    bytes: Count
    sha256: Sha256
    file_bytes: Count
    file_sha256: Sha256


class CollectionEntry(Strict):
    """One collection; ``uuid`` is the server's name for it, where it has one."""

    name: Annotated[str, _checked(is_collection, "collection")]
    uuid: str
    content: FileContent
    metadata_sha256: Sha256

    @property
    def documents_file(self) -> str:
        return documents_file(self.name)

    @property
    def metadata_file(self) -> str:
        return metadata_file(self.name)


def documents_file(collection: str) -> str:
    return f"{escaped(collection)}.bson.gz"


def metadata_file(collection: str) -> str:
    return f"{escaped(collection)}.metadata.json.gz"


class LeftOut(Strict):
    """Something in the database that is no part of the export: a view, or a name that cannot be a file's."""

    name: str
    type: str


class Activity(Strict):
    """What else went on: workers online, and tasks that ran, the most that was seen."""

    workers: Count
    running: Count


class Manifest(Strict):
    """An export. ``keys`` are the fingerprints of the secret keys, as sealed secrets name them."""

    format: int
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    program: str
    database: Annotated[str, _checked(is_database, "database")]
    server: dict[str, str]
    started_at: datetime
    finished_at: datetime
    keys: list[str]
    consistency: Consistency
    snapshot: Snapshot
    activity: Activity
    collections: list[CollectionEntry]
    left_out: list[LeftOut]

    def entry(self, name: str) -> CollectionEntry | None:
        return next((entry for entry in self.collections if entry.name == name), None)

    @property
    def files(self) -> set[str]:
        """The names of all files in the database's folder."""
        return {name for entry in self.collections for name in (entry.documents_file, entry.metadata_file)}


def write(manifest: Manifest) -> bytes:
    return canonical(json.loads(manifest.model_dump_json()))


def canonical(document: dict[str, Any]) -> bytes:
    """A JSON document with a hash of itself, always the same bytes."""
    body = {name: value for name, value in document.items() if name != "hash"}
    return _text({**body, "hash": hashlib.sha256(_text(body)).hexdigest()})


def _text(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()


def parsed(content: bytes, what: str) -> dict[str, Any]:
    """What :func:`canonical` wrote. Raises BackupError for anything else."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or canonical(document) != content:
        raise BackupError(BackupProblem.DAMAGED, f"{what} is damaged: it is not as it was written.")
    return {name: value for name, value in document.items() if name != "hash"}


def read(content: bytes) -> Manifest:
    """Raises BackupError for a manifest that is damaged, or that a newer version wrote."""
    document = parsed(content, NAME)
    version = document.get("format")
    if isinstance(version, int) and version > FORMAT:
        raise BackupError(
            BackupProblem.NEWER,
            f"This export has format {version}; this version reads format {FORMAT}. "
            "Import it with the version that wrote it, or a newer one.",
        )
    try:
        manifest = Manifest.model_validate_json(json.dumps(document))
    except ValidationError as error:
        first = ".".join(map(str, error.errors()[0]["loc"]))
        raise BackupError(BackupProblem.FOREIGN, f"{NAME} has an unusable field: {first}.") from None
    names = [entry.name for entry in manifest.collections]
    if len(set(names)) < len(names):
        raise BackupError(BackupProblem.FOREIGN, f"{NAME} names a collection twice.")
    return manifest
