"""What a search stands for: the tasks whose IDs it names, and the words that its words begin."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bson import ObjectId
from pymongo.collection import Collection

from app.core.errors import BadSearch
from app.core.listing.filter import TaskFilter
from app.core.listing.search_index import EVERYWHERE, Expansion, Words
from app.core.mongo import Document
from app.core.tasks.task import ERROR_MARK, ID_END, WORKER_MARK, sought_id, words_of

MOST_WORDS = 5
MOST_NAMED = 20


@dataclass(frozen=True)
class Sought:
    """What a search stands for: the tasks of ``ids`` where it is an ID, and those with all of the words.

    ``more`` is the beginning of an ID that more tasks have than are named; ``tags`` are tags that all have.
    """

    words: tuple[Expansion, ...] = ()
    ids: tuple[ObjectId, ...] | None = None
    more: str = ""
    tags: tuple[str, ...] = ()

    @property
    def asks(self) -> bool:
        """Whether it leaves tasks out."""
        return bool(self.words or self.tags or self.ids is not None)

    @property
    def cut(self) -> tuple[Expansion, ...]:
        more = (Expansion(self.more, (), cut=True),) if self.more else ()
        return tuple(word for word in self.words if word.cut) + more


@dataclass(frozen=True)
class Search:
    """Looks up what is typed, among the tasks and the words that they are found by.

    ``condition`` is the part of a query that leaves out tasks which a person may not see.
    """

    _tasks: Collection[Document]
    _words: Words

    def ids_of(self, text: str, condition: Document) -> tuple[ObjectId, ...] | None:
        """Return the IDs that a text names, also by a piece: the end that pages show, or the beginning.

        None where it names none.
        """
        if found := sought_id(text):
            return (found,)
        piece = text.strip().lower()
        if not re.fullmatch(f"[0-9a-f]{{{ID_END},23}}", piece):
            return None
        begin_so = {"$gte": ObjectId(piece.ljust(24, "0")), "$lte": ObjectId(piece.ljust(24, "f"))}
        pieces: list[Document] = [{"_id": begin_so}, *([{"id_end": piece}] if len(piece) == ID_END else [])]
        named = [
            task["_id"]
            for query in pieces
            for task in self._tasks.find({**query, **condition}, {"_id": 1}).limit(MOST_NAMED + 1)
        ]
        return tuple(dict.fromkeys(named)) or None

    def of(self, wanted: TaskFilter, condition: Document) -> Sought:
        """Return what the words of a filter stand for. Raises BadSearch."""
        words = [self._words.expand(wanted.worker.lower(), (WORKER_MARK,))] if wanted.worker else []
        of_error = words_of(wanted.error_words, most=MOST_WORDS)
        words += [self._words.expand(word, (ERROR_MARK,)) for word in of_error]
        ids = self.ids_of(wanted.q, condition) if wanted.q else None
        if ids:
            more = wanted.q if len(ids) > MOST_NAMED else ""
            return Sought(tuple(words), ids[:MOST_NAMED], more)
        if wanted.q and not words_of(wanted.q):
            raise BadSearch("Type at least 2 letters, or paste a task ID.")
        return Sought((*words, *self._typed_words(wanted.q)[:MOST_WORDS]))

    def _typed_words(self, text: str) -> list[Expansion]:
        """Return what words stand for; a name with signs in it, such as a worker's, counts as a whole."""
        found = []
        for part in text.replace('"', " ").split():
            named = self._words.expand(part.lower(), (WORKER_MARK,)) if re.search(r"\W", part) else None
            if named and named.words:
                found.append(named)
            else:
                found += [self._words.expand(word, EVERYWHERE) for word in words_of(part, most=MOST_WORDS)]
        return found
