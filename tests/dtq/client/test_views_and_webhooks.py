"""Saved views, webhooks, results of batches and figures through the client, for threads and coroutines."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from app.core.services import Services
from app.core.tasks.task import parse_task_id
from dtq.client import Changed, Conflict, Invalid, NewTask, NotFound
from tests.core.params.schemas import schema_of
from tests.dtq.client.conftest import Weather
from tests.web.create.creating import publish
from tests.web.looking import fail, succeed

FAILED = {"status": "failed", "sort": "finished"}


def test_a_view_is_saved_changed_and_deleted(either: Any, services: Services) -> None:
    made = either.save_view("Failures", FAILED, columns=["status", "worker"], density="compact")
    assert either.view(made.id) == made and either.views() == [made]
    changed = either.change_view(made, name="Broken")
    assert (changed.name, changed.filter, changed.columns) == ("Broken", FAILED, ["status", "worker"])
    assert (changed.density, changed.version, made.version) == ("compact", 2, 1)
    with pytest.raises(Changed) as late:
        either.change_view(made, name="Late")
    assert late.value.status == 412 and "Read it again" in str(late.value)
    assert either.change_view(made.id, filter={}).filter == {}
    with pytest.raises(Conflict):
        either.save_view("broken")
    with pytest.raises(Invalid) as wrong:
        either.save_view("Other", {"status": "lost"})
    assert [field.pointer for field in wrong.value.errors] == ["/filter"]
    either.delete_view(made.id)
    with pytest.raises(NotFound):
        either.change_view(made.id, name="Gone")
    assert services.db.saved_views.count_documents({}) == 0


def test_a_view_that_changes_while_it_is_changed_stays(
    either: Any, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.api import views

    made, shown = either.save_view("Mine"), views._one

    def slow(view: Any) -> Any:
        found = shown(view)
        services.db.saved_views.update_one({}, {"$set": {"name": "Others"}, "$inc": {"version": 1}})
        return found

    monkeypatch.setattr(views, "_one", slow)
    with pytest.raises(Changed):
        either.change_view(made, density="compact")
    assert services.db.saved_views.find_one()["name"] == "Others"


def test_a_webhook_from_its_creation_to_its_end(either: Any, services: Services) -> None:
    hook = either.create_webhook("CI", "https://example.org/hook", events=["task.failed"], count=5)
    assert hook.secret.startswith("whsec_") and hook.secret not in repr(hook)
    assert [found.id for found in either.webhooks()] == [hook.id]
    assert either.webhook(hook.id).secret is None
    changed = either.change_webhook(hook, scope="chosen", enabled=False)
    assert (changed.scope, changed.enabled, changed.count, changed.events) == (
        "chosen", False, 5, ["task.failed"],
    )  # fmt: skip
    with pytest.raises(Changed):
        either.change_webhook(hook, name="Late")
    assert either.rotate_webhook_secret(hook.id).secret not in (None, hook.secret)
    test = either.test_webhook(hook.id)
    assert (test.event, test.state, test.webhook, test.last_attempts) == ("test", "pending", hook.id, [])
    assert list(either.deliveries(hook.id)) == [test] == [either.delivery(test.id)]
    assert either.resend_delivery(test.id).message_id == test.message_id
    either.delete_webhook(hook.id)
    assert either.webhooks() == []


def test_tasks_name_whom_they_tell(either: Any, services: Services, tmp_path: Path) -> None:
    (source := tmp_path / "a.csv").write_text("a\n1\n")
    hook = either.create_webhook("CI", "https://example.org/hook", scope="chosen")
    task = either.submit("clean_table", source=source, notify=[hook.id])
    either.submit_many([NewTask("clean_table", {"source": source}, notify=[hook.id])])
    told = [[str(one) for one in found["notify"]] for found in services.db.tasks.find()]
    assert told == [[hook.id]] * 2 and task.status == "queued"
    with pytest.raises(Invalid):
        either.submit("clean_table", source=source, notify=["x"])


def test_results_of_a_batch_are_saved_as_one_table(
    either: Any, services: Services, weather: Weather, tmp_path: Path
) -> None:
    publish(services, "count", title="Count", schema=schema_of(number=(int, ...)))
    batch = either.submit_many(NewTask("count", {"number": number}, max_attempts=1) for number in (7, 8))
    first, second = (services.tasks.get(parse_task_id(one)) for one in batch.task_ids)
    succeed(services, first, {"sum": 49})
    fail(services, second, "=No.")
    weather.plan("GET", "/results", "503", "halfway")
    saved = either.batch(batch.id).save_results(tmp_path / "all.csv", "csv")
    with saved.open(newline="") as content:
        rows = list(csv.DictReader(content))
    assert [(row["row"], row["parameters.number"], row["result.sum"]) for row in rows] == [
        ("1", "7", "49"), ("2", "8", ""),
    ]  # fmt: skip
    assert rows[1]["error"] == "'=No."
    lines = either.batch(batch.id).save_results(tmp_path / "all.jsonl").read_text().splitlines()
    assert [json.loads(line)["status"] for line in lines] == ["succeeded", "failed"]
    assert {path.name for path in tmp_path.iterdir()} == {"all.csv", "all.jsonl"}


def test_figures_are_read(either: Any) -> None:
    stats = either.stats("24h")
    assert stats.period == "24h" and len(stats.points) >= 48
    assert all(point.start < point.end for point in stats.points)
    with pytest.raises(Invalid):
        either.stats("1y")
