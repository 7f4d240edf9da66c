"""The tasks of a list as a file: what the person may see, as text that no spreadsheet computes."""

from __future__ import annotations

import csv
import io
import json

import polars as pl
import pytest

from app.core.people.roles import Role
from app.core.tasks.task import NewTask
from tests.web.looking import Looker, fail


def export(looker: Looker, query: str = "", **form: str):
    looker.open("/tasks")
    return looker.client.post(f"/export/tasks{query}", data={"csrf_token": looker._token, **form})


def rows(answer) -> list[dict[str, str]]:
    assert answer.status_code == 200
    return [*csv.DictReader(io.StringIO(answer.text))]


def test_a_filter_as_csv(alice, services, new_task):
    new_task(title="waits")
    fail(
        services, new_task(title="=HYPERLINK(1)", priority="high", tags=("x",), params={"rows": 3}), "-1 left"
    )
    answer = export(alice, "?status=failed", format="csv")
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="tasks-')
    (row,) = rows(answer)
    assert (row["title"], row["error"], row["priority"]) == ("'=HYPERLINK(1)", "'-1 left", "high")
    assert (row["tags"], row["parameters"], row["worker"]) == ('["x"]', '{"rows": 3}', "worker-1")
    assert float(row["duration_s"]) >= 0


def test_the_same_as_json_lines(alice, new_task):
    made = {str(new_task(title=f"{number}").id) for number in range(230)}
    answer = export(alice, format="jsonl")
    assert answer.content_type == "application/x-ndjson"
    assert {json.loads(line)["id"] for line in answer.text.splitlines()} == made


def test_the_same_as_parquet(alice, new_task):
    made = {str(new_task(title=f"{number}", tags=("x",)).id) for number in range(230)}
    answer = export(alice, format="parquet")
    assert answer.content_type == "application/vnd.apache.parquet"
    assert answer.headers["Content-Disposition"].endswith('.parquet"')
    table = pl.read_parquet(io.BytesIO(answer.data))
    assert set(table["id"]) == made and table.height == 230
    assert table["created_at"].dtype == pl.Datetime("ms", "UTC") and table["tags"][0].to_list() == ["x"]


def test_secrets_are_masked(alice, services):
    sealed = {"key": {"sealed": "1.0123abcd.QUJD"}}
    services.tasks.insert(NewTask(type="a", params=sealed, title="one", owner="alice"))
    (row,) = rows(export(alice, format="csv"))
    assert row["parameters"] == '{"key": "••••"}'
    table = pl.read_parquet(io.BytesIO(export(alice, format="parquet").data))
    assert [*table["parameters"]] == ['{"key": "••••"}']


def test_an_export_has_what_the_person_may_see_and_is_recorded(signed_in_as, new_task, services):
    new_task(title="all"), new_task(title="hidden", private=True)
    vera = Looker(signed_in_as(Role.VIEWER))
    assert [row["title"] for row in rows(export(vera, "?priority=medium", format="csv"))] == ["all"]
    entry = services.db.audit.find_one({"event": "tasks.export"})
    assert (entry["target"], entry["after"]) == ("csv", {"filter": {"priority": "medium"}})


@pytest.mark.parametrize(
    ("query", "form", "status"),
    [("", {}, 422), ("", {"format": "xml"}, 422), ("?status=x", {"format": "csv"}, 400)],
)
def test_what_cannot_be_exported_is_said(query, form, status, alice, services):
    assert export(alice, query, **form).status_code == status
    assert services.db.audit.count_documents({"event": "tasks.export"}) == 0


def test_a_search_that_shows_only_some_is_not_exported(alice, new_task):
    for number in range(12):
        new_task(title=f"report{number:02}")
    answer = export(alice, "?q=report", format="csv")
    assert answer.status_code == 400 and "Type more letters, and export again." in answer.text


def test_it_asks_for_a_token_of_a_form(client):
    assert client.post("/export/tasks", data={"format": "csv"}).status_code == 400
    assert client.get("/export/tasks").status_code == 405
