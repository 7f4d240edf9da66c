"""Files over HTTP as in production: gunicorn, real stores, clients that break off, a killed server."""

from __future__ import annotations

import http.client
import os
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from gridfs import GridFSBucket

from app.core.files import store as core_files
from app.core.services import Services
from app.core.tasks.states import Priority
from app.core.tasks.task import NewTask
from tests.browser.conftest import Site
from tests.rig.fleet import fleet
from tests.rig.processes import until
from tests.signing_in import cookie_header, cookies_over_http, link
from tests.web.create.creating import publish

pytestmark = pytest.mark.real
MB = 2**20
CONTENT = os.urandom(MB) * 24 + b"the end"
ADDRESS = "/tasks/new/clean_table/source?name=a.csv&type=text/csv"


@pytest.fixture
def site(real_stores, tmp_path) -> Iterator[Site]:
    with ExitStack() as stack:
        settings = {"UPLOAD_MAX_MB": "32", "SECRET_KEY": "tests-only"}
        made = stack.enter_context(fleet(real_stores, "files", tmp_path, Site, **settings))
        publish(made.services)
        made.serve()
        yield made
        made.services.db.client.drop_database("files")


class Client:
    """A person's session: cookies and the token of a form."""

    def __init__(self, address: str, services: Services) -> None:
        self._host = urlsplit(address).netloc
        cookie = cookie_header(cookies_over_http(urlsplit(address).port or 80, link(services)))
        with closing(self.connect()) as connection:
            connection.request("GET", "/tasks/new/clean_table", headers={"Cookie": cookie})
            answer = connection.getresponse()
            page = answer.read().decode()
        token = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', page)
        assert token
        self.headers = {"X-CSRFToken": token[1], "Cookie": cookie, "Accept": "application/json"}

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._host, timeout=20)

    def begin(self, length: int, sent: bytes) -> http.client.HTTPConnection:
        """An upload of which only the beginning is sent so far."""
        connection = self.connect()
        connection.putrequest("POST", ADDRESS)
        kind = {"Content-Type": "application/octet-stream", "Content-Length": str(length)}
        for name, value in (self.headers | kind).items():
            connection.putheader(name, value)
        connection.endheaders()
        connection.send(sent)
        return connection


@pytest.fixture
def client(site) -> Client:
    return Client(site.address, site.services)


def kept(site: Site) -> dict[str, int]:
    names = ("files.files", "files.chunks", "files.uploads")
    return {name.partition(".")[2]: site.services.db[name].count_documents({}) for name in names}


NOTHING = {"files": 0, "chunks": 0, "uploads": 0}


def stored(site: Site, client: Client) -> str:
    """Uploads the content and makes a task that owns it; returns the address of the file."""
    with closing(client.begin(len(CONTENT), CONTENT)) as connection:
        assert connection.getresponse().status == 201
    (found,) = site.services.db["files.files"].find()
    new = NewTask(type="clean_table", params={}, title="x", priority=Priority.LOW, files=(found["_id"],))
    task = site.services.dispatch.submit(new).task
    return f"/tasks/{task.id}/files/{found['_id']}"


def fetch(client: Client, address: str, headers: dict[str, str], most: int = -1) -> tuple[Any, bytes]:
    with closing(client.connect()) as connection:
        connection.request("GET", address, headers={**client.headers, **headers})
        answer = connection.getresponse()
        return answer, answer.read(most) if most >= 0 else answer.read()


def test_a_download_that_broke_off_is_resumed(site, client):
    address = stored(site, client)
    whole, beginning = fetch(client, address, {}, 9 * MB + 5)
    assert whole.status == 200
    resume = {"Range": f"bytes={len(beginning)}-", "If-Range": whole.headers["ETag"]}
    rest, end = fetch(client, address, resume)
    assert (rest.status, len(beginning)) == (206, 9 * MB + 5)
    assert beginning + end == CONTENT
    bucket = GridFSBucket(site.services.db, "files")  # And it is what GridFS says it is.
    (file,) = bucket.find({})
    assert file.read() == CONTENT


def test_what_other_programs_put_into_gridfs_is_read(site):
    bucket = GridFSBucket(site.services.db, "files", chunk_size_bytes=100_000)
    file_id = bucket.upload_from_stream("a.bin", CONTENT)
    assert b"".join(site.services.files.chunks(file_id, 123_456, 9_876_543)) == CONTENT[123_456:9_876_543]
    assert b"".join(site.services.files.chunks(file_id)) == CONTENT


def test_a_client_that_disappears_leaves_nothing(site, client):
    connection = client.begin(len(CONTENT), CONTENT[: 20 * MB])
    until(lambda: kept(site)["chunks"])
    connection.close()
    until(lambda: kept(site) == NOTHING)


def settled(site):
    """Whether nothing is written any more: what a killed server had sent still arrives."""
    before = kept(site)
    time.sleep(0.5)
    return kept(site) == before


def test_what_a_killed_server_leaves_is_pruned_after_a_day(site, client, monkeypatch):
    with closing(client.begin(len(CONTENT), CONTENT[: 20 * MB])):
        until(lambda: kept(site)["chunks"])
        site.web.stop()  # By SIGKILL.
    until(lambda: settled(site))
    assert kept(site)["chunks"] > 0
    assert (kept(site)["files"], kept(site)["uploads"]) == (0, 1)
    assert site.services.files.prune_orphans(100) == 0
    monkeypatch.setattr(core_files, "ORPHAN_AFTER", timedelta(0))
    assert site.services.files.prune_orphans(100) == 1
    assert kept(site) == NOTHING


def test_what_is_too_large_is_refused_while_the_client_still_sends(site, client):
    began = time.monotonic()
    with closing(client.begin(2**40, b"x" * MB)) as connection:
        answer = connection.getresponse()
        assert (answer.status, b"a.csv is larger than 32 MB" in answer.read()) == (413, True)
    assert time.monotonic() - began < 10
    assert kept(site) == NOTHING
