"""Maintenance costs the same however many tasks wait, and whatever it asks is served by an index."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import create_app
from app.core.schema import indexes
from app.local.kinds import BUILT, MONGO
from app.local.servers import choose, stores
from bench.counted import Asked, Counted, connected
from bench.maintenance import LEAST, damage, differing, measure, patient_settings, prepare, whole_round
from config import load

pytestmark = pytest.mark.real

EXPLAINING = ("mongod", "rust")
SOME, FEW, MANY = 60, 1_000, 3_000
LARGE = {"tasks", "logs", "words", "audit", "batches", "deliveries", "files.files", "files.chunks"}
HEADS = {"find": "filter", "update": "updates", "delete": "deletes", "count": "query"}
WHOLE = {"COLLSCAN", "SORT"}


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Counted, bool]]:
    """The core with its questions counted, and whether the server explains as MongoDB does."""
    folder: Path = tmp_path_factory.mktemp("maintenance")
    kind = choose(MONGO, "auto", folder)
    if kind.name not in EXPLAINING and BUILT.find():
        kind = BUILT
    with (
        stores(folder, mongo=kind.name) as servers,
        connected(patient_settings(servers.addresses), servers) as made,
    ):
        yield made, kind.name in EXPLAINING


def test_a_round_asks_the_same_with_few_tasks_and_with_many(
    counted: tuple[Counted, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert FEW >= LEAST
    # A rescued task waits at random; one that is due before its round is over is sent in it.
    monkeypatch.setattr("app.core.queue.dispatcher.random.uniform", lambda shortest, longest: longest)
    asked_in_a_round(counted[0])  # The words of an error are learned once, by whichever round comes first.
    measured = [measure(counted[0], waiting, rounds=1) for waiting in (FEW, MANY)]

    assert differing(measured) == ""
    quiet, busy, _ = measured[0]
    assert busy.documents > quiet.documents > 0
    assert busy.redis["exists"] >= quiet.redis["exists"] > 0

    monkeypatch.setattr(
        "app.core.queue.recovery.OLDEST", MANY
    )  # A sweep that looks at everything is noticed.
    with counted[0].count() as careless:
        whole_round(counted[0].services)
    assert "documents returned" in differing([(quiet, quiet, 0.0), (careless, careless, 0.0)])


def scraped(counted: Counted, waiting: int) -> Asked:
    """What a scrape asks, with so many tasks that wait, of a web server that has just started."""
    prepare(counted, waiting)
    whole_round(counted.services)
    networks = load({"ENVIRONMENT": "local", "METRICS_ADDRESSES": "127.0.0.1"}).metrics_addresses
    settings = dataclasses.replace(counted.services.settings, metrics_addresses=networks)
    services = dataclasses.replace(counted.services, settings=settings)
    client = create_app(settings, services).test_client()
    services.meter.flush()  # The next flush passes on what the round has counted.
    with counted.count() as asked:
        answer = client.get("/metrics")
    depth = sum(
        float(line.split()[1]) for line in answer.text.splitlines() if line.startswith("dtq_queue_depth{")
    )
    assert answer.status_code == 200 and depth == waiting
    return asked


def test_a_scrape_asks_the_same_with_few_tasks_and_with_many(counted: tuple[Counted, bool]) -> None:
    # The first one loads a script into Redis.
    _, few, many = [scraped(counted[0], waiting) for waiting in (FEW, FEW, MANY)]
    assert few.figures == many.figures
    for told, (collection, query, order) in searches(many).items():
        if collection not in LARGE:  # Of types, workers and pauses there are few, and they are read whole.
            continue
        there = counted[0].services.db[collection].index_information() or {"_id_": {"key": [("_id", 1)]}}
        assert any(serves(index, query, order) for index in there.values()), told


def asked_in_a_round(counted: Counted) -> Asked:
    """Everything that a round can ask: with repairs, and after Redis has lost its data."""
    prepare(counted, SOME)
    damage(counted.services)
    with counted.count() as asked:
        whole_round(counted.services)
    counted.services.queues.redis.flushall()
    with counted.count() as after_loss:
        whole_round(counted.services)
    return dataclasses.replace(asked, commands=[*asked.commands, *after_loss.commands])


def searches(asked: Asked) -> dict[str, tuple[str, dict[str, Any], dict[str, int]]]:
    """Each kind of search once: the collection, the filter and the order; by what they have in common."""
    found = {}
    for command in asked.commands:
        name = next(iter(command))
        if name not in HEADS:
            continue
        part = command[HEADS[name]]
        order = dict(command.get("sort") or {})
        for query in [each["q"] for each in part] if isinstance(part, list) else [part]:
            found[f"{command[name]}: {shape(query)} by {list(order)}"] = (command[name], query, order)
    return found


def shape(query: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {sorted(v) if isinstance(v, dict) else ''}".strip() for name, v in query.items()
    )


def serves(index: dict[str, Any], query: dict[str, Any], order: dict[str, int]) -> bool:
    """Whether an index gives what is searched for, in its order, so that the search stops at its limit.

    A partial one must hold all that is searched for. First come fields that the query fixes to one value;
    then the order, all of it; without an order, a field that the query bounds.
    """
    keys = list(index["key"])
    whole = index.get("partialFilterExpression", {})
    if any(query.get(name) != value for name, value in whole.items() if value != {"$exists": True}):
        return False
    if any(name not in query for name in whole):
        return False
    while keys and keys[0][0] in query and not isinstance(query[keys[0][0]], dict):
        del keys[0]
    if order:
        return [name for name, _ in keys[: len(order)]] == list(order)
    return len(keys) < len(index["key"]) or keys[0][0] in query


def unserved(made: Counted, explains: bool) -> list[str]:
    """The searches of a round that no index serves: by the rule, and by what the server says."""
    found, without = searches(asked_in_a_round(made)), []
    assert len(found) >= 15
    for told, (collection, query, order) in found.items():
        # One that a collection gets with its first document.
        there = made.services.db[collection].index_information() or {"_id_": {"key": [("_id", 1)]}}
        indexes = [index for name, index in there.items() if not name.startswith("guard_")]  # our own only
        if not any(serves(index, query, order) for index in indexes):
            without.append(f"{told}, by the rule")
        if explains and stages_of(made, collection, query, order) & WHOLE:
            without.append(f"{told}, by the server's own words")
    return without


def test_whatever_maintenance_asks_is_served_by_an_index(counted: tuple[Counted, bool]) -> None:
    assert unserved(*counted) == []


@pytest.mark.parametrize("index", ["run_at", "retention"])
def test_without_an_index_it_is_not(
    index: str, counted: tuple[Counted, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = [model for model in indexes.INDEXES["tasks"] if model.document["name"] != index]
    monkeypatch.setattr(indexes, "INDEXES", {**indexes.INDEXES, "tasks": kept})
    ways = {each.rpartition(", ")[2] for each in unserved(*counted)}
    assert ways == ({"by the rule", "by the server's own words"} if counted[1] else {"by the rule"})


def stages_of(made: Counted, collection: str, query: dict[str, Any], order: dict[str, int]) -> set[str]:
    command: dict[str, Any] = {"find": collection, "filter": query, "limit": 5}
    if order:
        command["sort"] = order
    explained = made.services.db.command("explain", command)
    return set(stages(explained["queryPlanner"]["winningPlan"]))


def stages(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("stage"), str):
            yield part["stage"]
        part = list(part.values())
    for inner in part if isinstance(part, list) else ():
        yield from stages(inner)
