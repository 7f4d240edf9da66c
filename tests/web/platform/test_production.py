"""A server that others can reach: its session, its names, and the proxies before it."""

from __future__ import annotations

import re
import runpy
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from app import create_app
from app.web.platform.security import flask_settings
from config import load
from tests.signing_in import signed_in
from tests.web.looking import text_of

KEY = "abcdefghijklmnopqrstuvwxyz0123456789"


class TestProduction:
    @pytest.fixture
    def serve(self, services):
        """A client of a server with these settings."""

        def made(**env):
            settings = load({"SECRET_KEY": KEY, "SECRETS_KEY": KEY[::-1], **env})
            return create_app(settings, services).test_client()

        return made

    def test_the_session_is_a_host_cookie(self, serve):
        client = serve(WEB_HOSTS="tasks.example")
        answer = client.get("/sign-in", base_url="https://tasks.example")
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
        answers = [client.get("/sign-in", headers={"Host": host}) for host in hosts]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 400, 400]
        assert "add the name to WEB_HOSTS" in answers[-1].text
        assert client.get("/healthz", headers={"Host": "10.0.0.5:8000"}).status_code == 200
        assert serve(WEB_HOSTS="*").get("/sign-in", headers={"Host": "evil.example"}).status_code == 200

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

    def test_behind_a_proxy_with_a_prefix_every_address_has_it(self, serve, services, new_task):
        new_task()
        client = serve(WEB_PROXIES="1", WEB_HOSTS="tasks.example")
        forwarded = {
            "X-Forwarded-Host": "tasks.example",
            "X-Forwarded-Prefix": "/queue",
            "X-Forwarded-Proto": "https",
        }
        signed_in(client, services, headers={**forwarded, "Referer": "https://tasks.example/"})
        assert client.get("/sign-in/link/used", headers=forwarded).location == "/queue/"
        for address in ("/", "/tasks", "/tasks/new", "/profile"):
            page = client.get(address, headers=forwarded)
            assert page.status_code == 200
            found = re.findall(r'(?:href|src|action|hx-get|hx-post)="(/[^"]*)"', page.text)
            assert found and all(link.startswith("/queue/") for link in found)

    @pytest.mark.parametrize("prefix", ["//evil.example", "/a/../b", "/a b", "/<b>", "/a/"])
    def test_a_prefix_is_a_plain_path(self, serve, prefix):
        answer = serve(WEB_PROXIES="1").get("/sign-in", headers={"X-Forwarded-Prefix": prefix})
        assert answer.status_code == (200 if prefix == "/a/" else 400)

    def test_without_proxies_none_of_it_is_believed(self, serve):
        forwarded = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": "/evil"}
        answer = serve().get("/sign-in", headers=forwarded)
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
            (
                {
                    "X-Forwarded-Host": "tasks.example",
                    "X-Forwarded-Proto": "https",
                    "Origin": "https://tasks.example",
                },
                404,
            ),
            (
                {
                    "X-Forwarded-Host": "tasks.example",
                    "X-Forwarded-Proto": "https",
                    "Origin": "http://tasks.example",
                },
                403,
            ),
            ({"X-Forwarded-Host": "tasks.example", "Origin": "https://tasks.example"}, 403),
            ({"Host": "tasks.example", "Origin": "http://tasks.example"}, 404),
            ({"X-Forwarded-Host": "tasks.example", "Origin": "https://evil.example"}, 403),
            (
                {"Host": "tasks.example", "Origin": "https://tasks.example", "Sec-Fetch-Site": "cross-site"},
                403,
            ),
        ],
    )
    def test_the_browser_knows_where_its_page_came_from(self, serve, services, headers, status):
        client = serve(WEB_PROXIES="1", WEB_HOSTS="tasks.example")
        for host in ("localhost", "tasks.example"):
            signed_in(client, services, base_url=f"http://{host}")
        client.application.config["WTF_CSRF_ENABLED"] = False
        address = "/tasks/" + "0" * 24 + "/delete"
        assert client.post(address, headers=headers).status_code == status

    def test_over_plain_http_a_form_says_what_it_lacks(self, serve):
        client = serve(WEB_HOSTS="tasks.example")
        plain = client.post("/sign-in", base_url="http://tasks.example")
        secure = client.post("/sign-in", base_url="https://tasks.example")
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


@pytest.mark.parametrize(
    ("env", "addresses", "refused"),
    [
        ({"ENVIRONMENT": "local"}, [("127.0.0.1", 8000)], False),
        ({"ENVIRONMENT": "local"}, [("::1", 8000, 0, 0), "/run/dtq.sock"], False),
        ({"ENVIRONMENT": "local"}, [("127.0.0.1", 8000), ("0.0.0.0", 8000)], True),
        ({"ENVIRONMENT": "local"}, [("::", 8000)], True),
        ({"ENVIRONMENT": "local"}, [("10.0.0.5", 8000)], True),
        ({"ENVIRONMENT": "production", "SECRET_KEY": KEY, "SECRETS_KEY": KEY[::-1]},
         [("0.0.0.0", 8000)], False),
    ],
)  # fmt: skip
def test_gunicorn_does_not_show_a_local_server_to_others(monkeypatch, env, addresses, refused):
    for name in ("MONGODB_URI", "REDIS_URL", "ENVIRONMENT", "SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    start = runpy.run_path("gunicorn.conf.py")["on_starting"]
    server = SimpleNamespace(cfg=SimpleNamespace(address=addresses))
    with pytest.raises(SystemExit) if refused else nullcontext():
        start(server)


def test_gunicorn_itself_believes_no_proxy(monkeypatch):
    monkeypatch.setattr("environment.conceal", lambda env: None)  # nothing of the process of the tests
    monkeypatch.setenv("ENVIRONMENT", "local")
    found = runpy.run_path("gunicorn.conf.py")
    names = ("forwarded_allow_ips", "forwarder_headers", "secure_scheme_headers")
    assert [found[name] for name in names] == ["", "", {}]
