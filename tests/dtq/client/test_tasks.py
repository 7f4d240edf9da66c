"""What a program does with tasks through the client, on the real application."""

from __future__ import annotations

import copy
import gzip
import io
import os
import pickle
import threading
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field, SecretStr

from app.api import tasks as api_tasks
from app.api.models import bulk, common, contents, system, tasks, views, webhooks
from app.core.people.roles import Role
from app.core.services import Services
from app.core.tasks.task import Task as StoredTask
from app.core.tasks.task import parse_task_id
from dtq.client import (
    Client,
    Conflict,
    DTQError,
    Forbidden,
    Invalid,
    NotFound,
    TaskCanceled,
    TaskFailed,
    TaskSummary,
    WaitTimeout,
    operations,
)
from dtq.client import records as client_records
from dtq.client import task as client_task
from tests.core.params.schemas import schema_of
from tests.dtq.client.conftest import PREFIX, Server, token_in
from tests.dtq.client.driven import driven
from tests.web.create.creating import publish
from tests.web.looking import fail, succeed

CONTENT = b"a,b\n1,2\n"


@pytest.fixture
def client(either: Any) -> Any:
    """All of this holds in threads and in coroutines."""
    return either


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_bytes(CONTENT)
    return path


def stored(services: Services, task: TaskSummary) -> StoredTask:
    return services.tasks.get(parse_task_id(task.id))


def sent_bytes(task: TaskSummary, folder: Path) -> bytes:
    (file,) = task.files()
    return task.download(file, folder / "sent").read_bytes()


def test_a_path_becomes_a_file_and_options_are_told_from_parameters(
    client: Any, services: Services, people: Path, tmp_path: Path
) -> None:
    run_at = datetime.now(timezone.utc) + timedelta(hours=1)
    task = client.submit(
        "clean_table", source=people, rows=3, priority="high", title="Mine", tags=["a"], run_at=run_at,
        max_attempts=7, timeout_s=9, private=True,
    )  # fmt: skip

    found = stored(services, task)
    assert (found.priority.word, found.title, found.tags, found.private) == ("high", "Mine", ("a",), True)
    assert (found.max_attempts, found.timeout_s, found.params["rows"]) == (7, 9, 3)
    assert sent_bytes(task, tmp_path) == CONTENT
    assert (task.status, task.priority, task.params["rows"]) == ("scheduled", "high", 3)
    assert task.run_at is not None and abs(task.run_at - run_at) < timedelta(seconds=1)
    assert [file.name for file in task.files()] == ["people.csv"]


def test_a_parameter_with_the_name_of_an_option_stands_in_the_mapping(
    client: Any, services: Services
) -> None:
    publish(services, "letter", schema=schema_of(title=(str, ...), type=(str, ...), params=(str, "")))
    task = client.submit("letter", {"title": "Dear Ada"}, title="Letters", type="x", params="y")

    assert task.params == {"title": "Dear Ada", "type": "x", "params": "y"}
    assert task.title == "Letters"
    with pytest.raises(TypeError, match="once"):
        client.submit("letter", {"type": "x"}, type="y")


def test_files_are_found_in_lists_and_rows(client: Any, services: Services, people: Path) -> None:
    kind = Annotated[str, Field(json_schema_extra={"format": "file-id"})]
    publish(services, "pack", schema=schema_of(sources=(list[kind], ...)))  # type: ignore[valid-type]
    task = client.submit("pack", sources=[people, io.BytesIO(b"x")])

    assert sorted(file.size for file in task.files()) == [1, len(CONTENT)]


@pytest.mark.parametrize("kind", ["open", "second line", "bytes", "pipe", "gzip", "empty"])
def test_open_files_are_uploaded_from_where_they_stand(
    client: Any, services: Services, people: Path, tmp_path: Path, kind: str
) -> None:
    any_file = Annotated[str, Field(json_schema_extra={"format": "file-id"})]
    publish(services, "any", schema=schema_of(source=(any_file, ...)))
    packed = tmp_path / "x.csv.gz"
    packed.write_bytes(gzip.compress(CONTENT * 1000))
    reading, writing = os.pipe()
    os.write(writing, CONTENT)
    os.close(writing)
    (tmp_path / "empty.csv").touch()
    wanted = {"second line": b"1,2\n", "gzip": CONTENT * 1000, "empty": b""}.get(kind, CONTENT)
    with (
        people.open("rb") as file,
        os.fdopen(reading, "rb") as pipe,
        gzip.open(packed) as unpacked,
        (tmp_path / "empty.csv").open("rb") as empty,
    ):
        if kind == "second line":
            file.readline()
        given: dict[str, Any] = {"bytes": io.BytesIO(CONTENT), "pipe": pipe, "gzip": unpacked, "empty": empty}
        task = client.submit("any", source=given.get(kind, file))
    assert sent_bytes(task, tmp_path) == wanted


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"source": Path("/no/such/file")}, FileNotFoundError),
        ({"source": Path("/")}, IsADirectoryError),
        ({"source": io.StringIO("x")}, TypeError),
        ({"source": b"x"}, TypeError),
        ({"rows": object()}, TypeError),
        ({"ratio": float("nan")}, ValueError),
        ({"run_at": datetime(2030, 1, 1)}, ValueError),  # noqa: DTZ001
    ],
)
def test_what_cannot_be_sent_is_refused_before_anything_is(
    client: Any, server: Server, people: Path, given: dict[str, Any], kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        client.submit("clean_table", **{"extra": people, **given})
    assert server.weather.seen == [] or kind is ValueError


def test_secrets_and_values_of_python_are_sent(client: Any, services: Services) -> None:
    publish(services, "call", schema=schema_of(word=(SecretStr, ...), day=(str, "")))
    task = client.submit("call", word=SecretStr("canary"), day=datetime(2026, 1, 2).date())

    assert (task.params["day"], "canary" in str(task)) == ("2026-01-02", False)


def test_a_refusal_says_where(client: Any, people: Path) -> None:
    with pytest.raises(Invalid) as refused:
        client.submit("clean_table", source=people, rows=0)

    error = refused.value
    assert [wrong.pointer for wrong in error.errors] == ["/params/rows"]
    assert (error.status, error.type) == (422, "urn:dtq:problem:invalid")
    assert "/params/rows: " in str(error) and error.request_id in str(error)
    assert pickle.loads(pickle.dumps(error)).errors == error.errors  # noqa: S301


def test_the_same_key_is_the_same_task_also_with_the_file_sent_again(
    client: Any, services: Services, people: Path
) -> None:
    first = client.submit("clean_table", source=people, idempotency_key="november")
    again = client.submit("clean_table", source=people, idempotency_key="november")
    assert first.id == again.id and services.db.tasks.count_documents({}) == 1

    people.write_bytes(b"other")
    with pytest.raises(Invalid, match="another body"):
        client.submit("clean_table", source=people, idempotency_key="november")
    assert client.submit("clean_table", source=people).id != client.submit("clean_table", source=people).id


def test_waiting_returns_the_result(client: Any, services: Services, people: Path) -> None:
    task = client.submit("clean_table", source=people)
    timer = threading.Timer(0.3, lambda: succeed(services, stored(services, task), {"rows": 2}))
    timer.start()
    ended = task.wait(30)
    timer.join()

    assert (ended.status, ended.ended, task.status) == ("succeeded", True, "queued")
    assert ended.result() == {"rows": 2}


def test_waiting_says_that_it_failed_or_was_canceled(client: Any, services: Services, people: Path) -> None:
    task = client.submit("clean_table", source=people, max_attempts=1)
    with pytest.raises(NotFound):
        task.result()
    fail(services, stored(services, task), "Line 3 is wrong.")
    with pytest.raises(TaskFailed, match="Line 3 is wrong") as failed:
        task.wait()
    assert failed.value.task.error is not None and failed.value.task.error.type == "ValueError"
    assert task.wait(raise_on_failure=False).status == "failed"
    canceled = client.submit("clean_table", source=people).cancel()
    with pytest.raises(TaskCanceled):
        canceled.wait()


def test_waiting_ends_in_time(client: Any, people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = client.submit("clean_table", source=people)
    monkeypatch.setattr(api_tasks, "waiters", lambda: threading.Semaphore(0))
    for seconds in (0, 1.2):
        with pytest.raises(WaitTimeout, match="queued") as over:
            task.wait(seconds)
        assert over.value.task.id == task.id and isinstance(over.value, TimeoutError)


def test_no_requests_are_wasted_where_too_many_wait(
    client: Any, server: Server, people: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = client.submit("clean_table", source=people)
    monkeypatch.setattr(api_tasks, "waiters", lambda: threading.Semaphore(0))
    server.weather.seen.clear()
    with pytest.raises(WaitTimeout):
        task.wait(2)
    assert len(server.weather.seen) <= 4


def test_nothing_returned_is_none(client: Any, services: Services, people: Path) -> None:
    task = client.submit("clean_table", source=people)
    succeed(services, stored(services, task), None)
    assert task.wait().result() is None


def test_log_attempts_and_files_are_read(
    client: Any, services: Services, people: Path, tmp_path: Path
) -> None:
    task = client.submit("clean_table", source=people)
    services.logs.write_part(parse_task_id(task.id), 1, 0, "héllo\n".encode())
    fail(services, stored(services, task))

    assert (task.log(), task.log(attempt=1)) == ("héllo\n", "héllo\n")
    with pytest.raises(NotFound, match="attempt 9"):
        task.log(9)
    (attempt,) = task.attempts()
    assert (attempt.attempt, attempt.finished_at is not None) == (1, True)
    (file,) = task.files()
    results = tmp_path / "results"
    results.mkdir()
    assert task.download(file, results) == results / "people.csv"
    assert task.download(file.id, results / "other") == results / "other"
    assert (results / "other").read_bytes() == (results / "people.csv").read_bytes() == CONTENT
    with pytest.raises(NotFound):
        task.download("0" * 24, results / "other")
    assert sorted(path.name for path in results.iterdir()) == ["other", "people.csv"]
    assert (results / "other").read_bytes() == CONTENT


def test_a_task_is_changed_and_deleted(client: Any, people: Path) -> None:
    task = client.submit("clean_table", source=people)
    assert task.set_priority("low").priority == "low"
    assert task.cancel().status == "canceled"
    with pytest.raises(Conflict):
        task.cancel()
    assert task.retry().status == "queued"
    assert task.refresh().cancel().actions == ["clone", "delete", "retry", "tag", "untag"]
    assert task.delete() is None
    for look in (task.refresh, task.log, lambda: client.task(task.id), lambda: client.task("../me")):
        with pytest.raises(NotFound):
            look()


def test_a_list_has_all_pages(client: Any, server: Server, people: Path, token_of: Any) -> None:
    file = client.upload(people)
    ids = [client.submit("clean_table", source=file.id, title=f"Run {n}").id for n in range(60)]
    with Client(server.url + PREFIX + "/", token_in(client), retry_s=0) as below:
        assert below.url.endswith(PREFIX)
        found = [task.id for task in below.tasks(order="asc", per_page=25)]
    assert found == ids
    assert [task.id for task in client.tasks(q="run", type="clean_table")] == ids[::-1]
    assert list(client.tasks(status="failed")) == []
    first = next(client.tasks())
    assert not hasattr(first, "params") and first.refresh().params["source"] == file.id
    with pytest.raises(Invalid):
        next(client.tasks(q="x" * 500))


def test_the_server_is_described(client: Any) -> None:
    (summary,) = client.types()
    details = client.type("clean_table")
    assert (summary.name, summary.served, summary.usable) == ("clean_table", True, True)
    assert "rows" in details.params_schema["properties"]
    assert client.workers()[0].types == ["clean_table"]
    assert [queue.priority for queue in client.queues()] == ["high", "medium", "low"]
    assert (client.me().name, client.me().types) == ("robot", None)
    with pytest.raises(NotFound):
        client.type("no/such")


def test_an_operator_pauses_resumes_and_stops_workers(
    client: Any, services: Services, server: Server, token_of: Any
) -> None:
    for refused in (lambda: client.pause_queue("high"), lambda: client.stop_worker("worker-1")):
        with pytest.raises(Forbidden):
            refused()
    kind = driven if hasattr(client, "_of") else Client
    with kind(server.url, token_of(Role.OPERATOR, "olga"), retry_s=0) as olga:
        assert olga.pause_queue("low", "Upgrade").paused is True
        assert [queue.paused for queue in olga.queues()] == [False, False, True]
        with pytest.raises(Conflict, match="already paused"):
            olga.pause_queue("low")
        assert olga.resume_queue("low").paused is False
        assert olga.pause_type("clean_table").paused and olga.types()[0].paused
        assert not olga.resume_type("clean_table").paused
        with pytest.raises(Invalid, match="200"):
            olga.pause_queue("low", "w" * 201)
        for missing in (lambda: olga.pause_queue("urgent"), lambda: olga.pause_type("nothing")):
            with pytest.raises(NotFound):
                missing()
        assert olga.stop_worker("worker-1") is None
        with pytest.raises(Conflict):
            olga.stop_worker("worker-1")
    assert services.pauses.read().queues == {}


def test_a_copied_task_has_no_client_in_it(client: Any, people: Path) -> None:
    task = client.submit("clean_table", source=people)
    task = getattr(task, "_of", task)
    token = token_in(client).encode()
    for other in (pickle.loads(pickle.dumps(task)), copy.deepcopy(task)):  # noqa: S301
        assert other == task
        with pytest.raises(DTQError, match="client.task"):
            other.follow_log()
    assert token not in pickle.dumps(task) and asdict(task)["id"] == task.id


def test_its_records_are_the_models_of_the_server() -> None:
    records = {
        contents: ("Attempt",),
        system: ("Worker", "Queue", "Me", "Stats", "StatsPoint"),
        views: ("View",),
        webhooks: ("Webhook", "Delivery", "DeliveryAttempt"),
        tasks: ("Progress", "TaskError"),
        bulk: ("BulkOperation", "BulkPreview", "BulkSkipped"),
    }
    pairs = {
        client_task.Task: tasks.Task,
        client_task.TaskSummary: tasks.TaskSummary,
        client_records.TaskFile: contents.StoredFile,
        client_records.TypeSummary: system.TaskTypeSummary,
        client_records.TypeDetails: system.TaskType,
        **{
            getattr(client_records, name): getattr(module, name)
            for module, names in records.items()
            for name in names
        },
    }
    for ours, theirs in pairs.items():
        assert set(ours.__dataclass_fields__) == set(theirs.model_fields), ours
    assert client_records.BulkAction == bulk.BulkAction
    assert set(operations.VIEW_FIELDS) == set(views.NewView.model_fields)
    assert set(operations.WEBHOOK_FIELDS) == set(webhooks.NewWebhook.model_fields)
    assert client_records.Priority == common.PriorityWord and client_records.Status == common.StatusWord


def test_many_tasks_are_changed_once_and_one_is_cloned(
    client: Any, services: Services, server: Server, weather: Any, people: Path
) -> None:
    tasks = [client.submit("clean_table", source=people) for _ in range(2)]
    preview = client.preview_bulk("cancel", filter={"status": "queued"})
    assert (preview.count, preview.unaffected, preview.denied) == (2, 0, 0)
    assert client.preview_bulk("retry", ids=[task.id for task in tasks]).count == 0
    assert list(client.bulk_operations()) == []
    weather.plan("POST", "/bulk", "after")
    done = client.bulk("cancel", filter={"status": "queued"}, most=9)
    assert (done.state, done.done, done.skipped, done.most) == ("ended", 2, {}, 2)
    assert client.bulk_operation(done.id) == done == client.stop_bulk(done.id) == client.resume_bulk(done.id)
    assert list(client.bulk_operations()) == [done]
    assert services.db.bulk_operations.count_documents({}) == 1
    assert {task.refresh().status for task in tasks} == {"canceled"}

    weather.plan("POST", "/clone", "after")
    again = tasks[0].clone()
    assert (again.status, again.parent) == ("queued", tasks[0].id)
    assert services.db.tasks.count_documents({}) == 3
    with pytest.raises(Invalid, match="filter"):
        client.bulk("cancel")
