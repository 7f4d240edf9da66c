"""The OpenAPI document: valid, complete, and the API as it is."""

from __future__ import annotations

import gzip
import re

import pytest
from flask import Flask
from openapi_spec_validator import OpenAPIV31SpecValidator

from app.api.openapi import document
from app.core.listing.filter import TaskFilter
from app.core.services import Services
from app.core.tasks.limits import MAX_ATTEMPTS
from app.http.permission import requires
from tests.api.conftest import Program
from tests.web.create.creating import publish


@pytest.fixture
def spec(app: Flask) -> dict:
    with app.test_request_context():
        return document()


def test_it_is_valid(spec: dict) -> None:
    OpenAPIV31SpecValidator(spec).validate()


def test_every_route_of_the_api_is_in_it(app: Flask, spec: dict) -> None:
    routes = {
        (re.sub(r"<(?:[^<>]+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/") and rule.endpoint != "api.openapi"
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert routes == {(path, method) for path, known in spec["paths"].items() for method in known}
    assert len(routes) >= 18


def test_every_operation_is_documented(spec: dict) -> None:
    for path, known in spec["paths"].items():
        for method, operation in known.items():
            assert operation["summary"].endswith("."), (path, method)
            assert {"401", "403"} <= set(operation["responses"]), (path, method)


def test_it_says_which_values_filters_take_and_the_api_takes_them(
    program: Program, app: Flask, spec: dict
) -> None:
    schemas = {
        known["name"]: known["schema"] for known in spec["paths"]["/api/v1/tasks"]["get"]["parameters"]
    }
    assert set(schemas) == set(TaskFilter.__dataclass_fields__)
    offered = {name: schema["enum"] for name, schema in schemas.items() if "enum" in schema}
    assert {"priority", "sort", "order", "per_page", "ended", "last"} == set(offered)
    for name, values in offered.items():
        for value in values:
            program.get(f"/tasks?{name}={value}")
    example = {"status": "failed,queued", **dict.fromkeys(("batch", "child_of"), "a" * 24)}
    example |= dict.fromkeys(("after", "before"), f"1-{'a' * 24}")
    for name in [name for name, schema in schemas.items() if "pattern" in schema]:
        value = example.get(name, "2026-11-27T14:30")
        assert re.fullmatch(schemas[name]["pattern"], value)
        program.get(f"/tasks?{name}={value}")
        assert not re.fullmatch(schemas[name]["pattern"], "x")
        assert program.ask("GET", f"/tasks?{name}=x").status_code in (400, 422)


def test_everybody_may_read_it_and_nothing_else(app: Flask, services: Services) -> None:
    publish(services)
    client = app.test_client()
    assert client.get("/api/v1/openapi.json").status_code == 200
    for path in ("/tasks", "/types", "/workers", "/queues", "/stats", "/me"):
        answer = client.get(f"/api/v1{path}")
        assert (answer.status_code, answer.content_type) == (401, "application/problem+json")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_an_unknown_address_is_a_problem_too(program: Program) -> None:
    assert program.get("/nothing", 404)["type"] == "urn:dtq:problem:not-found"
    assert program.ask("PUT", "/tasks").json["type"] == "urn:dtq:problem:method-not-allowed"
    assert program.get("/types?x=1", 400)["detail"] == "This address takes no query."


def test_types_workers_and_queues_are_told(program: Program) -> None:
    (kind,) = program.get("/types")["types"]
    assert (kind["name"], kind["served"], kind["usable"]) == ("clean_table", True, True)
    assert "source" in program.get("/types/clean_table")["params_schema"]["properties"]
    program.get("/types/none", 404)
    assert [worker["name"] for worker in program.get("/workers")["workers"]] == ["worker-1"]
    assert [queue["priority"] for queue in program.get("/queues")["queues"]] == ["high", "medium", "low"]
    me = program.get("/me")
    assert (me["name"], me["role"], me["permissions"]["task.cancel"]) == ("robot", "submitter", "own")


def test_a_permission_that_there_is_not_cannot_be_declared() -> None:
    with pytest.raises(ValueError):
        requires("task.reads")


def test_the_collection_of_batches_allows_what_it_has(program: Program) -> None:
    """`/tasks/batch` is no task, so nothing but POST."""
    answer = program.ask("OPTIONS", "/tasks/batch")
    assert set(answer.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}


@pytest.mark.parametrize("value", ["x" * 31, "1", "end-1", "1-2-3", "1-" + "9" * 16])
def test_the_id_of_an_event_is_as_the_document_says(
    program: Program, spec: dict, value: str, new_task
) -> None:
    path = f"/tasks/{new_task(owner=program.user.id).id}"
    parameters = spec["paths"]["/api/v1/tasks/{task_id}/log"]["get"]["parameters"]
    (known,) = [parameter for parameter in parameters if parameter["name"] == "Last-Event-ID"]
    assert not re.fullmatch(known["schema"]["pattern"], value)
    for part in ("events", "log"):
        program.get(f"{path}/{part}", 400, headers={"Last-Event-ID": value})


def test_bounds_of_bodies_are_in_it(spec: dict) -> None:
    models = spec["components"]["schemas"]
    attempts = models["NewTask"]["properties"]["max_attempts"]["anyOf"][0]
    assert (attempts["minimum"], attempts["maximum"]) == (1, MAX_ATTEMPTS)
    for model in ("NewBulk", "BulkChoice", "NewView", "NewWebhook"):
        filters = models[model]["properties"]["filter"]
        filters = filters.get("anyOf", [filters])[0]
        assert filters["additionalProperties"] is False
        assert "priority" in filters["properties"]


def test_a_preview_allows_what_it_has(program: Program) -> None:
    assert set(program.ask("OPTIONS", "/bulk/preview").headers["Allow"].split(", ")) == {"POST", "OPTIONS"}
    assert program.ask("GET", "/bulk/preview").status_code == 405


def test_what_is_wrong_comes_before_preconditions(program: Program) -> None:
    view = program.post("/views", {"name": "Mine"}, 201)
    path, tag = f"/views/{view['id']}", {"If-Match": '"another"'}
    for wrong in ({"name": " "}, {"name": "x" * 61}, {"name": "Mine", "shared": 1}):
        assert program.ask("PUT", path, json=wrong, headers=tag).status_code == 422
    assert program.ask("PUT", path, json={"name": "Mine"}, headers=tag).status_code == 412


def test_every_route_answers_head_and_options(program: Program, app: Flask) -> None:
    for rule in app.url_map.iter_rules():
        if not rule.rule.startswith("/api/"):
            continue
        path = re.sub(r"<[^>]+>", "0" * 24, rule.rule).removeprefix("/api/v1")
        for method in ("HEAD", "OPTIONS"):
            assert program.ask(method, path).status_code in {200, 403, 404, 405}, (method, path)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b'{"type": "again", "type": "again"}', {}),
        (b'{"type": NaN}', {}),
        (b'{"type": "again", "timeout_s": -Infinity}', {}),
        (b'{"type": "again", "timeout_s": ' + b"9" * 5_000 + b"}", {}),
        (b'{"type": "again", "params": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", {}),
        (b'{"type": "again", "params": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001, {}),
        (b'{"type": "\\ud800"}', {}),
        (b'{"type": "again", "title": "\\udfff"}', {}),
        (b'{"type": "again", "params": {"\\ud800": "\\ud800"}}', {}),
        ('{"type": "again"}'.encode("utf-16"), {}),
        (gzip.compress(b'{"type": "again"}'), {"Content-Encoding": "gzip"}),
        (b"\xff\xfe", {}),
        (b"", {}),
        (b"null", {}),
    ],
)
@pytest.mark.parametrize("path", ["/tasks", "/tasks/batch", "/bulk", "/views", "/webhooks"])
def test_an_odd_body_is_a_problem(program: Program, path: str, body: bytes, headers: dict) -> None:
    answer = program.ask("POST", path, data=body, content_type="application/json", headers=headers)
    assert answer.status_code in {404, 415, 422}, answer.text
    assert answer.content_type == "application/problem+json"
    assert answer.json and answer.json["status"] == answer.status_code and answer.json["detail"]
