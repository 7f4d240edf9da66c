"""Batches through the client: all or none, each by itself, once however often it is sent, and waiting."""

from __future__ import annotations

import copy
import io
import pickle
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from app.api.models import batches as models
from app.api.models import tasks as task_models
from app.core.services import Services
from app.core.tasks.task import parse_task_id
from dtq.client import (
    Batch,
    BatchCreated,
    BatchFailure,
    BatchSummary,
    BatchWaitTimeout,
    Client,
    DTQError,
    Invalid,
    NewTask,
    NotFound,
    operations,
)
from dtq.client import batches as of_batches
from tests.core.params.schemas import schema_of
from tests.dtq.client.conftest import Weather
from tests.web.create.creating import publish
from tests.web.looking import fail, succeed


@pytest.fixture(autouse=True)
def count(client: Client, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(services, "count", title="Count", schema=schema_of(number=(int, ...)))
    monkeypatch.setattr(operations, "BATCH_PAUSE_S", 0.01)


def counts(*numbers: Any) -> list[NewTask]:
    return [NewTask("count", {"number": number}) for number in numbers]


def tasks(services: Services) -> list[Any]:
    found = services.db.tasks.find({}, {"_id": 1}).sort([("_id", 1)])
    return [services.tasks.get(task["_id"]) for task in found]


def test_many_are_created_in_the_order_sent(either: Any, services: Services, tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_bytes(b"a\n1\n")
    shared = io.BytesIO(b"a\n2\n")
    shared.name = "shared.csv"
    sent = (
        NewTask("count", {"number": 7}, priority="high", title="Seven", tags=["a"], max_attempts=3),
        NewTask("clean_table", {"source": people, "rows": 3}, private=True),
        NewTask("clean_table", {"source": people}),
        NewTask("clean_table", {"source": shared}),
        NewTask("clean_table", {"source": shared}),
    )
    made = either.submit_many((task for task in sent), title="Nightly")

    found = tasks(services)
    assert made.task_ids == [str(task.id) for task in found]
    assert (made.total, made.created, made.rejected, made.errors) == (5, 5, 0, [])
    first = found[0]
    assert (first.params, first.title, first.tags) == ({"number": 7}, "Seven", ("a",))
    assert (first.priority.word, first.max_attempts, first.private) == ("high", 3, False)
    assert found[1].private and found[1].params["rows"] == 3
    sources = [task.params.get("source") for task in found]
    assert sources[1] == sources[2] and sources[3] == sources[4] != sources[1]
    assert {str(task.batch) for task in found} == {made.id}


def test_all_or_none_and_each_by_itself(either: Any, services: Services) -> None:
    with pytest.raises(Invalid) as refused:
        either.submit_many(counts(1, "x", 3))
    assert [wrong.pointer for wrong in refused.value.errors] == ["/tasks/1/params/number"]
    assert tasks(services) == []

    made = either.submit_many(counts(1, "x", 3), mode="each")
    assert (made.created, made.rejected) == (2, 1)
    assert [bool(task_id) for task_id in made.task_ids] == [True, False, True]
    assert made.errors == list(refused.value.errors)
    assert [task.params["number"] for task in tasks(services)] == [1, 3]


def test_what_is_wrong_with_options_is_told_and_not_left_out(client: Client, services: Services) -> None:
    with pytest.raises(Invalid) as refused:
        client.submit_many([NewTask("count", {"number": 1}, timeout_s=0, max_attempts=0)])
    assert {wrong.pointer for wrong in refused.value.errors} == {
        "/tasks/0/timeout_s",
        "/tasks/0/max_attempts",
    }
    with pytest.raises(ValueError, match="time zone"):
        client.submit_many([NewTask("count", {"number": 1}, run_at=datetime(2030, 1, 1))])  # noqa: DTZ001
    with pytest.raises(TypeError, match="not JSON"):
        client.submit_many(counts(object()))
    with pytest.raises(Invalid):
        client.submit_many([])
    assert tasks(services) == []


@pytest.mark.parametrize("event", ["before", "after", "503"])
def test_it_is_created_once_however_often_it_is_sent(
    either: Any, services: Services, weather: Weather, event: str
) -> None:
    weather.plan("POST", "/tasks/batch", event, event)
    made = either.submit_many(counts(1, 2))
    assert len([seen for seen in weather.seen if seen.endswith("/tasks/batch")]) == 3
    assert made.task_ids == [str(task.id) for task in tasks(services)]


def test_a_key_of_ones_own_is_the_same_batch_in_another_call(client: Client, services: Services) -> None:
    first = client.submit_many(counts(1, 2), idempotency_key="nightly")
    assert client.submit_many(counts(1, 2), idempotency_key="nightly") == first
    with pytest.raises(Invalid, match="another body"):
        client.submit_many(counts(1, 3), idempotency_key="nightly")
    assert len(tasks(services)) == 2


def test_a_batch_is_watched_and_walked_through(client: Client, services: Services) -> None:
    once = [NewTask("count", {"number": number}, max_attempts=1) for number in (1, 2, 3)]
    made = client.submit_many(once, title="Nightly")
    with pytest.raises(BatchWaitTimeout, match=r"\(Nightly\) has not ended yet: 0 of 3"):
        made.wait(timeout_s=0.03)
    ids = [parse_task_id(task_id) for task_id in made.task_ids if task_id]
    succeed(services, services.tasks.get(ids[0]), {"n": 1})
    fail(services, services.tasks.get(ids[1]))
    services.dispatch.cancel(ids[2], "alice")
    _forget_looks()

    batch = made.wait(timeout_s=10)
    assert (batch.title, batch.types, batch.total, batch.ended) == ("Nightly", ["count"], 3, 3)
    assert (batch.counts["succeeded"], batch.counts["failed"], batch.counts["canceled"]) == (1, 1, 1)
    assert [failure.count for failure in batch.failures] == [1] and batch.duration_median_s is not None
    assert {task.id for task in batch} == {task.id for task in made} == set(made.task_ids)
    assert [task.id for task in batch.tasks(status="failed")] == [made.task_ids[1]]
    assert [task.id for task in client.tasks(batch=made.id, status="failed")] == [made.task_ids[1]]
    retried = client.bulk("retry", filter={"batch": made.id, "status": "failed"}, most=9)
    assert retried.done == 1
    assert next(batch.tasks(status="queued")).id == made.task_ids[1]


def test_batches_are_listed_page_after_page(client: Client) -> None:
    made = [client.submit_many(counts(number)).id for number in range(27)]
    listed = list(client.batches())
    assert [batch.id for batch in listed] == made[::-1]
    assert client.batch(made[0]) == listed[-1].refresh()
    with pytest.raises(NotFound):
        client.batch("no/such")


def test_a_copied_batch_has_no_client_in_it(client: Client) -> None:
    made = client.submit_many(counts(1))
    for other in (pickle.loads(pickle.dumps(made)), copy.deepcopy(made)):  # noqa: S301
        assert other == made
        with pytest.raises(DTQError, match="client.batch"):
            other.refresh()
    assert asdict(made)["id"] == made.id


def test_its_records_are_the_models_of_the_server() -> None:
    pairs = {
        BatchCreated: models.BatchCreated,
        BatchSummary: models.BatchSummary,
        Batch: models.Batch,
        BatchFailure: models.BatchFailure,
        NewTask: task_models.NewTask,
    }
    for ours, theirs in pairs.items():
        assert set(ours.__dataclass_fields__) - {"_"} == set(theirs.model_fields), ours
    assert of_batches.BatchMode == models.NewBatch.model_fields["mode"].annotation


def _forget_looks() -> None:
    from app.core.batches import summary

    summary._look.cache_clear()
