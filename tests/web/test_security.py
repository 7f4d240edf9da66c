"""Headers on every answer, forged requests, hosts and cookies."""

from __future__ import annotations

import re
import runpy
from html.parser import HTMLParser

import pytest

from app import create_app
from app.core.states import Status
from app.web.security import flask_settings
from config import load
from tests.web.looking import fail, succeed, text_of, worker

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


@pytest.mark.parametrize("address", ["/", "/nothing", "/healthz", "/static/app.css"])
def test_headers(client, address):
    with client.get(address) as answer:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert "camera=()" in answer.headers["Permissions-Policy"]
        kept = answer.headers["Cache-Control"]
    assert kept == "no-store" if address != "/static/app.css" else "max-age" in kept


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
def test_loopback_by_its_own_names(client, host):
    assert client.get("/", headers={"Host": host}).status_code == 200


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
    settings = load({"ENVIRONMENT": "local", "SECRET_KEY": "tests-only", **more})
    answer = create_app(settings, services).test_client().get("/", environ_base={"REMOTE_ADDR": "10.0.0.5"})
    assert answer.status_code == 200


class TestProduction:
    @pytest.fixture
    def serve(self, services):
        """A client of a server with these settings."""

        def made(**env):
            settings = load({"SECRET_KEY": "abcdefghijklmnopqrstuvwxyz0123456789", **env})
            return create_app(settings, services).test_client()

        return made

    def test_the_session_is_a_host_cookie(self, serve, new_task):
        client = serve(WEB_HOSTS="tasks.example")
        answer = client.get(f"/tasks/{new_task().id}", base_url="https://tasks.example")
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith("__Host-session-")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
        assert "Domain" not in cookie
        assert "Strict-Transport-Security" in answer.headers

    def test_it_answers_to_its_own_names_only(self, serve):
        client = serve(WEB_BIND="0.0.0.0:8000", WEB_HOSTS="Tasks.example, [fd00::1]")
        hosts = [
            "localhost:8000",
            "tasks.example",
            "tasks.example:8443",
            "[fd00::1]",
            "evil.example",
            "10.0.0.5",
        ]
        answers = [client.get("/", headers={"Host": host}) for host in hosts]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 400, 400]
        assert "add the name to WEB_HOSTS" in answers[-1].text
        assert client.get("/healthz", headers={"Host": "10.0.0.5:8000"}).status_code == 200
        assert serve(WEB_HOSTS="*").get("/", headers={"Host": "evil.example"}).status_code == 200

    @pytest.mark.parametrize(
        ("proxies", "said", "secure"),
        [
            ("0", "https", False),
            ("1", "https", True),
            ("1", "https, http", False),
            ("2", "https, http", True),
        ],
    )
    def test_as_many_proxies_are_believed_as_there_are(self, serve, proxies, said, secure):
        answer = serve(WEB_PROXIES=proxies).get("/", headers={"X-Forwarded-Proto": said})
        assert ("Strict-Transport-Security" in answer.headers) is secure

    def test_behind_a_proxy_with_a_prefix_every_address_has_it(self, serve, new_task):
        new_task()
        client = serve(WEB_PROXIES="1", WEB_HOSTS="tasks.example")
        forwarded = {
            "X-Forwarded-Host": "tasks.example",
            "X-Forwarded-Prefix": "/queue",
            "X-Forwarded-Proto": "https",
        }
        for address in ("/", "/tasks", "/tasks/new"):
            page = client.get(address, headers=forwarded)
            assert page.status_code == 200
            found = re.findall(r'(?:href|src|action|hx-get|hx-post)="(/[^"]*)"', page.text)
            assert found and all(link.startswith("/queue/") for link in found)

    @pytest.mark.parametrize("prefix", ["//evil.example", "/a/../b", "/a b", "/<b>", "/a/"])
    def test_a_prefix_is_a_plain_path(self, serve, prefix):
        answer = serve(WEB_PROXIES="1").get("/tasks", headers={"X-Forwarded-Prefix": prefix})
        assert answer.status_code == (200 if prefix == "/a/" else 400)

    def test_without_proxies_none_of_it_is_believed(self, serve):
        forwarded = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": "/evil"}
        answer = serve().get("/tasks", headers=forwarded)
        assert answer.status_code == 200 and "/evil" not in answer.text

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({"Host": "tasks.example", "Origin": "https://tasks.example:8443"}, 403),
            (
                {
                    "Host": "tasks.example",
                    "Origin": "https://tasks.example:8443",
                    "Sec-Fetch-Site": "same-origin",
                },
                404,
            ),
            ({"X-Forwarded-Host": "tasks.example", "Origin": "https://tasks.example"}, 404),
            ({"X-Forwarded-Host": "tasks.example", "Origin": "https://evil.example"}, 403),
            (
                {"Host": "tasks.example", "Origin": "https://tasks.example", "Sec-Fetch-Site": "cross-site"},
                403,
            ),
        ],
    )
    def test_the_browser_knows_where_its_page_came_from(self, serve, headers, status):
        client = serve(WEB_PROXIES="1", WEB_HOSTS="tasks.example")
        client.application.config["WTF_CSRF_ENABLED"] = False
        address = "/tasks/" + "0" * 24 + "/delete"
        assert client.post(address, headers=headers).status_code == status

    def test_over_plain_http_a_form_says_what_it_lacks(self, serve, new_task):
        client = serve(WEB_HOSTS="tasks.example")
        address = f"/tasks/{new_task().id}/cancel"
        plain = client.post(address, base_url="http://tasks.example")
        secure = client.post(address, base_url="https://tasks.example")
        assert (plain.status_code, secure.status_code) == (400, 400)
        assert ("https://" in text_of(plain.text), "https://" in text_of(secure.text)) == (True, False)

    def test_two_instances_have_two_cookies(self, services):
        names = {
            flask_settings(load({"ENVIRONMENT": "local", "MONGODB_URI": f"mongodb://{where}"}))[
                "SESSION_COOKIE_NAME"
            ]
            for where in ("127.0.0.1:27017/a", "127.0.0.1:27018/a", "127.0.0.1/b", "ada:pw@127.0.0.1/b")
        }
        assert len(names) == 3


def test_gunicorn_itself_believes_no_proxy(monkeypatch):
    monkeypatch.setenv("ENVIRONMENT", "local")
    found = runpy.run_path("gunicorn.conf.py")
    names = ("forwarded_allow_ips", "forwarder_headers", "secure_scheme_headers")
    assert [found[name] for name in names] == ["", "", {}]


def test_the_local_session_works_over_plain_http(client, new_task):
    cookie = client.get(f"/tasks/{new_task().id}").headers["Set-Cookie"]
    assert cookie.startswith("session-")
    assert "Secure" not in cookie
