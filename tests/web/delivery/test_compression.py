"""What is compressed, and what never is."""

from __future__ import annotations

import gzip
import io

import pytest

from app.core.people.roles import Role
from app.web.delivery.compression import MOST_RANDOM, compressed_page
from tests.web.looking import succeed

GZIP = {"Accept-Encoding": "gzip, deflate, br"}


@pytest.mark.parametrize("address", ["/", "/tasks", "/workers", "/tasks/new"])
def test_a_page_is_compressed_for_who_takes_it(client, address):
    plain, packed = client.get(address), client.get(address, headers=GZIP)
    assert packed.headers["Content-Encoding"] == "gzip" and "Content-Encoding" not in plain.headers
    assert "Accept-Encoding" in plain.headers["Vary"] and "Accept-Encoding" in packed.headers["Vary"]
    assert int(packed.headers["Content-Length"]) == len(packed.data) < len(plain.data) / 2
    assert gzip.decompress(packed.data).startswith(b"<!doctype html>")
    assert "Content-Encoding" not in client.get(address, headers={"Accept-Encoding": "gzip;q=0"}).headers


def test_static_files_are_compressed_and_asked_for_again_by_their_tag(client):
    address = "/static/platform/app.css"
    with client.get(address) as plain, client.get(address, headers=GZIP) as packed:
        assert gzip.decompress(packed.data) == plain.data
        known = packed.headers["ETag"]
    with client.get(address, headers={**GZIP, "If-None-Match": known}) as again:
        assert (again.status_code, again.data) == (304, b"")


def test_downloads_pieces_and_short_answers_are_sent_as_they_are(client, services, new_task):
    task = succeed(services, new_task(), {"text": "a" * 5_000})
    file = services.files.save(io.BytesIO(b"a" * 5_000), "a.txt", "text/plain", "local", role="output")
    services.files.attach([file.id], task.id)
    for address in (f"/files/{file.id}", f"/tasks/{task.id}/result", "/healthz"):
        for more in ({}, {"Range": "bytes=0-2000"}):
            with client.get(address, headers={**GZIP, **more}) as answer:
                assert answer.status_code in (200, 206, 404), address
                assert "Content-Encoding" not in answer.headers, address


def test_pages_with_secrets_are_not_compressed(client, services, signed_in_as):
    user = services.people.users.add("ann", Role.VIEWER)
    for address in ("/profile", "/users", f"/users/{user.id}"):
        answer = client.get(address, headers=GZIP)
        assert answer.status_code == 200 and "Content-Encoding" not in answer.headers, address


def test_an_answer_to_what_changes_something_is_not_compressed(client):
    answer = client.post("/queues/pause", headers=GZIP, data={"priority": "high"})
    assert answer.status_code >= 400 and "Content-Encoding" not in answer.headers


def test_the_same_page_has_another_length_each_time():
    content = b"<p>The same</p>" * 100
    packed = [compressed_page(content) for _ in range(200)]
    assert {gzip.decompress(each) for each in packed} == {content}
    lengths = {len(each) for each in packed}
    assert len(lengths) > 50 and max(lengths) - min(lengths) < MOST_RANDOM
