"""Files, results and logs leave as attachments or plain text, whatever they hold and are called."""

from __future__ import annotations

import io
import json

import pytest
from bson import ObjectId
from werkzeug.http import parse_options_header

from app.core.files.store import CHUNK
from tests.web.looking import claim, succeed


@pytest.fixture
def stored(services, new_task):
    """A file of Alice's task."""

    def store(content: bytes = b"a,b\n1,2\n", name: str = "a.csv", kind: str = "text/csv"):
        file = services.files.save(io.BytesIO(content), name, kind, "alice", role="input")
        return new_task(params={"source": str(file.id)}, files=(file.id,)), file

    return store


def test_a_file_is_streamed_whole(client, stored):
    content = bytes(range(256)) * (2 * CHUNK // 256 + 3)
    task, file = stored(content)
    answer = client.get(f"/tasks/{task.id}/files/{file.id}")
    assert answer.is_streamed
    assert answer.data == content
    assert answer.content_length == len(content)
    assert answer.content_type == "text/csv"


def test_an_empty_file(client, stored):
    task, file = stored(b"")
    answer = client.get(f"/tasks/{task.id}/files/{file.id}")
    assert (answer.data, answer.content_length) == (b"", 0)


@pytest.mark.parametrize(
    "kind", ["text/html", "image/svg+xml", "application/xhtml+xml", "", "text/csv\r\nX: y"]
)
def test_what_a_browser_might_run_goes_as_bytes(client, stored, kind):
    task, file = stored(b"<script>alert(1)</script>", "page.html", kind)
    answer = client.get(f"/tasks/{task.id}/files/{file.id}")
    assert answer.content_type == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "name", ['a"b.csv', "größe 統計.csv", "a;filename=evil.exe", "../../etc/passwd", "a\r\nX-Evil: 1.csv"]
)
def test_names_are_kept_and_harmless(client, stored, name):
    task, file = stored(name=name)
    answer = client.get(f"/tasks/{task.id}/files/{file.id}")
    kind, options = parse_options_header(answer.headers["Content-Disposition"])
    assert kind == "attachment"
    assert options["filename"] == file.name
    assert "/" not in options["filename"]
    assert "X-Evil" not in answer.headers


def test_a_file_of_another_task_is_not_there(client, stored):
    task, _ = stored()
    _, other = stored(b"secret")
    assert client.get(f"/tasks/{task.id}/files/{other.id}").status_code == 404


def test_of_a_deleted_task(client, services, stored):
    task, file = stored()
    services.dispatch.cancel(task.id, "alice")
    services.dispatch.delete(task.id)
    assert client.get(f"/tasks/{task.id}/files/{file.id}").status_code == 404
    assert client.get(f"/tasks/{ObjectId()}/files/{file.id}").status_code == 404


def test_a_result_as_json(client, services, new_task):
    task = succeed(services, new_task(), {"größe": [1, None]})
    answer = client.get(f"/tasks/{task.id}/result.json")
    assert json.loads(answer.data) == {"größe": [1, None]}
    assert answer.content_type == "application/json"
    assert answer.headers["Content-Disposition"].startswith("attachment;")


def test_no_result(client, new_task):
    assert client.get(f"/tasks/{new_task().id}/result.json").status_code == 404


def test_a_log_is_plain_text(client, services, new_task):
    task = claim(services, new_task())
    services.logs.write_part(task.id, 1, 0, b"<b>one</b>\n")
    answer = client.get(f"/tasks/{task.id}/log?attempt=1")
    assert answer.text == "<b>one</b>\n"
    assert answer.content_type == "text/plain; charset=utf-8"
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_several_results_are_all_offered_and_go_with_their_task(client, services, new_task):
    task = new_task()
    outs = [
        services.files.save(io.BytesIO(name.encode()), name, "text/csv", "alice", role="output")
        for name in ("one.csv", "two.csv", "three.csv")
    ]
    services.files.attach([out.id for out in outs], task.id)
    services.files.confirm([out.id for out in outs])
    task = succeed(services, task, {"rows": 1})
    page = client.get(f"/tasks/{task.id}").text
    for out in outs:
        address = f"/tasks/{task.id}/files/{out.id}"
        assert address in page
        assert client.get(address).data == out.name.encode()
    services.dispatch.delete(task.id)
    assert services.db["files.chunks"].count_documents({}) == 0
