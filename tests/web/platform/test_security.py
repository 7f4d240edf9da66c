"""Headers on every answer, forged requests, hosts and cookies."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from app import create_app
from app.core.tasks.states import Status
from config import load
from tests.web.looking import fail, succeed, worker

HOSTILE = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>"


@pytest.fixture
def every_page(services, new_task):
    """Addresses of each kind of page, with something hostile wherever a person or a task can write."""
    worker(services, name=HOSTILE)
    hostile = {
        "title": HOSTILE,
        "params": {HOSTILE: [HOSTILE]},
        "tags": (HOSTILE,),
        "owner": HOSTILE,
        "type": HOSTILE,
    }
    failed = fail(services, new_task(**hostile), HOSTILE, HOSTILE)
    services.logs.write_part(failed.id, 1, 0, HOSTILE.encode())
    done = succeed(services, new_task(**hostile), {HOSTILE: [{HOSTILE: HOSTILE}], "text": HOSTILE * 9})
    waiting = new_task(**hostile)
    tasks = [
        f"/tasks/{task.id}{part}" for task in (failed, done, waiting) for part in ("", "/live", "/log/live")
    ]
    lists = [
        "/tasks",
        f"/tasks?q={HOSTILE}",
        f"/tasks?type={HOSTILE}&tag={HOSTILE}",
        f"/tasks/rows?ids={waiting.id}",
    ]
    wrong = [
        f"/tasks/{HOSTILE}",
        f"/{HOSTILE}",
        f"/tasks?status={HOSTILE}",
        f"/tasks?{HOSTILE}=1",
        f"/?failures={HOSTILE}",
    ]
    return ["/", "/home/live", "/pulse", "/tasks/counts", "/tasks/new", *tasks, *lists, *wrong]


class Inline(HTMLParser):
    """What a strict policy forbids in a page: inline styles, scripts and handlers, and other hosts."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []

    @classmethod
    def of(cls, html: str) -> list[str]:
        found = cls()
        found.feed(html)
        return found.wrong

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in given):
            self.wrong.append(tag)
        for name, value in attrs:
            if name == "style" or name.startswith(("on", "hx-on")) or "js:" in (value or ""):
                self.wrong.append(f"{tag} {name}")
            if name in ("src", "href", "action") and not str(value).startswith(("/", "#", "?")) and value:
                self.wrong.append(f"{tag} {name}={value}")


def test_nothing_that_people_or_tasks_write_becomes_html(client, every_page):
    for address in every_page:
        html = client.get(address).text
        assert "<script>alert" not in html, address
        assert "<img" not in html, address


def test_every_page_has_a_strict_policy_and_keeps_it(client, every_page):
    for address in every_page:
        answer = client.get(address)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        for directive in (
            "object-src 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "form-action 'self'",
        ):
            assert directive in policy
        assert Inline.of(answer.text) == [], address


@pytest.mark.parametrize("address", ["/", "/nothing", "/healthz", "/static/platform/app.css"])
def test_headers(client, address):
    with client.get(address) as answer:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert "camera=()" in answer.headers["Permissions-Policy"]
        kept = answer.headers["Cache-Control"]
    assert kept == "no-store" if address != "/static/platform/app.css" else "max-age" in kept


def test_a_form_without_its_token_changes_nothing(client, services, new_task):
    task = new_task()
    answer = client.post(f"/tasks/{task.id}/cancel")
    assert answer.status_code == 400
    assert "nothing was changed" in answer.text
    assert services.tasks.get(task.id).status is Status.QUEUED


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://["},
    ],
)
def test_another_site_cannot_press_a_button(app, client, services, new_task, monkeypatch, headers):
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", False)
    task = new_task()
    assert client.post(f"/tasks/{task.id}/cancel", headers=headers).status_code == 403
    assert services.tasks.get(task.id).status is Status.QUEUED


def test_an_action_is_not_a_link(client, services, new_task):
    task = new_task()
    for action in ("cancel", "retry", "priority", "delete"):
        assert client.get(f"/tasks/{task.id}/{action}").status_code == 405
    assert services.tasks.get(task.id).status is Status.QUEUED


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "192.168.1.5:8000"])
def test_a_strange_name_that_points_to_loopback_is_refused(client, host):
    assert client.get("/", headers={"Host": host}).status_code == 400


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:8000"])
def test_loopback_by_its_own_names(anonymous, host):
    assert anonymous.get("/sign-in", headers={"Host": host}).status_code == 200


def test_a_host_that_is_none_is_refused_in_plain_text(client):
    answer = client.get("/", headers={"Host": "x" * 300})
    assert answer.status_code == 400
    assert answer.mimetype == "text/plain"


@pytest.mark.parametrize(
    ("peer", "status"),
    [("127.0.0.1", 200), ("127.9.9.9", 200), ("::1", 200), ("", 200), ("::ffff:127.0.0.1", 200),
     ("10.0.0.5", 403), ("::ffff:10.0.0.5", 403), ("fd00::1", 403)],
)  # fmt: skip
def test_a_local_server_answers_to_its_own_machine_only(client, peer, status):
    """However it was bound, and whatever name it is asked by."""
    for address in ("/", "/tasks", "/healthz"):
        answer = client.get(address, environ_base={"REMOTE_ADDR": peer}, headers={"Host": "localhost"})
        assert answer.status_code == status


@pytest.mark.parametrize(
    "more", [{"WEB_BIND": "0.0.0.0:8000"}, {"WEB_HOSTS": "localhost"}, {"WEB_PROXIES": "1"}]
)
def test_one_that_is_said_to_be_reached_from_elsewhere_is(services, more):
    settings = load(
        {"ENVIRONMENT": "local", "SECRET_KEY": "tests-only", "SECRETS_KEY": "tests-only too", **more}
    )
    client = create_app(settings, services).test_client()
    assert client.get("/sign-in", environ_base={"REMOTE_ADDR": "10.0.0.5"}).status_code == 200


def test_the_local_session_works_over_plain_http(anonymous):
    cookie = anonymous.get("/sign-in").headers["Set-Cookie"]
    assert cookie.startswith("session-")
    assert "Secure" not in cookie
