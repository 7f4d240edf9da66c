"""The vocabulary: the words that tasks were given, so that a search can be by prefix.

A prefix is first turned into the whole words that begin with it; the tasks are then found by
equality, which an index serves in the order of the list. Words that no task has any more are skipped
where there are many, and forgotten by maintenance some days after they were last given to one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from app.core.clock import utcnow
from app.core.errors import BadSearch
from app.core.mongo import Mongo
from app.core.stored import is_time
from app.core.tasks.task import ERROR_MARK, WORKER_MARK

# MongoDB merges at most 200 ranges of an index in order (internalQueryMaxScansToExplode), else it sorts
# whatever matches: 11 words, 6 statuses and 3 priorities are 198.
EXPANSIONS = 11
LOOKED_THROUGH = 500
REMEMBERED = 50_000
LEARNED_AT_ONCE = 1_000

# A process that knows a word does not write it again while it is FRESH, so what it knows may be twice as
# old when it gives the word to a task: only what is older than that can be forgotten.
EVERYWHERE = ("", ERROR_MARK, WORKER_MARK)
"""Before which a word of a search may stand: a word of a task, of its error, a worker's name."""

FRESH = timedelta(days=1)
FORGOTTEN = timedelta(days=3)


@dataclass(frozen=True)
class Expansion:
    """The words that a prefix stands for; ``cut`` when there are more, or may be."""

    prefix: str
    words: tuple[str, ...]
    cut: bool = False


@contextmanager
def _unless_there() -> Iterator[None]:
    """Let pass that another process has written the same word at the same time."""
    try:
        yield
    except BulkWriteError as error:
        if any(problem["code"] != 11000 for problem in error.details["writeErrors"]):
            raise


class Words:
    """The words collection of ``db``, with those already known to this process."""

    def __init__(self, db: Mongo) -> None:
        self._words, self._tasks = db.words, db.tasks
        self._known: dict[str, datetime] = {}
        self._pruned_to = ""

    def learn(self, words: list[str]) -> None:
        """Make sure that each of these words can be found by its beginning."""
        now = utcnow()
        new = [word for word in words if word not in self._known or self._known[word] < now - FRESH]
        if not new:
            return
        for at in range(0, len(new), LEARNED_AT_ONCE):
            self._learn(new[at : at + LEARNED_AT_ONCE], now)
        if len(self._known) > REMEMBERED:
            self._known.clear()
        self._known.update(dict.fromkeys(new, now))

    def _learn(self, new: list[str], now: datetime) -> None:
        """Write words that this process has not written lately: whole ones are inserted, which is quick."""
        found = {word["_id"]: word.get("at") for word in self._words.find({"_id": {"$in": new}})}
        fresh = {word for word, at in found.items() if isinstance(at, datetime) and at > now - FRESH}
        old = [word for word in found if word not in fresh]
        if len(found) < len(new):
            with _unless_there():
                unknown = [{"_id": word, "at": now} for word in new if word not in found]
                self._words.insert_many(unknown, ordered=False)
        if old:  # Upserts, as maintenance may have forgotten one meanwhile.
            with _unless_there():
                again = [UpdateOne({"_id": word}, {"$set": {"at": now}}, upsert=True) for word in old]
                self._words.bulk_write(again, ordered=False)

    def expand(self, prefix: str, marks: tuple[str, ...] = ("",)) -> Expansion:
        """The first `EXPANSIONS` words that begin with ``prefix``, in order of the alphabet, mark by mark.

        Where there are more, only those that a task has count. Raises BadSearch.
        """
        if len(prefix) < 2 and "" in marks:
            raise BadSearch("Type at least 2 letters, or paste a task ID.")
        found = [self._beginning(f"{mark}{prefix}") for mark in marks]
        begin_so = [word for words in found for word in words[:LOOKED_THROUGH]]
        if sum(map(len, found)) <= EXPANSIONS:
            return Expansion(prefix, tuple(begin_so))
        living = [*islice(filter(self._lives, begin_so), EXPANSIONS + 1)]
        cut = len(living) > EXPANSIONS or any(len(words) > LOOKED_THROUGH for words in found)
        return Expansion(prefix, tuple(living[:EXPANSIONS]), cut)

    def _beginning(self, prefix: str) -> list[str]:
        query = {"_id": {"$gte": prefix, "$lt": prefix + "\U0010ffff"}}
        found = self._words.find(query, {"_id": 1}).sort([("_id", 1)]).limit(LOOKED_THROUGH + 1)
        return [word["_id"] for word in found]

    def _lives(self, word: str) -> bool:
        """Whether some task has this word; the first entry of an index says so."""
        return self._tasks.find_one({"keywords": word}, {"_id": 1}) is not None

    def prune(self, limit: int) -> int:
        """Forget the words that no task has any more among the next ``limit``; returns how many.

        Each call goes on where the last one ended, and after the last word from the first.
        """
        found = self._words.find({"_id": {"$gt": self._pruned_to}}).sort([("_id", 1)]).limit(limit)
        some = list(found)
        self._pruned_to = some[-1]["_id"] if len(some) == limit else ""
        old = [word for word in some if not is_time(word.get("at")) or word["at"] < utcnow() - FORGOTTEN]
        gone = [word for word in old if not self._lives(word["_id"])]
        return sum(self._words.delete_one({"at": None, **word}).deleted_count for word in gone)
