"""What the client does when the server or the way to it fails, and what it never does: show the token."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from app.core.people.roles import Role
from app.core.services import Services
from dtq.client import (
    BadAnswer,
    BadSetting,
    Client,
    Conflict,
    ConnectionFailed,
    DTQError,
    Forbidden,
    ProblemError,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from tests.dtq.client.conftest import RETRY_S, Server, Weather, token_in


@pytest.fixture
def client(either: Any) -> Any:
    """All of this holds in threads and in coroutines."""
    return either


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_bytes(b"a,b\n" * 100_000)
    return path


@pytest.mark.parametrize("events", [["503"], ["before"], ["after"], ["429", "after", "502", "before", "504"]])
def test_a_task_is_made_once_in_bad_weather(
    client: Any, services: Services, weather: Weather, people: Path, events: list[str]
) -> None:
    weather.plan("POST", "/tasks", *events)
    weather.plan("POST", "/files", *events)
    task = client.submit("clean_table", source=people)

    assert weather.planned == []
    assert services.db.tasks.count_documents({}) == 1
    assert task.files()[0].size == 400_000


def test_reading_is_tried_again(client: Any, weather: Weather, people: Path, tmp_path: Path) -> None:
    task = client.submit("clean_table", source=people)
    (file,) = task.files()
    weather.plan("GET", file.id, "before", "halfway", "503", "halfway")
    saved = task.download(file, tmp_path / "copy")
    weather.plan("GET", task.id, "after", "503", "halfway")

    assert saved.read_bytes() == people.read_bytes()
    assert task.refresh().id == task.id and weather.planned == []


def test_what_would_be_done_twice_is_not_sent_again(client: Any, weather: Weather, people: Path) -> None:
    task = client.submit("clean_table", source=people)
    weather.plan("POST", "/cancel", "after")
    with pytest.raises(ConnectionFailed, match="did not answer"):
        task.cancel()
    with pytest.raises(Conflict):
        task.cancel()
    weather.plan("POST", "/retry", "503")
    with pytest.raises(Unavailable, match="503"):
        task.retry()
    weather.plan("POST", "/retry", "429")
    assert task.retry().status == "queued"


def test_the_server_says_when(client: Any, weather: Weather) -> None:
    weather.headers = [("Retry-After", "1")]
    weather.plan("GET", "/me", "503", "429")
    began = time.monotonic()
    client.me()
    assert 2 <= time.monotonic() - began < RETRY_S


@pytest.mark.parametrize("after", ["3600", "Fri, 31 Dec 2100 23:59:59 GMT"])
def test_a_long_pause_is_left_to_the_caller(client: Any, weather: Weather, after: str) -> None:
    weather.headers = [("Retry-After", after)]
    weather.plan("GET", "/me", "429")
    began = time.monotonic()
    with pytest.raises(TooManyRequests) as refused:
        client.me()
    assert (refused.value.retry_after_s or 0) >= 3600 and time.monotonic() - began < 60


def test_trying_again_ends(server: Server, token_of: Callable[..., str]) -> None:
    server.weather.plan("GET", "/me", *["503"] * 1000)
    with Client(server.url, token_of(), retry_s=1) as client:
        began = time.monotonic()
        with pytest.raises(Unavailable):
            client.me()
        assert time.monotonic() - began < 60
    with Client(server.url, token_of(name="other"), retry_s=0) as client:
        server.weather.seen.clear()
        with pytest.raises(Unavailable):
            client.me()
        assert len(server.weather.seen) == 1


def test_nobody_answers() -> None:
    with (
        Client("http://127.0.0.1:9", "dtq_x", retry_s=0) as client,
        pytest.raises(ConnectionFailed, match=r"http://127\.0\.0\.1:9 did not answer: .*refused"),
    ):
        client.me()


@pytest.mark.parametrize(
    "url", ["", "tasks.example.org", "ftp://x", "http://", "http://a@b", "http://x/?y", "http://x:y"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(BadSetting, match="DTQ_URL") as refused:
        Client(url, "dtq_x")
    assert isinstance(refused.value, ValueError)


@pytest.mark.parametrize("token", ["", "a b", "a\nb", "é"])
def test_a_token_that_is_none_is_refused_without_being_repeated(token: str) -> None:
    with pytest.raises(BadSetting, match="DTQ_TOKEN") as refused:
        Client("http://127.0.0.1", token)
    assert not token or token not in str(refused.value)


def test_settings_come_from_the_environment(
    server: Server, token_of: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DTQ_URL", server.url)
    monkeypatch.setenv("DTQ_TOKEN", token_of() + "\n")
    with Client() as client:
        assert client.me().name == "robot"


def test_the_rights_of_the_token_count(server: Server, token_of: Callable[..., str], client: Any) -> None:
    with Client(server.url, "dtq_wrong", retry_s=0) as stranger, pytest.raises(Unauthorized):
        stranger.me()
    with Client(server.url, token_of(Role.VIEWER, "victor")) as viewer, pytest.raises(Forbidden):
        viewer.submit("clean_table", source="0" * 24)


def test_a_redirect_is_not_followed(token_of: Callable[..., str], server: Server) -> None:
    target = f"{server.url}/api/v1/me?secret=1"

    def redirect(environ: Any, start_response: Any) -> list[bytes]:
        start_response("307 Temporary Redirect", [("Location", target), ("Content-Length", "0")])
        return []

    with (
        answering(redirect) as url,
        Client(url, token_of(), retry_s=0) as client,
        pytest.raises(ProblemError, match=f"redirects to {server.url}") as refused,
    ):
        client.me()
    assert "secret" not in str(refused.value) and server.weather.seen == []


@pytest.mark.parametrize("body", [b"<h1>Welcome</h1>", b"[]", b'{"id": 1}', b'{"types": {}}', b"\xff"])
def test_an_answer_of_something_else_is_said(body: bytes) -> None:
    def other(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    with answering(other) as url, Client(url, "dtq_x", retry_s=0) as client:
        for ask in (client.me, client.types, lambda: list(client.tasks()), lambda: client.task("x")):
            with pytest.raises(BadAnswer, match="Check the URL"):
                ask()


class answering:
    """A server of one WSGI function, for the time of a block."""

    def __init__(self, function: Any) -> None:
        self._server = make_server("127.0.0.1", 0, function, threaded=True)
        self._server.daemon_threads, self._server.block_on_close = True, False

    def __enter__(self) -> str:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return f"http://127.0.0.1:{self._server.port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def test_the_token_is_shown_nowhere(
    server: Server, client: Any, weather: Weather, caplog: pytest.LogCaptureFixture, people: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    token = token_in(client)
    task = client.submit("clean_table", source=people)
    weather.plan("POST", "/cancel", "before")
    weather.plan("POST", "/retry", "503")
    shown = [
        repr(client),
        repr(client._transport),
        repr(vars(getattr(client, "_of", client))),
        repr(vars(client._transport)),
        repr(vars(client._transport._http)),
        repr(task),
    ]
    for act in (task.cancel, task.retry, task.delete):
        with pytest.raises(DTQError) as raised:
            act()
        ours = raised.tb.tb_next  # This test has the token in its own frame.
        error = traceback.TracebackException(raised.type, raised.value, ours, capture_locals=True)
        shown += [repr(raised.value), "".join(error.format())]
    shown += [record.getMessage() for record in caplog.records]
    assert token and not any(token in text for text in shown)
