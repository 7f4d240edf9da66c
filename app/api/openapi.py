"""The OpenAPI document of the API, and the API put together."""

from __future__ import annotations

import threading
from typing import Any

from flask import Blueprint, Flask, jsonify

from app.api import batches, bulk, contents, system, tasks, views, webhooks
from app.api.following import STREAM
from app.api.operation import PREFIX, spec
from app.core.people.person import PUBLIC
from app.http.permission import requires
from app.streams.task_stream import EVENT_ID
from config import Settings

blueprint = Blueprint("api", __name__, url_prefix=PREFIX)
for _resource in (batches, tasks, contents, bulk, views, webhooks, system):
    blueprint.register_blueprint(_resource.blueprint)


@blueprint.get("/openapi.json")
@requires(PUBLIC)
def openapi() -> Any:
    """The document says nothing of what is stored, so everybody may read it."""
    return jsonify(document())


def document() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document. Only within the application."""
    made: dict[str, Any] = {**spec.spec}
    made["components"] = {
        **made["components"],
        "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
    }
    made["security"] = [{"token": []}]
    for path in made["paths"].values():
        for operation in path.values():
            _complete(operation)
    return made


def _complete(operation: dict[str, Any]) -> None:
    """Say what SpecTree cannot: the media types of problems, of files, and the key of a submission."""
    for status, answer in operation["responses"].items():
        content = answer.get("content", {})
        if int(status) >= 400 and "application/json" in content:
            answer["content"] = {"application/problem+json": content["application/json"]}
    name = operation["operationId"]
    if name in _CONTENT:
        operation["responses"]["200"]["content"] = {kind: {"schema": {}} for kind in _CONTENT[name]}
    if STREAM in _CONTENT.get(name, ()):
        operation["responses"]["204"] = {"description": "The stream whose last event you have has ended."}
        if all(known["name"] != _PLACE["name"] for known in operation["parameters"]):
            operation["parameters"].append(_PLACE)
    if name == "upload_file":
        operation["requestBody"] = {"required": True, "content": {"application/octet-stream": {"schema": {}}}}
    if name in _KEYED and all(known["name"] != tasks.KEY for known in operation["parameters"]):
        about = f"The same key again is the same {_KEYED[name]}."
        schema = {"type": "string", "minLength": 1, "maxLength": tasks.LONGEST_KEY}
        operation["parameters"].append(
            {"name": tasks.KEY, "in": "header", "schema": schema, "required": False, "description": about}
        )
    _complete_preconditions(operation)


def _complete_preconditions(operation: dict[str, Any]) -> None:
    answers = operation["responses"]
    for status, (name, about) in _PRECONDITIONS.items():
        if status not in answers or any(known["name"] == name for known in operation["parameters"]):
            continue
        operation["parameters"].append(
            {
                "name": name,
                "in": "header",
                "schema": {"type": "string"},
                "required": False,
                "description": about,
            }
        )
        for known in {"200", "304"} & set(answers):
            tag = {"description": "Names this state of it.", "schema": {"type": "string"}}
            answers[known].setdefault("headers", {})["ETag"] = tag


_PLACE = {
    "name": "Last-Event-ID",
    "in": "header",
    "schema": {"type": "string", "pattern": EVENT_ID},
    "required": False,
    "description": "The ID of the last event that you have; the stream goes on after it.",
}
_PRECONDITIONS = {
    "304": ("If-None-Match", "An ETag: where it is still that of the resource, the answer is 304."),
    "412": ("If-Match", "An ETag: where it is not that of the resource any more, nothing is changed (412)."),
}
_KEYED = {"create_task": "task", "clone_task": "task", "create_bulk": "operation", "create_batch": "batch"}
_CONTENT = {
    "follow_task": (STREAM,),
    "get_log": ("text/plain", STREAM),
    "get_result": ("application/json",),
    "get_file": ("application/octet-stream",),
    "get_batch_results": ("application/x-ndjson", "text/csv", "application/vnd.apache.parquet"),
}


def init_app(app: Flask, settings: Settings) -> None:
    app.extensions["api_waiters"] = threading.Semaphore(settings.web_threads // 3)
    app.register_blueprint(blueprint)
    spec.app = app
