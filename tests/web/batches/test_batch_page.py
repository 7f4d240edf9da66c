"""The page of a batch: figures that are links, what can be done to its tasks, and its results as a table."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from flask.testing import FlaskClient

from app.core.access.batches import BatchRequest
from app.core.access.inputs import TaskRequest
from app.core.batches.batch import Batch, Mode
from app.core.people.roles import Role
from app.core.services import Services
from tests.core.access.people import BOB
from tests.core.params.schemas import schema_of
from tests.web.batches.test_create_many import tasks, token
from tests.web.create.creating import publish


@pytest.fixture
def batch(services: Services) -> Batch:
    publish(services, "count", title="Count", schema=schema_of(number=(int, ...), label=(str, "")))
    rows = [TaskRequest("count", {"number": number, "label": "=1+1"}) for number in (1, 2, 3, "x")]
    made, _ = services.access(BOB).batches.submit(BatchRequest(rows, Mode.EACH, "Nightly"))
    first, second, _ = tasks(services)
    taken = [services.tasks.claim(task.id, task.dispatch, "w") for task in (first, second)]
    services.tasks.succeed(taken[0], {"=sum": "@x", "n": 1})
    services.tasks.fail(
        taken[1], {"kind": "error", "type": "E", "message": "Line 7 is bad.", "traceback": ""}
    )
    return made


def test_the_page_says_what_has_become_of_it(client: FlaskClient, batch: Batch) -> None:
    page = client.get(f"/batches/{batch.id}").text
    assert "<h1>Nightly</h1>" in page and "<b>2</b> of 3 tasks have ended" in page
    for status in ("queued", "succeeded", "failed"):
        assert f"status={status}&amp;batch={batch.id}" in page
    assert "Line 7 is bad." in page and "1 row of 4 was wrong" in page and "Median" in page
    assert client.get(f"/batches/{batch.id}/live").text.startswith('<div id="batch"')
    assert "Nightly" in client.get("/batches").text
    listed = client.get(f"/tasks?batch={batch.id}&status=failed").text
    assert "Count" in listed and "batch: <b>" in listed


def test_retry_the_failed_and_cancel_what_waits(
    client: FlaskClient, services: Services, batch: Batch
) -> None:
    for path, status in (("retry", "failed"), ("cancel", "scheduled,queued")):
        address = f"/tasks/many/{path}?status={status}&batch={batch.id}"
        assert address.replace("&", "&amp;") in client.get(f"/batches/{batch.id}").text
        preview = client.post(address, data={"all": "1", "csrf_token": token(client, f"/batches/{batch.id}")})
        assert preview.status_code == 303
        assert client.get(preview.headers["Location"]).status_code == 200


def test_who_may_not_is_offered_nothing(
    signed_in_as: Callable[..., FlaskClient], services: Services, batch: Batch
) -> None:
    viewer = signed_in_as(Role.VIEWER)
    page = viewer.get(f"/batches/{batch.id}").text
    assert "Nightly" in page and "Retry the failed" not in page and "Cancel what waits" not in page
    services.db.batches.update_one({"_id": batch.id}, {"$set": {"private": True}})
    for path in ("", "/live"):
        assert viewer.get(f"/batches/{batch.id}{path}").status_code == 404
    assert (
        viewer.post(
            f"/batches/{batch.id}/export", data={"format": "csv", "csrf_token": token(viewer, "/")}
        ).status_code
        == 404
    )


def test_the_results_are_one_table(client: FlaskClient, services: Services, batch: Batch) -> None:
    address, key = f"/batches/{batch.id}/export", token(client, f"/batches/{batch.id}")
    answer = client.post(address, data={"format": "csv", "csrf_token": key})
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["row"] for row in rows] == ["1", "2", "3"]
    assert [row["parameters.number"] for row in rows] == ["1", "2", "3"]
    assert (rows[0]["result.=sum"], rows[0]["parameters.label"]) == ("'@x", "'=1+1")
    assert [row["error"] for row in rows] == ["", "Line 7 is bad.", ""]
    lines = client.post(address, data={"format": "jsonl", "csrf_token": key}).text.splitlines()
    assert [json.loads(line)["parameters.number"] for line in lines] == [1, 2, 3]
    table = pl.read_parquet(
        io.BytesIO(client.post(address, data={"format": "parquet", "csrf_token": key}).data)
    )
    assert table["parameters.number"].to_list() == [1, 2, 3] and table["parameters.number"].dtype == pl.Int64
    assert client.post(address, data={"format": "exe", "csrf_token": key}).status_code == 422
    entries = services.db.audit.find({"event": "tasks.export"})
    assert [entry["after"]["filter"] for entry in entries] == [{"batch": str(batch.id)}] * 3


def test_an_address_of_none(client: FlaskClient) -> None:
    for path in ("/batches/nothing", f"/batches/{'0' * 24}", f"/batches/{'0' * 24}/live"):
        assert client.get(path).status_code == 404
    assert client.get("/batches?after=x").status_code == 400
    page: Any = client.get("/tasks?q=batch:x")
    assert page.status_code == 200 and "Enter the ID of a batch" in page.text
