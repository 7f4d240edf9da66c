"""The body of an answer: as text, as a file, packed, too large, too slow."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dtq.outgoing.errors import Trouble
from dtq.outgoing.gate import Policy
from dtq.outgoing.url import parse
from dtq_library.http.fetch import FetchLimits, Request, fetch
from dtq_library.http.tasks import http_request
from tests.library.http.site import Site
from tests.library.running import Runner
from workers.attempt.attempt import WasCanceled

Ask = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    ("real", "said", "encoding", "notes"),
    [
        ("utf-8", "UTF-8", "utf-8", []),
        ("utf-8", "", "utf-8", []),
        ("cp1252", "windows-1252", "cp1252", []),
        ("utf-16", "utf-16", "utf-16", []),
        ("utf-8-sig", "iso-8859-1", "utf-8-sig", []),
        ("utf-8", "us-ascii", "utf-8", ["The server says us-ascii, but the body is utf-8."]),
        (
            "utf-8",
            "klingon",
            "utf-8",
            ["The server says klingon, which is no known encoding; UTF-8 was tried."],
        ),
        ("utf-8", "zlib", "utf-8", ["The server says zlib, which is no known encoding; UTF-8 was tried."]),
    ],
)
def test_text_is_decoded(ask: Ask, real: str, said: str, encoding: str, notes: list[str]) -> None:
    result = ask(f"/text?{real}&{said}")

    assert (result["body"], result["encoding"], result["notes"]) == ("Größe: 5 €\n", encoding, notes)


def test_text_in_no_known_encoding_is_kept_as_a_file(ask: Ask, runner: Runner) -> None:
    result = ask("/text?cp1252&")

    assert (result["body"], result["encoding"]) == (None, None)
    assert runner.content(result["file"]) == "Größe: 5 €\n".encode("cp1252")


def test_a_binary_body_is_a_file_with_a_name_and_a_type(ask: Ask, runner: Runner) -> None:
    result = ask("/binary/some%2Fwhere/..%5cup.dat")

    assert (result["body"], result["file"]["name"]) == (None, "up.dat")
    assert result["file"]["content_type"] == "image/x-made-up"
    assert result["file"]["sha256"] == hashlib.sha256(bytes(range(256)) * 4).hexdigest()


def test_long_text_is_a_file(ask: Ask, runner: Runner) -> None:
    result = ask("/long?20000")

    assert (result["body"], result["size"], result["file"]["name"]) == (None, 100_000, "long.txt")
    assert runner.content(result["file"]) == b"line\n" * 20_000
    assert runner.told[-1][:2] == (100_000, 100_000)


def test_what_is_kept_is_chosen(ask: Ask) -> None:
    as_file, nothing = ask("/long?2", keep_body="file"), ask("/long?2", keep_body="nothing")

    assert (as_file["body"], as_file["file"]["size"]) == (None, 10)
    assert (nothing["body"], nothing["file"], nothing["size"]) == (None, None, 10)


def test_gzip_is_unpacked(ask: Ask) -> None:
    assert ask("/gzip")["body"] == "Small when packed."


def test_what_cannot_be_unpacked_is_kept_and_said(ask: Ask, runner: Runner) -> None:
    result = ask("/brotli")

    assert runner.content(result["file"]) == b"\x0b\x02\x80hi\x03"
    assert "(br)" in result["notes"][0]


# Limits


def test_a_gzip_bomb_is_cut_at_the_limit(make: Callable[..., Runner], site: Site) -> None:
    alice = make(http_allow=(site.host,), http_max_mb=1)

    assert "larger than 1 MB" in alice.refusal(http_request, url=site.url + "/bomb")
    assert max(done for done, _, _ in alice.told) <= 2**20


def test_a_body_without_end_is_cut_at_the_limit(make: Callable[..., Runner], site: Site) -> None:
    alice = make(http_allow=(site.host,), http_max_mb=1)

    assert "larger than 1 MB" in alice.refusal(http_request, url=site.url + "/endless")


@pytest.mark.parametrize("path", ["/drip", "/drip?headers", "/silent"])
def test_a_slow_answer_is_cut_by_the_deadline(site: Site, tmp_path: Path, path: str) -> None:
    request, policy = Request("GET", parse(site.url + path)), Policy.of([site.host], [])
    began = time.monotonic()
    with pytest.raises(Trouble, match="had not answered whole when the time was over"):
        fetch(request, policy, FetchLimits(0.3, 2**20), tmp_path / "body", lambda done, total: None)

    assert 0.28 < time.monotonic() - began < 30


def test_a_slow_answer_is_asked_for_again(runner: Runner, site: Site) -> None:
    failed = runner.failure(http_request, url=site.url + "/drip", timeout_s=0.3)

    assert (failed.error["kind"], failed.retry) == ("retry", True)


def test_a_cancellation_is_seen_between_two_pieces(runner: Runner, site: Site) -> None:
    began = time.monotonic()
    runner.canceled = lambda: time.monotonic() > began + 0.3

    assert isinstance(runner.outcome(http_request, url=site.url + "/drip"), WasCanceled)
    assert time.monotonic() - began < 30
