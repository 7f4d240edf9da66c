"""Secrets of every kind in a real installation, and all that it shows, logs, stores or exports: no trace."""

from __future__ import annotations

import gzip
import http.client
import json
import subprocess
import sys
from base64 import b64encode
from contextlib import closing
from datetime import timedelta
from urllib.parse import quote, urlencode

import pytest
from flask.json.tag import TaggedJSONSerializer
from itsdangerous import URLSafeTimedSerializer

from app.core.notifications.events import CHOSEN
from app.core.notifications.subscription import Channel, NewSubscription, Scope
from app.core.people.links import Purpose
from app.core.people.passwords import Passwords
from app.core.people.roles import Role
from app.core.secrets.secret import MASK, Secret
from app.core.sign_in.factors import Factors
from app.local.servers import stores
from tests import canary
from tests.browser.conftest import Site
from tests.real.test_reach import KEYS
from tests.rig.fleet import fleet
from tests.rig.processes import ROOT, until
from tests.signing_in import cookie_header, cookies_over_http, link, token_of

pytestmark = pytest.mark.real

STORE_PASSWORD = "canary-of-the-store-Xw7"  # noqa: S105 - a canary
CHAT = "canary-of-the-chat-Kp4"
PASSWORD = "canary password 8Zq-the-mine"  # noqa: S105 - a canary


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Gunicorn and a worker over stores of their own, in production."""
    folder = tmp_path_factory.mktemp("canaries")
    modules = {"TASK_MODULES": "tests.workers.samples,tests.real.prying"}
    with (
        stores(folder / "stores") as servers,
        fleet(servers, "canaries", folder, Site, **KEYS, **modules) as made,
    ):
        rule = ("canary", "on", f">{STORE_PASSWORD}", "~*", "&*", "+@all")
        made.services.queues.redis.execute_command("ACL", "SETUSER", *rule)
        made.env["REDIS_URL"] = made.env["REDIS_URL"].replace("://", f"://canary:{STORE_PASSWORD}@", 1)
        made.serve()
        made.start()
        yield made


class Visit:
    """An administrator who reads pages; each answer is kept with its headers."""

    def __init__(self, site, cookies):
        self.site, self.cookies, self.found = site, cookies, {}

    def ask(self, path, method="GET", **form):
        port = int(self.site.address.rpartition(":")[2])
        headers = {"Cookie": cookie_header(self.cookies)}
        body = urlencode(form) if form else None
        if form:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
            shown = [f"{name}: {value}" for name, value in answer.getheaders() if name != "Set-Cookie"]
        self.found[f"{method} {path}"] = "\n".join([*shown, text])
        return answer.status, text


def session_token(cookies) -> str:
    """Return the token that the cookie of a session holds."""
    (value,) = (value for name, value in cookies.items() if name.startswith("session-"))
    kept = URLSafeTimedSerializer("", salt="cookie-session", serializer=TaggedJSONSerializer())
    return str(kept.loads_unsafe(value)[1]["_user_id"])


def spellings(secret: str) -> set[bytes]:
    return {
        secret.encode(),
        quote(secret).encode(),
        b64encode(secret.encode()).rstrip(b"="),
        secret.encode().hex().encode(),
    }


def test_no_canary_is_found_anywhere(site, tmp_path, figure):
    core = site.services
    port = int(site.address.rpartition(":")[2])
    address = link(core)
    cookies = cookies_over_http(port, address)
    local = core.people.users.by_name("local")
    core.people.users.set_password_hash(local.id, Passwords().hashed(PASSWORD))
    person = core.people.users.person(core.people.users.get(local.id))
    token = core.people.tokens.create(person, "CI", timedelta(days=1))[1]
    factor = Factors.of(core.db, core.settings).second_factors.enroll(local)
    unused = core.people.links.make(Purpose.PASSWORD, timedelta(hours=1), local.id)
    core.people.users.add("bob", Role.VIEWER)
    chat = told_in_a_chat(core.access(person))
    needles = {
        "a secret parameter": canary.CANARY,
        "a password": PASSWORD,
        "a session": session_token(cookies),
        "a used link": address.rpartition("/")[2],
        "an unused link": unused,
        "an API token": token,
        "a TOTP secret": factor.secret,
        "the address of a chat": CHAT,
        "the password of a store": STORE_PASSWORD,
        **{name: value for name, value in KEYS.items()},
    }
    tasks = [
        core_task(site, "confess", password=Secret(canary.CANARY), ending=ending)
        for ending in ("return", "raise")
    ] + [core_task(site, "look_around")]
    delivered = until(lambda: [one for one in core.deliveries.page(None).deliveries if one.tries])
    visit = Visit(site, cookies)
    for path in ("", "/all", f"/{chat}", f"/deliveries/{delivered[0].id}"):
        assert visit.ask(f"/profile/notifications{path}")[0] == 200
    places = everything(site, visit, tasks, tmp_path, unused)
    found = [
        f"{name} in {place}"
        for name, secret in needles.items()
        for place, content in places.items()
        if any(spelling in content for spelling in spellings(secret))
        and not (name == "an unused link" and unused in place)  # its own page has its own address
    ]
    assert found == []
    assert len(places) > 50
    assert sum(MASK.encode() in content for content in places.values()) > 3  # it was there to be found
    figure(canaries_planted=len(needles), places_searched_for_canaries=len(places), canaries_found=len(found))


def told_in_a_chat(access):
    """Subscribe by a chat that nobody may reach; return the subscription's ID."""
    address = f"https://127.0.0.1/services/{CHAT}"
    asked = NewSubscription("Chat", Channel.SLACK, address, tuple(CHOSEN), Scope.ANY)
    return access.notifications.create(asked)[0].id


def core_task(site, kind, **params):
    return site.ended(site.submit(kind, params=params, max_attempts=1), 60)


def everything(site, visit, tasks, folder, unused):
    """Return each place that could hold a secret, with its bytes."""
    pages = ["/", "/tasks", "/tasks/new", "/profile", "/audit", "/home/live", "/pulse", "/tasks/counts"]
    pages += ["/tasks?q=canary", "/tasks/new/confess", "/users", "/profile/tokens", f"/sign-in/link/{unused}"]
    for task in tasks:
        base = f"/tasks/{task.id}"
        pages += [base, f"{base}/live", f"{base}/log", f"{base}/log/live?attempt=1", f"{base}/result.json"]
        pages += [f"{base}/log/lines", f"/api/v1{base}/log?times=true"]
        pages += [f"/tasks/new/{task.type}?from={task.id}"]
    statuses = {path: visit.ask(path)[0] for path in pages}
    assert not [path for path, status in statuses.items() if status >= 500]
    csrf = token_of(visit.ask("/audit")[1])
    for kind in ("csv", "jsonl"):
        visit.ask("/audit/export", "POST", csrf_token=csrf, format=kind)
        visit.ask("/export/tasks", "POST", csrf_token=csrf, format=kind)
    visit.ask("/sign-in", "POST", csrf_token=csrf, name="local", password=PASSWORD)
    visit.ask("/tasks/new/confess", "POST", csrf_token=csrf, password=canary.CANARY, pause_s="x")
    places = {place: text.encode() for place, text in visit.found.items()}
    places |= {f"stored: {place}": content for place, content in canary.kept(site.services)}
    places |= {f"log: {path.name}": path.read_bytes() for path in site.log.parent.glob("*.log")}
    return places | exported(site, folder)


def exported(site, folder):
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "data", "export", str(folder / "out")]
    ran = subprocess.run(command, cwd=ROOT, env=site.env, capture_output=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    files = [path for path in (folder / "out").rglob("*") if path.is_file()]
    assert files and json.loads((folder / "out" / "manifest.json").read_text())
    return {
        f"export: {path.name}": gzip.decompress(path.read_bytes())
        if path.suffix == ".gz"
        else path.read_bytes()
        for path in files
    } | {"what the export says": ran.stdout + ran.stderr}
