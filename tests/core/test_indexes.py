"""Every list that the page offers is served by an index, by the rule by which MongoDB chooses one.

`tests/real/test_indexes.py` asks a real server the same by `explain`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from math import prod
from typing import Any

import pytest

from app.core.clock import utcnow
from app.core.listing.filter import TaskFilter
from app.core.listing.search_index import EXPANSIONS
from app.core.schema.indexes import LISTS, create_indexes
from app.core.tasks.states import Action, legal

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
    """
    fixed, *ordered = [names for names, _ in keys[:-2]], *keys[-2:]
    known = points(query)
    selective = known.keys() & {"type", "keywords"}
    return (
        [name for name, _ in ordered] == [sort_field, "_id"]
        and ordered[0][1] == ordered[1][1]
        and known.keys() >= set(fixed)
        and set(fixed) >= known.keys() & {"status", "priority"}
        and (not selective or bool(selective & set(fixed)))
        and prod(known[name] for name in fixed) <= MERGED_AT_MOST
    )


def offered() -> Iterator[TaskFilter]:
    """Every choice of filters and sort on the page; the order is the same index backwards."""
    for (sort, ended), status, priority, kind, (tag, owner), q in itertools.product(
        (("created", ""), ("finished", ""), ("finished", "24h")),
        ("", "failed"),
        ("", "low"),
        ("", "count_slowly"),
        (("", ""), ("monthly", ""), ("", "alice"), ("monthly", "alice")),
        ("", "re", "re mo", "re mo of"),
    ):
        yield TaskFilter(
            sort=sort, ended=ended, status=status, priority=priority, type=kind, tag=tag, owner=owner, q=q
        )


READERS = ((), ("for:team", "for:alice"), ("owner:alice",))
"""The keywords that narrow lists to what a person may read or act on: all, what is not private, one's own."""


@pytest.fixture
def many_words(services):
    """Each prefix that is searched for stands for as many words as a search takes."""
    for prefix in ("re", "mo", "of"):
        services.dispatch.words.learn([f"{prefix}{number:03}" for number in range(EXPANSIONS)])
        assert len(services.dispatch.words.expand(prefix).words) == EXPANSIONS
    return services


def test_every_list_is_served_by_an_index(many_words):
    unserved = [
        (wanted, reader)
        for wanted, reader in itertools.product(offered(), READERS)
        if not any(
            serves(keys, many_words.listing.within(reader).query(wanted), wanted.sort_field) for keys in LISTS
        )
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
