"""A file that the page sends as soon as it is chosen: the body of a request, straight into the store."""

from __future__ import annotations

import errno
import io
from collections import namedtuple
from dataclasses import replace
from urllib.parse import urlencode

import pytest
from bson import ObjectId
from werkzeug import formparser

from app import create_app
from app.core.files.gridfs import CHUNK
from app.core.services import assemble
from tests.signing_in import signed_in
from tests.web.create.creating import Browser, publish, upload

ADDRESS = "/tasks/new/clean_table/source"
MB = 2**20
Disk = namedtuple("Disk", "total used free")


@pytest.fixture
def send(services, settings):
    """Sends a body to a server that takes a megabyte."""
    publish(services)
    small = replace(settings, upload_max_mb=1)
    app = create_app(small, assemble(small, services.db, services.queues.redis))
    browser = Browser(signed_in(app.test_client(), services))
    token = browser.open()["csrf_token"]

    def post(body: bytes, query: str = "name=a.csv&type=text/csv", **given):
        headers = {"X-CSRFToken": token, "Accept": "application/json"}
        values = {"content_type": "application/octet-stream", "input_stream": io.BytesIO(body), **given}
        said = {"CONTENT_LENGTH": str(values.pop("length", len(body)))}
        return browser.client.post(f"{ADDRESS}?{query}", headers=headers, environ_overrides=said, **values)

    post.browser = browser
    return post


def nothing_is_kept(services) -> bool:
    return not any(
        services.db[name].count_documents({}) for name in ("files.files", "files.chunks", "files.uploads")
    )


def test_a_body_is_stored_without_a_temporary_file(send, services, monkeypatch):
    monkeypatch.setattr(formparser, "default_stream_factory", None)
    content = bytes(range(256)) * (CHUNK // 256) * 2 + b"end"
    answer = send(content)
    assert (answer.status_code, answer.json["name"]) == (201, "a.csv")
    stored = services.files.get(ObjectId(answer.json["id"]))
    assert b"".join(services.files.chunks(stored.id)) == content
    assert stored.content_type == "text/csv"
    assert services.db["files.uploads"].count_documents({}) == 0


@pytest.mark.parametrize("name", ["字" * 84 + ".csv", "é" * 127 + ".csv", "👩🏽" * 40 + ".csv"])
def test_a_long_name_is_cut_in_bytes_and_keeps_its_kind(send, services, name):
    answer = send(b"a,b\n1,2\n", f"{urlencode({'name': name})}&type=text/csv")
    assert answer.status_code == 201
    kept = services.files.get(ObjectId(answer.json["id"])).name
    assert len(kept.encode()) <= 200 and kept.endswith(".csv") and name.startswith(kept[:-4])


def test_a_program_may_send_a_form_instead(send):
    answer = send.browser.post(ADDRESS, {"file": upload(), "csrf_token": send.browser.open()["csrf_token"]})
    assert answer.status_code == 201


class Unread(io.BytesIO):
    def readinto(self, *_):
        raise AssertionError("the body was read")

    read = readinto


@pytest.mark.parametrize("size", [MB + 1, 3 * MB, 2**40])
def test_what_is_too_large_is_refused_before_it_is_read(send, services, size):
    answer = send(b"", length=size, input_stream=Unread())
    assert answer.status_code == 413
    assert answer.json["detail"] == "a.csv is larger than 1 MB, the limit here."
    assert nothing_is_kept(services)


def test_a_client_that_disappears_leaves_nothing(send, services):
    assert send(b"x" * 500_000, length=900_000).status_code == 400
    assert nothing_is_kept(services)


@pytest.mark.parametrize(
    ("query", "kind", "status", "sentence"),
    [
        ("name=a.exe", "application/octet-stream", 422, "a.exe isn't an accepted file type"),
        ("", "application/octet-stream", 422, "file isn't an accepted file type"),
        ("name=a.csv&x=1", "application/octet-stream", 400, "“x” is not understood here"),
        ("name=a.csv", "application/x-www-form-urlencoded", 422, "as the body of the request"),
    ],
)
def test_what_is_not_understood_is_said(send, services, query, kind, status, sentence):
    answer = send(b"a,b\n", query, content_type=kind)
    assert answer.status_code == status
    assert sentence in answer.json["detail"]
    assert nothing_is_kept(services)


def test_what_is_no_file_is_never_held_in_memory_beyond_its_bound(send):
    answer = send(b"", length=5 * MB, input_stream=Unread(), content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 413


def test_a_form_for_which_the_disk_has_no_room_is_refused_at_once(browser, services, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: Disk(100 * MB, 95 * MB, 5 * MB))
    form = browser.open()
    answer = browser.send(form, p_source=upload(b"x" * 6 * MB))
    assert answer.status_code == 507
    assert "There is no room on the server's disk for a file of this size" in answer.text.replace(
        "&#39;", "'"
    )
    assert browser.send(form, p_source=upload()).status_code == 303


def test_a_disk_that_becomes_full_is_said(browser, services, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    form = browser.open()
    monkeypatch.setattr(formparser, "default_stream_factory", full)
    monkeypatch.setattr(formparser.MultiPartParser, "start_file_streaming", full)
    answer = browser.send(form, p_source=upload())
    assert answer.status_code == 507
    assert "disk is full" in answer.text
    assert nothing_is_kept(services)


def test_a_connection_on_which_nothing_moves_is_cut(client):
    class Connection:
        timeout = None

        def settimeout(self, seconds):
            self.timeout = seconds

    connection = Connection()
    client.get("/tasks", environ_overrides={"gunicorn.socket": connection})
    assert connection.timeout == 60
