"""A browser of sorts for the tests of Create Task: opens a form, changes it, sends what a browser would."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Annotated, Any, Literal

from flask.testing import FlaskClient
from pydantic import Field
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.test import TestResponse, stream_encode_multipart

from app.core.catalog import WorkerInfo
from app.core.clock import utcnow
from app.core.services import Services
from app.core.tasks.task import Task
from tests.core.params.schemas import FILE, schema_of
from tests.rig.forms import Sent

CLEAN = schema_of(
    source=(Annotated[str, Field(title="Table", description="A table.", json_schema_extra=FILE)], ...),
    rows=(Annotated[int, Field(ge=1, le=100)], 10),
    ratio=(Annotated[float, Field(gt=0)], 0.5),
    trim=(bool, True),
    case=(Literal["keep", "lower", "upper"], "keep"),
    format=(Literal["csv", "tsv", "json", "jsonl", "parquet"], "csv"),
    checks=(list[Literal["empty", "double"]], ["empty"]),
    columns=(list[str] | None, None),
    label=(Annotated[str, Field(max_length=20)], ""),
    note=(Annotated[str, Field(json_schema_extra={"format": "textarea"})], ""),
    extra=(Annotated[str, Field(json_schema_extra=FILE)] | None, None),
)


def publish(services: Services, name: str = "clean_table", *, served: bool = True, **described: Any) -> None:
    """A worker that says it has a task type, and lives unless the type is not to be served."""
    values = {
        "_id": name,
        "title": "Clean a table",
        "category": "Data",
        "summary": "Tidy a table.",
        "help": "",
        "schema": CLEAN,
        "priority": "medium",
        "timeout_s": 600,
        "max_attempts": 3,
        "hash": "1",
        **described,
    }
    services.catalog.publish([values], "worker-1")
    if served:
        known = {kind for worker in services.catalog.workers() for kind in worker.types}
        services.catalog.report(_worker((*known, name), utcnow()))


def _worker(types: tuple[str, ...], now: datetime) -> WorkerInfo:
    return WorkerInfo("worker-1", "host", 1, "0.1.0", now, now, types=types)


class Browser:
    """Opens, changes and sends forms as one person."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def open(self, address: str = "/tasks/new/clean_table") -> MultiDict[str, Any]:
        answer = self.client.get(address)
        assert answer.status_code == 200, answer.text
        return Sent(answer.text).values

    def send(
        self, values: MultiDict[str, Any], name: str = "clean_table", *, headers: Any = None, **changes: Any
    ) -> TestResponse:
        """Send a form with changes; `p_rows` stands for `p-rows`, None leaves a name out."""
        sent = MultiDict(values)
        for key, value in changes.items():
            key = key.replace("p_", "p-", 1) if key.startswith("p_") else key
            sent.poplist(key)
            for each in value if isinstance(value, list) else [value]:
                if each is not None:
                    sent.add(key, each)
        return self.post(f"/tasks/new/{name}", sent, headers=headers)

    def post(self, address: str, values: Any, *, headers: Any = None) -> TestResponse:
        """The body is made here, as the client of Werkzeug leaves a large one open on disk."""
        body, _, boundary = stream_encode_multipart(MultiDict(values), use_tempfile=False)
        kind = f'multipart/form-data; boundary="{boundary}"'
        return self.client.post(address, data=body.read(), content_type=kind, headers=headers)


def upload(content: bytes = b"a,b\n1,2\n", name: str = "airports.csv", kind: str = "text/csv") -> FileStorage:
    """A file as a form sends it."""
    return FileStorage(io.BytesIO(content), name, content_type=kind)


def only(services: Services) -> Task:
    """The one task there is, as it is stored."""
    found = list(services.db.tasks.find())
    assert len(found) == 1
    return services.tasks.get(found[0]["_id"])


def nothing_was_created(services: Services) -> bool:
    return services.db.tasks.count_documents({}) == 0 and sum(services.queues.depths().values()) == 0
