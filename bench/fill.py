"""Tasks to measure with: some that wait and do nothing, and a made-up history of a month.

Documents are what the core itself would have written; the same seed gives the same ones.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId

from app.core.clock import utcnow
from app.core.listing.search_index import Words
from app.core.mongo import Document
from app.core.schema.indexes import create_indexes
from app.core.services import Services
from app.core.tasks.document import new_document
from app.core.tasks.states import Priority, Status
from app.core.tasks.store import LEASE
from app.core.tasks.task import NewTask, error_keywords, worker_keyword
from bench import report

BATCH = 1_000
MONTH_S = 30 * 24 * 3600
RECENT_S = 3600
RETENTION = timedelta(days=30)
TYPES = {"clean_table": 40, "count_slowly": 25, "call_service": 20, "monthly_report": 10, "analyse_table": 5}
STATUSES = {
    Status.SUCCEEDED: 78,
    Status.FAILED: 8,
    Status.QUEUED: 8,
    Status.CANCELED: 3,
    Status.SCHEDULED: 2,
    Status.RUNNING: 1,
}
PRIORITIES = {Priority.HIGH: 15, Priority.MEDIUM: 60, Priority.LOW: 25}
VERBS = ("clean", "import", "check", "send", "merge", "export", "count", "rebuild", "archive", "compare")
THINGS = (
    "customers",
    "orders",
    "invoices",
    "stock",
    "prices",
    "visits",
    "contracts",
    "payments",
    "addresses",
)
PLACES = ("berlin", "paris", "oslo", "lima", "kyoto", "nairobi", "quito", "porto", "leeds", "turin")
ERRORS = ("The file is not a table.", "The service answered 503.", "There is no column “email”.")
OWNERS = {"ann": 60, "bob": 30, "eve": 10}
COMMON_WORD = VERBS[0]


def rare_word(number: int) -> str:
    """A word that only one task has."""
    return f"batch{number}"


def batches(documents: list[Document]) -> Iterator[list[Document]]:
    for start in range(0, len(documents), BATCH):
        yield documents[start : start + BATCH]


def waiting(count: int) -> list[Document]:
    """No-op tasks, a third in each queue, dispatched as far as MongoDB knows."""
    now = utcnow()
    priorities = list(Priority)
    made = []
    for number in range(count):
        new = NewTask(
            type="noop",
            params={"number": number},
            title="Nothing",
            priority=priorities[number % 3],
            timeout_s=60,
        )
        made.append({**new_document(new, ObjectId(), now), "hint": "sent", "dispatched_at": now})
    return made


def history(count: int, seed: int = 7) -> list[Document]:
    """Tasks of the last month in all states, oldest first; those that wait are of the last hour."""
    chance = random.Random(seed)
    now = utcnow()
    made = [_past(chance, now, number) for number in range(count)]
    return sorted(made, key=lambda document: (document["created_at"], document["_id"]))


def _past(chance: random.Random, now: datetime, number: int) -> Document:
    status = _one(chance, STATUSES)
    age_s = chance.uniform(1, MONTH_S if status.ended else RECENT_S)
    created = now - timedelta(milliseconds=int(age_s * 1000))
    document = new_document(_submission(chance, status, now, number), _id(chance, created), created)
    document.update(STATES[status](chance, document))
    document["keywords"] += _of_attempt(document)
    if status is not Status.QUEUED:
        document.pop("hint", None)
    return document


def _of_attempt(document: Document) -> list[str]:
    """The keywords that an attempt adds."""
    last = document["history"][-1] if document["history"] else document.get("lease", {})
    workers = [worker_keyword(last["worker"])] if last else []
    return [*workers, *error_keywords(document.get("error"))]


def _submission(chance: random.Random, status: Status, now: datetime, number: int) -> NewTask:
    words = [chance.choice(each) for each in (VERBS, THINGS, PLACES)]
    later = now + timedelta(seconds=chance.uniform(60, MONTH_S))
    return NewTask(
        type=_one(chance, TYPES),
        params={"source": str(ObjectId()), "trim": True, "keep": chance.randrange(1000)},
        title=f"{' '.join(words)} {rare_word(number)}".capitalize(),
        priority=_one(chance, PRIORITIES),
        tags=tuple(chance.sample(PLACES, chance.randrange(3))),
        run_at=later if status is Status.SCHEDULED else None,
        found_by=(f"{_one(chance, OWNERS)} file{number % 500} value{number % 100}",),
    )


def _id(chance: random.Random, created: datetime) -> ObjectId:
    return ObjectId(struct.pack(">I", int(created.timestamp())) + chance.randbytes(8))


def _one(chance: random.Random, shares: dict[Any, int]) -> Any:
    return chance.choices(list(shares), weights=list(shares.values()))[0]


def _queued(chance: random.Random, document: Document) -> Document:
    return {"hint": "sent", "dispatched_at": document["created_at"]}


def _begun(chance: random.Random, document: Document) -> Document:
    started = document["created_at"] + timedelta(milliseconds=chance.randrange(20, 60_000))
    return {"attempt": 1, "started_at": started}


def _running(chance: random.Random, document: Document) -> Document:
    lease = {"worker": f"host.{chance.randrange(1000)}", "until": utcnow() + LEASE * 120}
    return {**_begun(chance, document), "status": Status.RUNNING.value, "lease": lease}


def _ended(chance: random.Random, document: Document, status: Status, outcome: str) -> Document:
    begun = _begun(chance, document)
    finished = min(utcnow(), begun["started_at"] + timedelta(milliseconds=chance.randrange(5, 120_000)))
    attempt = {
        **begun,
        "worker": f"host.{chance.randrange(1000)}",
        "queued_at": document["created_at"],
        "finished_at": finished,
        "outcome": outcome,
        "message": "",
    }
    ended = {"status": status.value, "finished_at": finished, "expire_at": finished + RETENTION}
    return {**begun, **ended, "history": [attempt]}


def _succeeded(chance: random.Random, document: Document) -> Document:
    rows = chance.randrange(10, 100_000)
    result = {
        "rows_in": rows,
        "rows_out": rows - chance.randrange(10),
        "removed": {"duplicates": 3, "empty": 2},
    }
    return {**_ended(chance, document, Status.SUCCEEDED, "succeeded"), "result": result}


def _failed(chance: random.Random, document: Document) -> Document:
    error = {"kind": "failed", "type": "Fail", "message": chance.choice(ERRORS), "traceback": "x" * 800}
    return {**_ended(chance, document, Status.FAILED, "failed"), "error": error}


def _canceled(chance: random.Random, document: Document) -> Document:
    finished = document["created_at"] + timedelta(seconds=chance.randrange(1, 60))
    return {
        "status": Status.CANCELED.value,
        "finished_at": finished,
        "expire_at": finished + RETENTION,
        "cancel": {"by": "bob", "at": finished},
    }


STATES = {
    Status.SCHEDULED: lambda chance, document: {},
    Status.QUEUED: _queued,
    Status.RUNNING: _running,
    Status.SUCCEEDED: _succeeded,
    Status.FAILED: _failed,
    Status.CANCELED: _canceled,
}


def prepare(services: Services, count: int) -> None:
    """The product's indexes, then the tasks and their words."""
    create_indexes(services.db)
    documents = history(count)
    for batch in batches(documents):
        services.db.tasks.insert_many(batch)
        Words(services.db).learn(words_of_all(batch))
    report.say(f"{count:,} tasks inserted")


def words_of_all(documents: list[Document]) -> list[str]:
    """Each word once, as a prefix finds it: what stands for tags, owners and rights is no word."""
    found = dict.fromkeys(word for each in documents for word in each["keywords"])
    return [word for word in found if not word.startswith(("tag:", "owner:", "for:"))]
