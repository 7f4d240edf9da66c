"""Below a prefix nothing leaves it: every link, form and redirect, by WEB_PREFIX and by a proxy."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import urldefrag, urljoin, urlsplit

import pytest

from app import create_app
from app.core.tasks.states import Status
from config import load
from tests.browser import results, seeded
from tests.signing_in import signed_in
from tests.web.create.creating import Browser

PREFIX = "/queue"
ADDRESS = re.compile(r'\s(?:href|src|action|formaction|poster|hx-[a-z]+|data-[a-z-]+)="([^"]*)"')
STYLED = re.compile(r"url\([\"']?([^)\"']+)")
BY_SETTING = {"WEB_PREFIX": PREFIX}
BY_PROXY = {"WEB_PROXIES": "1"}
SENT = {"X-Forwarded-Prefix": PREFIX}


@pytest.fixture
def visit(services):
    """A client of a server with these settings, that sends these headers with each request."""

    def made(env, headers=None):
        settings = load({"ENVIRONMENT": "local", "SECRET_KEY": "tests-only", **env})
        client = create_app(settings, services).test_client()
        signed_in(client, services, prefix=env.get("WEB_PREFIX", ""))
        for cookie in list(
            client._cookies.values()
        ):  # A browser sends it to the proxy, whatever that removes.
            client.set_cookie(cookie.key, cookie.value, path="/")
        for name, value in (headers or {}).items():
            client.environ_base["HTTP_" + name.upper().replace("-", "_")] = value
        return client

    return made


def addresses(page: str, where: str) -> set[str]:
    """The addresses that a page names, without a host and a fragment."""
    found = set()
    for text in unescape(" ".join(ADDRESS.findall(page))).split():
        if text.startswith(("/", "?", "./", "../", "http:", "https:")) or re.fullmatch(r"[\w./-]+\?.*", text):
            found.add(urldefrag(urljoin(f"http://localhost{where}", text))[0])
    return found


def walk(client, removed: str) -> set[str]:
    """Open everything that pages link to, beginning at Home; return the paths that were seen.

    ``removed`` is what a proxy takes off the paths before the server sees them.
    """
    seen, waiting = set(), {f"{PREFIX}/"}
    while waiting:
        address = waiting.pop()
        seen.add(address)
        with client.get(address.removeprefix(removed)) as answer:
            # The address of a form's action has no page, and a preview without a choice is refused.
            assert answer.status_code < 500 and answer.status_code != 404, (address, answer.status_code)
            kind, named = answer.mimetype, set()
            if location := answer.headers.get("Location"):
                named.add(urldefrag(urljoin(f"http://localhost{address}", location))[0])
            if kind == "text/html":
                named |= addresses(answer.text, address)
            if kind == "text/css":
                named |= {
                    urljoin(f"http://localhost{address}", text)
                    for text in STYLED.findall(answer.text)
                    if not text.startswith("data:")
                }
        for found in named:
            place = urlsplit(found)
            if place.netloc not in ("localhost", ""):
                continue  # A page elsewhere, such as that of the license.
            assert place.path.startswith(f"{PREFIX}/"), (address, found)
            next_one = place.path + (f"?{place.query}" if place.query else "")
            if next_one not in seen and len([one for one in seen if one.startswith(place.path)]) < 12:
                waiting.add(next_one)
    return seen


@pytest.mark.parametrize(
    ("env", "headers", "removed"),
    [
        (BY_SETTING, {}, ""),  # the proxy passes the path on as it is
        # the proxy removes it, and says nothing
        pytest.param(BY_SETTING, {}, PREFIX, marks=pytest.mark.slow),
        pytest.param(BY_PROXY, SENT, PREFIX, marks=pytest.mark.slow),
        # what the proxy sends comes first
        pytest.param({**BY_PROXY, "WEB_PREFIX": "/other"}, SENT, PREFIX, marks=pytest.mark.slow),
    ],
)
def test_a_walk_through_all_pages_stays_below_the_prefix(visit, services, env, headers, removed):
    seeded.seed(services)
    results.seed(services)
    seen = {urlsplit(address).path for address in walk(visit(env, headers), removed)}
    assert len(seen) > 60
    for part in ("/tasks", "/tasks/new", "/tasks/new/clean_table", "/home/live", "/pulse", "/tasks/rows"):
        assert PREFIX + part in seen
    assert any(re.search("/tasks/[0-9a-f]{24}/files/", path) for path in seen)
    assert any(path.endswith(".js") for path in seen) and any(path.endswith(".css") for path in seen)


@pytest.mark.parametrize(("env", "headers", "within"), [(BY_SETTING, {}, PREFIX), (BY_PROXY, SENT, "")])
def test_a_form_and_a_button_lead_to_pages_below_it(visit, services, env, headers, within):
    client = visit(env, headers)
    seeded.publish(services)
    browser = Browser(client)
    form = browser.open(f"{within}/tasks/new/count_slowly")
    created = browser.post(f"{within}/tasks/new/count_slowly", form)
    assert created.status_code == 303
    [task] = services.db.tasks.find()
    assert urlsplit(created.location).path == f"{PREFIX}/tasks/{task['_id']}"
    page = f"{within}/tasks/{task['_id']}"
    pressed = client.post(f"{page}/cancel", data={"csrf_token": form["csrf_token"]})
    assert urlsplit(pressed.location).path.startswith(f"{PREFIX}/tasks")
    with client.session_transaction(f"{within}/") as session:
        assert session.pop("flashes")[0]["at"].startswith(f"{PREFIX}/tasks")
    assert services.tasks.get(task["_id"]).status is Status.CANCELED


@pytest.mark.parametrize(
    ("path", "status"),
    [(PREFIX, 200), (f"{PREFIX}/", 200), ("/", 200), ("/healthz", 200), (f"{PREFIX}/healthz", 200),
     (f"{PREFIX}x/tasks", 404), (f"{PREFIX}{PREFIX}/tasks", 404), (f"{PREFIX}/none", 404)],
)  # fmt: skip
def test_a_path_with_the_prefix_and_one_without(visit, path, status):
    assert visit(BY_SETTING).get(path).status_code == status


def test_without_a_trusted_proxy_its_header_changes_nothing(visit):
    page = visit(BY_SETTING, {"X-Forwarded-Prefix": "/evil"}).get(f"{PREFIX}/tasks").text
    assert "/evil" not in page and f'href="{PREFIX}/tasks/new"' in page


def test_the_session_of_a_local_server_is_sent_below_it_only(services):
    client = create_app(load({"ENVIRONMENT": "local", "SECRET_KEY": "tests-only", **BY_SETTING}), services)
    cookie = client.test_client().get(f"{PREFIX}/sign-in").headers["Set-Cookie"]
    assert f"Path={PREFIX}" in cookie.split("; ")
