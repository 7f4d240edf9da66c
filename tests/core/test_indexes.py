"""Every list that the page offers is served by an index, by the rule by which MongoDB chooses one.

`tests/real/test_indexes.py` asks a real server the same by `explain`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from math import prod
from typing import Any

import pytest

from app.core.clock import utcnow
from app.core.listing.filter import TaskFilter
from app.core.listing.search_index import EXPANSIONS
from app.core.schema.indexes import LISTS, create_indexes
from app.core.tasks.states import Action, Priority, legal

Keys = list[tuple[str, int]]

MERGED_AT_MOST = 200
"""internalQueryMaxScansToExplode: so many ranges of an index MongoDB merges in order; above, it sorts."""


def points(query: dict[str, Any]) -> dict[str, int]:
    """The fields of a query that are fixed to some values, and to how many."""
    fixed = {}
    for name, wanted in query.items():
        if name == "$and":
            for part in wanted:
                fixed.update(points(part))
        elif not isinstance(wanted, dict):
            fixed[name] = 1
        elif "$in" in wanted:
            fixed[name] = len(wanted["$in"])
    return fixed


def serves(keys: Keys, query: dict[str, Any], sort_field: str) -> bool:
    """Whether this index gives the list in its order, so that MongoDB stops at the limit.

    First fields that the query fixes, few enough to be merged; then the sort and `_id`, both in one
    direction, so that the index read backwards is the list reversed. Of type, tag and words the index
    need hold one only (no index can hold two lists), but always status and priority where they are fixed.
    An index of ended tasks only serves a query that asks for a `finished_at`, as MongoDB has to know that
    nothing is left out.
    """
    fixed, *ordered = [names for names, _ in keys[:-2]], *keys[-2:]
    known = points(query)
    selective = known.keys() & {"type", "keywords"}
    return (
        [name for name, _ in ordered] == [sort_field, "_id"]
        and (sort_field != "finished_at" or {"$gt", "$gte"} & {*query.get(sort_field, ())} != set())
        and ordered[0][1] == ordered[1][1]
        and known.keys() >= set(fixed)
        and set(fixed) >= known.keys() & {"status", "priority"}
        and (not selective or bool(selective & set(fixed)))
        and prod(known[name] for name in fixed) <= MERGED_AT_MOST
    )


DAY = "2026-11-01"
NAMED = ({}, {"tag": "monthly"}, {"owner": "alice"}, {"tag": "monthly", "owner": "alice"}, {"worker": "vm"})
WORDS = (
    {"q": "re"},
    {"q": "re mo of"},
    {"error_words": "re"},
    {"worker": "vm", "error_words": "re", "q": "re"},
)
SORTS: tuple[dict[str, str], ...] = (
    {},
    {"sort": "finished"},
    {"sort": "finished", "ended": "24h"},
)
TIMES: tuple[dict[str, str], ...] = (
    {"created_from": DAY, "created_before": DAY},
    {"sort": "finished", "created_from": DAY},
    {"sort": "finished", "finished_from": DAY, "finished_before": DAY},
    {"sort": "priority"},
    {"sort": "priority", "finished_before": DAY},
    {"sort": "duration"},
    {"sort": "duration", "ended": "24h"},
    {"sort": "queue_time", "created_before": DAY},
)


def offered() -> Iterator[TaskFilter]:
    """Choices of filters and sort on the page; the order is the same index backwards.

    Every choice of status, priority and type with each sort and with each time; what becomes a keyword with
    every sort that an index has, and a sample of it with the others.
    """
    fixed = [*itertools.product(("", "failed", "failed,canceled"), ("", "low"), ("", "count_slowly"))]
    keywords = [
        *((SORTS, words) for words in NAMED + WORDS),
        *((TIMES, words) for words in (NAMED[0], WORDS[3])),
    ]
    for sorts, words in keywords:
        for order, (status, priority, kind) in itertools.product(sorts, fixed):
            yield TaskFilter(status=status, priority=priority, type=kind, **order, **words)


READERS = ((), ("for:team", "for:alice"), ("owner:alice",))
"""The keywords that narrow lists to what a person may read or act on: all, what is not private, one's own."""


@pytest.fixture
def many_words(services, monkeypatch):
    """Each prefix that is searched for stands for as many words as a search takes."""
    for prefix in ("re", "mo", "of", ":worker:vm", ":error:re"):
        services.dispatch.words.learn([f"{prefix}{number:03}" for number in range(EXPANSIONS)])
        assert len(services.dispatch.words.expand(prefix).words) == EXPANSIONS
    words = services.listing._search._words
    monkeypatch.setattr(words, "expand", cache(words.expand))
    return services


def read(services, reader, wanted: TaskFilter) -> Iterator[dict[str, Any]]:
    """The queries that are asked for a list: by priority, one for each."""
    listing = services.listing.within(reader)
    if wanted.sort == "priority" and not wanted.priority:
        yield from (listing.query(replace(wanted, priority=one.word)) for one in Priority)
    else:
        yield listing.query(wanted)


def test_every_list_is_served_by_an_index(many_words):
    unserved = [
        (wanted, reader)
        for wanted, reader in itertools.product(offered(), READERS)
        for query in read(many_words, reader, wanted)
        if not any(serves(keys, query, wanted.sort_field) for keys in LISTS)
    ]
    assert unserved == []


def test_who_sees_all_asks_what_nobody_narrowed(many_words):
    narrowed = many_words.listing.within(("for:team", "for:alice"))
    assert many_words.listing.within(()) is many_words.listing
    assert many_words.listing.query(TaskFilter()) == {}
    assert narrowed.query(TaskFilter())["keywords"] == {"$in": ["for:team", "for:alice"]}
    assert narrowed.query(TaskFilter(owner="alice"))["keywords"] == "owner:alice"
    assert narrowed.query(TaskFilter(owner="bob"))["$and"] == [
        {"keywords": "owner:bob"},
        {"keywords": {"$in": ["for:team", "for:alice"]}},
    ]


def test_every_walk_of_many_is_served_by_an_index(many_words):
    until = utcnow()
    unserved = [
        (wanted, action, reader)
        for wanted, action, reader in itertools.product(offered(), Action, READERS)
        if wanted.sort in ("created", "finished") and "," not in wanted.status
        if (listing := many_words.listing.within(reader))
        and (among := listing.among(wanted, legal(action)))
        and not any(serves(keys, listing.walked(wanted, among, until, ""), "created_at") for keys in LISTS)
    ]
    assert unserved == []


def test_every_index_of_lists_serves_some_list(many_words):
    queries = [(many_words.listing.query(wanted), wanted.sort_field) for wanted in offered()]
    idle = [keys for keys in LISTS if not any(serves(keys, *query) for query in queries)]
    assert idle == []


def test_the_indexes_of_the_table_are_made(services):
    create_indexes(services.db)
    made = [index["key"] for index in services.db.tasks.index_information().values()]
    assert [keys for keys in LISTS if list(keys) not in [list(each) for each in made]] == []


@pytest.mark.parametrize(
    "keys",
    [
        [("status", 1), ("priority", 1), ("created_at", -1), ("_id", 1)],
        [("status", 1), ("priority", 1), ("_id", -1), ("created_at", -1)],
        [("status", 1), ("created_at", -1), ("_id", -1)],
        [("created_at", -1), ("_id", -1)],
        [("type", 1), ("status", 1), ("priority", 1), ("created_at", -1), ("_id", -1)],
        [("status", 1), ("priority", 1), ("finished_at", -1), ("_id", -1)],
        [("status", 1), ("priority", 1), ("created_at", -1)],
    ],
    ids=[
        "tie reversed",
        "tie first",
        "priority missing",
        "no filter",
        "not filtered",
        "other sort",
        "no tie",
    ],
)
def test_the_rule_refuses_an_index_that_would_not_do(keys, services):
    assert not serves(keys, services.listing.query(TaskFilter(status="failed")), "created_at")


def test_the_rule_refuses_more_than_can_be_merged():
    query = {"keywords": {"$in": ["x"] * 12}, "status": {"$in": [""] * 6}, "priority": {"$in": [0, 1, 2]}}
    keys = next(keys for keys in LISTS if keys[0][0] == "keywords")
    assert not serves(keys, query, "created_at")


def test_an_id_needs_no_index_of_ours(services, new_task):
    task = new_task()
    assert services.listing.query(TaskFilter(q=str(task.id)))["_id"] == task.id
