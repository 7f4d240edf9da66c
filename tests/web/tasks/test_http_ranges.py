"""A download in parts: what RFC 9110 says of ranges and conditions, read from where a part begins."""

from __future__ import annotations

import io

import pytest

from app.core.files.gridfs import CHUNK

CONTENT = bytes(range(256)) * (3 * CHUNK // 256) + b"the end"
SIZE = len(CONTENT)


@pytest.fixture
def stored(services, new_task):
    file = services.files.save(io.BytesIO(CONTENT), "a.csv", "text/csv", "alice", role="input")
    task = new_task(files=(file.id,))
    return f"/tasks/{task.id}/files/{file.id}", file


@pytest.fixture
def get(client, stored):
    def send(method: str = "GET", **headers: str):
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.open(stored[0], method=method, headers=given)

    return send


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        (f"bytes={CHUNK - 1}-{CHUNK}", CHUNK - 1, CHUNK + 1),
        (f"bytes={CHUNK}-{2 * CHUNK - 1}", CHUNK, 2 * CHUNK),
        (f"bytes={2 * CHUNK + 5}-", 2 * CHUNK + 5, SIZE),
        (f"bytes=1-{10 * SIZE}", 1, SIZE),
        ("bytes=-7", SIZE - 7, SIZE),
        (f"bytes=-{10 * SIZE}", 0, SIZE),
    ],
)
def test_a_part(get, stored, asked, start, stop):
    answer = get(Range=asked)
    assert answer.status_code == 206
    assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{SIZE}"
    assert answer.content_length == stop - start
    assert answer.data == CONTENT[start:stop]
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.headers["ETag"] == f'"{stored[1].sha256}"'


@pytest.mark.parametrize(
    "asked", ["", "bytes", "bytes=", "bytes=x-", "bytes=9-3", "lines=1-2", "bytes=0-1,5-6", "bytes=-0"]
)
def test_the_whole_where_no_single_part_is_understood(get, asked):
    answer = get(Range=asked)
    assert (answer.status_code, answer.data) == (200, CONTENT)
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert "Content-Range" not in answer.headers


def test_what_is_behind_the_end_is_said(get):
    answer = get(Range=f"bytes={SIZE}-", Accept="application/json")
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{SIZE}"
    assert answer.json["detail"].startswith("The file is shorter than the part of it that was asked for.")


def test_the_rest_only_of_what_has_not_changed(get, stored):
    rest = {"Range": "bytes=-7"}
    assert get(**rest, If_Range=f'"{stored[1].sha256}"').data == b"the end"
    for other in ('"another"', f'W/"{stored[1].sha256}"', "Tue, 24 Nov 2026 10:00:00 GMT"):
        assert get(**rest, If_Range=other).status_code == 200


def test_what_is_there_already_is_not_sent_again(get, stored):
    answer = get(If_None_Match=f'"x", W/"{stored[1].sha256}"', Range="bytes=0-1")
    assert (answer.status_code, answer.data) == (304, b"")
    assert answer.headers["ETag"] == f'"{stored[1].sha256}"'
    assert get(If_None_Match='"x"').status_code == 200


def test_head_says_what_get_would_send_and_reads_nothing(get, services, monkeypatch):
    monkeypatch.setattr(services.files._content, "_batch", None)
    answer = get("HEAD", Range="bytes=0-1")
    assert (answer.status_code, answer.data, answer.content_length) == (200, b"", SIZE)
    assert answer.headers["Accept-Ranges"] == "bytes"


def test_a_part_is_read_from_the_chunk_in_which_it_begins(get, services, monkeypatch):
    asked = []
    real = services.files._content._batch
    monkeypatch.setattr(services.files._content, "_batch", lambda *of: asked.append(of[1]) or real(*of))
    assert get(Range=f"bytes={2 * CHUNK + 5}-{2 * CHUNK + 9}").data == CONTENT[5:10]
    assert asked == [2]


def test_an_empty_file_has_no_parts(client, services, new_task):
    file = services.files.save(io.BytesIO(b""), "a.csv", "text/csv", "alice", role="input")
    task = new_task(files=(file.id,))
    answer = client.get(f"/tasks/{task.id}/files/{file.id}", headers={"Range": "bytes=0-"})
    assert (answer.status_code, answer.data) == (200, b"")
