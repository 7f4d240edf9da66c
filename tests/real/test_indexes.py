"""Real servers say by `explain` that every list and every repair is served by an index.

A MongoDB says how it gives the order: never a sort, never the whole collection. `secantusd-rs` of
`make rust-store` explains as MongoDB does. The servers of the SecantusDB wheel do not: their `explain`
names an index only where all fields are fixed to one value, and a sort always. Of them only so much is
asked, and the rule (`tests/core/test_indexes.py`) stands for the rest.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
from bson import ObjectId

from app.core import mongo as database
from app.core.listing.cursors import beyond
from app.core.listing.filter import TaskFilter
from app.core.listing.search_index import EXPANSIONS
from app.core.people.audit import AuditFilter, Event, Outcome
from app.core.people.person import ANONYMOUS, Origin, Person
from app.core.queue import connection
from app.core.schema import indexes
from app.core.services import Services, assemble
from app.local.kinds import BUILT, MONGO
from app.local.servers import choose, stores
from config import load
from tests.core.listing import pages

pytestmark = pytest.mark.real

BATCH = "6b09f028ac0780fd117aafc2"

EXPLAINING = ("mongod", "rust")
NOW = datetime.now(timezone.utc)


@pytest.fixture(scope="module")
def explaining(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Services, bool]]:
    """The server that explains best of those that are here, with some tasks, and whether it tells all."""
    folder = tmp_path_factory.mktemp("explaining")
    kind = choose(MONGO, "auto", folder)
    if kind.name not in EXPLAINING and BUILT.find():
        kind = BUILT
    with stores(folder, mongo=kind.name) as started:
        given = {"MONGODB_URI": started.mongodb_uri, "MONGODB_TIMEOUT_MS": "10000"}
        settings = load({"ENVIRONMENT": "local", **given})
        db = database.connect(settings)
        redis = connection.connect(started.redis_url, timeout_ms=5_000)
        indexes.create_indexes(db)
        services = assemble(settings, db, redis)
        fill(services)
        yield services, kind.name in EXPLAINING
        redis.close()
        db.client.close()


def fill(services: Services) -> None:
    """Enough of everything that stopping at the limit is worth it: a planner tries before it chooses."""
    words = [f"re{number:03}" for number in range(EXPANSIONS)]
    services.dispatch.words.learn([*words, "monthly", ":worker:vm1", ":error:re"])
    pages.fill(services, [(number, number % 6, number // 6 % 3) for number in range(720)])
    for number, word in enumerate(words):
        chosen = {"priority": {"$in": [0, 1, 2]}, "created_at": {"$gte": pages.at(number * 60)}}
        keywords = [
            "monthly",
            "tag:monthly",
            f"batch:{BATCH}",
            word,
            "owner:alice",
            "for:team",
            ":worker:vm1",
            ":error:re",
        ]
        values = {"type": "count_slowly", "tags": ["monthly"], "keywords": keywords, "owner": "alice"}
        services.db.tasks.update_many(chosen, {"$set": values})


def offered(everything: bool) -> Iterator[TaskFilter]:
    for sort, order, status, priority, kind, tag, q in itertools.product(
        ("created", "finished"),
        ("asc", "desc"),
        ("", "succeeded"),
        ("", "medium"),
        ("", "count_slowly"),
        ("", "monthly"),
        ("", "monthly", "re", "monthly re"),
    ):
        fixed = sort == "created" and not q and bool(status) and not (kind and tag)
        if everything or fixed:
            yield TaskFilter(
                sort=sort, order=order, status=status, priority=priority, type=kind, tag=tag, q=q
            )
    if everything:  # only a server that tells all says how it reads a range
        for status, error, order in itertools.product(("", "failed"), ("", "It broke."), ("asc", "desc")):
            yield TaskFilter(sort="finished", ended="24h", order=order, status=status, error=error)
        day, several = f"{pages.START:%Y-%m-%d}", "failed,succeeded"
        for status, named, order in itertools.product(("", several), NAMED, ("asc", "desc")):
            yield TaskFilter(status=status, order=order, created_from=day, **named)
            yield TaskFilter(status=status, sort="finished", order=order, finished_from=day, **named)
            yield TaskFilter(status=status, sort="duration", created_from=day, **named)


NAMED = (
    {},
    {"type": "count_slowly"},
    {"batch": BATCH},
    {"worker": "vm"},
    {"error_words": "re"},
    {"worker": "vm", "q": "re"},
)


def plan(services: Services, query: dict[str, Any], order: list[tuple[str, int]] | None = None) -> set[str]:
    """The stages by which the server would answer."""
    found = services.db.tasks.find(query)
    explained = (found.sort(order) if order else found).limit(6).explain()
    return set(stages(explained["queryPlanner"]["winningPlan"]))


def stages(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("stage"), str):
            yield part["stage"]
        part = list(part.values())
    for inner in part if isinstance(part, list) else ():
        yield from stages(inner)


def test_every_list_is_read_from_an_index(explaining):
    services, everything = explaining
    allowed = {"IXSCAN", "FETCH", "LIMIT", "SORT_MERGE", "PROJECTION_SIMPLE", "EXPRESS_IXSCAN"}
    unserved = {}
    for wanted in offered(everything):
        way = -1 if wanted.descending else 1
        found = plan(services, services.listing.query(wanted), [(wanted.sort_field, way), ("_id", way)])
        if "IXSCAN" not in found or found - (allowed if everything else allowed | {"SORT"}):
            unserved[wanted] = found
    assert unserved == {}


READERS = {"what is not private": ("for:team", "for:alice"), "one's own": ("owner:alice",)}


def narrowed(everything: bool) -> Iterator[TaskFilter]:
    """The filters that stand for all others beside the condition of what a person may read."""
    yield from (
        wanted for wanted in offered(everything) if not (wanted.type or wanted.tag) and wanted.order == "desc"
    )
    if everything:
        yield from (
            TaskFilter(owner="bob", sort=sort, q=q) for sort in ("created", "finished") for q in ("", "re")
        )


@pytest.mark.parametrize("reader", READERS)
def test_every_list_of_who_does_not_see_all_is_read_from_an_index(reader, explaining):
    services, everything = explaining
    listing = services.listing.within(READERS[reader])
    allowed = {"IXSCAN", "FETCH", "LIMIT", "SORT_MERGE", "PROJECTION_SIMPLE", "EXPRESS_IXSCAN"}
    unserved = {}
    for wanted in narrowed(everything):
        found = plan(services, listing.query(wanted), [(wanted.sort_field, -1), ("_id", -1)])
        if everything and ("IXSCAN" not in found or found - allowed):
            unserved[wanted] = found
        assert listing.page(wanted).tasks or wanted.owner
    assert unserved == {}


@pytest.mark.parametrize("status", ["", "succeeded"])
@pytest.mark.parametrize("backwards", [False, True])
def test_a_further_page_is_read_from_the_same_index(status, backwards, explaining):
    services, everything = explaining
    wanted = TaskFilter(status=status, priority="medium" if status else "")
    query = services.listing.query(wanted)
    cursor = services.listing.page(TaskFilter(status=status, per_page=5)).next
    query.update(beyond("created_at", not backwards, cursor, {}))
    way = 1 if backwards else -1
    if everything:
        found = plan(services, query, [("created_at", way), ("_id", way)])
        assert "IXSCAN" in found
        assert not found & {"COLLSCAN", "SORT"}
    tasks = services.db.tasks.find(query).sort([("created_at", way), ("_id", way)]).limit(3)
    assert len(list(tasks)) > 0


AUDIT = [
    AuditFilter(event=event, person=person, target=target, outcome=outcome, since=since)
    for event, person, target, outcome, since in itertools.product(
        ("", "task.create"), ("", "alice"), ("", "t1"), ("", "failed"), ("", "2026-11-01")
    )
]
FIXED = [wanted for wanted in AUDIT if wanted.outcome and not wanted.since and not wanted.target]


def audit_plan(services: Services, query: dict[str, Any], way: int) -> set[str]:
    found = services.db.audit.find(query).sort([("at", way), ("_id", way)]).limit(6)
    return set(stages(found.explain()["queryPlanner"]["winningPlan"]))


@pytest.mark.parametrize("way", [-1, 1])
def test_every_page_of_the_audit_is_read_from_an_index(way, explaining):
    services, everything = explaining
    alice = Person("alice", "Alice")
    for number in range(300 if way < 0 else 0):
        event = Event.TASK_CREATE if number % 3 else Event.SIGN_IN
        outcome = Outcome.FAILED if number % 7 == 0 else Outcome.DONE
        services.people.audit.record(
            alice if number % 2 else ANONYMOUS, Origin(), event, f"t{number % 9}", outcome=outcome
        )
    allowed = {"IXSCAN", "FETCH", "LIMIT", "SORT_MERGE"} | (set() if everything else {"SORT"})
    unserved = {}
    for wanted in AUDIT if everything else FIXED:
        first = wanted.query()
        further = {**first, **beyond("at", way < 0, f"1800000000000-{ObjectId()}", first.get("at", {}))}
        for query in (first, further) if everything else (first,):
            found = audit_plan(services, query, way)
            if "IXSCAN" not in found or found - allowed:
                unserved[wanted] = found
    assert unserved == {}


WORK: dict[str, tuple[dict[str, Any], list[tuple[str, int]] | None]] = {
    "undispatched": ({"status": "queued", "hint": "due"}, [("priority", 1), ("queued_at", 1), ("_id", 1)]),
    "oldest_dispatched": (
        {"status": "queued", "hint": "sent", "priority": 1},
        [("queued_at", 1), ("_id", 1)],
    ),
    "running_leases": ({"status": "running"}, None),
    "due": ({"run_at": {"$lte": NOW}, "status": "scheduled"}, [("run_at", 1)]),
    "past_retention": ({"expire_at": {"$lte": NOW}}, None),
    "dispatched_behind": (
        {
            "status": "queued",
            "hint": "sent",
            "priority": 1,
            "queued_at": {"$gte": NOW},
            "$or": [{"queued_at": {"$gt": NOW}}, {"queued_at": NOW, "_id": {"$gt": ObjectId()}}],
        },
        [("queued_at", 1), ("_id", 1)],
    ),
    "waiting tasks of a person": (
        {"keywords": "owner:alice", "status": {"$in": ["queued", "scheduled"]}},
        None,
    ),
    "by the end of an ID": ({"id_end": "2d9408d0"}, None),
    "offer": ({"type": {"$in": ["echo", "x"]}, "status": "scheduled", "put_offs": {"$gt": 0}}, None),
    "submission": ({"owner": "alice", "submission_key": "form-1"}, None),
    "oldest of a queue": (
        {"status": "queued", "hint": {"$in": ["due", "sent"]}, "priority": 1},
        [("queued_at", 1)],
    ),
    "a guarded write": ({"_id": ObjectId(), "status": "queued", "attempt": 0, "dispatch": 1}, None),
}


@pytest.mark.parametrize("name", WORK)
def test_what_workers_ask_is_read_from_an_index(name, explaining):
    services, everything = explaining
    query, order = WORK[name]
    found = plan(services, query, order)
    assert not everything or not found & {"COLLSCAN", "SORT"}
    assert services.db.tasks.count_documents(query) >= 0
