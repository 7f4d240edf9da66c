"""The vocabulary: every word that tasks were ever given, so that a search can be by prefix.

A prefix is first turned into the whole words that begin with it; the tasks are then found by
equality, which an index serves in the order of the list. Words are only ever added.
"""

from __future__ import annotations

from pymongo.errors import BulkWriteError

from app.core.db import Mongo
from app.core.errors import BadQuery

# MongoDB merges at most 200 ranges of an index in order (internalQueryMaxScansToExplode), else it sorts
# whatever matches: 11 words, 6 statuses and 3 priorities are 198.
EXPANSIONS = 11
REMEMBERED = 50_000


class Words:
    """The words collection of ``db``, with those already known to this process."""

    def __init__(self, db: Mongo) -> None:
        self._words = db.words
        self._known: set[str] = set()

    def learn(self, words: list[str]) -> None:
        """Make sure that each of these words can be found by its beginning."""
        new = [word for word in words if word not in self._known]
        if not new:
            return
        there = {found["_id"] for found in self._words.find({"_id": {"$in": new}})}
        missing = [{"_id": word} for word in new if word not in there]
        if missing:
            try:
                self._words.insert_many(missing, ordered=False)
            except BulkWriteError as error:
                if any(problem["code"] != 11000 for problem in error.details["writeErrors"]):
                    raise
        if len(self._known) > REMEMBERED:
            self._known.clear()
        self._known.update(new)

    def expand(self, prefix: str) -> list[str]:
        """The first `EXPANSIONS` words that begin with ``prefix``, in order of the alphabet."""
        if len(prefix) < 2:
            raise BadQuery("Please search for at least two letters of a word.")
        query = {"_id": {"$gte": prefix, "$lt": prefix + "\U0010ffff"}}
        return [found["_id"] for found in self._words.find(query).sort([("_id", 1)]).limit(EXPANSIONS)]
