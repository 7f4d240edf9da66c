"""What a step of a migration is: edits of documents that can be made again, each under a guard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from app.core.mongo import Document


@dataclass(frozen=True)
class Edit:
    """An update of a document that still holds what ``guard`` says. Made again, it changes nothing."""

    guard: Document
    update: Document


@dataclass(frozen=True)
class Judged:
    """What a step makes of a document; ``problem`` is why something of it stays as it is, else empty."""

    edits: tuple[Edit, ...] = ()
    problem: str = ""


class Step(Protocol):
    """One step, from the version before ``version`` to it, over one database.

    A step that was made for a dry run changes nothing outside the documents that it is asked about either.
    """

    version: int
    title: str
    collections: tuple[str, ...]

    def fields(self, collection: str) -> Document:
        """Return the projection of what has to be read of a document."""
        ...

    def judge(self, collection: str, document: Document) -> Judged:
        """Return what has to change in a document; nothing where it has the new format already."""
        ...

    def notes(self) -> list[str]:
        """Return sentences about what the step does besides its edits, or would do."""
        ...
