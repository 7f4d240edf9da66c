"""Bad input to every parameter and field, forged requests to every unsafe route: no 5xx, nothing changed.

With DTQ_SECURITY=full, 500 values each; else, and for a parameter that an address refuses by its name, the
first ones of them.
"""

from __future__ import annotations

import json
import os
import time
from html import unescape

import pytest

from app.web.platform.permissions import LIBRARY_ROUTES
from tests.security.world import PARAMETERS, UNSAFE, World, bad_values, with_query

pytestmark = pytest.mark.slow

FEW = 12
VALUES = bad_values(500 if os.environ.get("DTQ_SECURITY") == "full" else FEW)
SLOW_S = 0.5


@pytest.fixture
def world(app, client, services):
    return World(app, client, services)


class Tally:
    """What was sent, and what must not be: answers of 5xx, slow ones, changes by what was refused."""

    def __init__(self, world):
        self.world, self.sent, self.broken, self.slow, self.changed = world, 0, [], [], []
        self.before = world.state()

    def send(self, what, ask, *args, **given):
        began = time.process_time()
        answer = ask(*args, **given)
        took = time.process_time() - began
        answer.close()
        self.sent += 1
        if answer.status_code >= 500:
            self.broken.append(f"{answer.status_code} {what}")
        if took > SLOW_S:
            self.slow.append(f"{took:.1f} s {what}")
        return answer

    def compare(self, what):
        """Note where anything stored has changed since the last look."""
        now = self.world.state()
        if now != self.before:
            self.changed.append(what)
            self.before = now


def takes(world, route, name):
    """Whether an address reads a parameter: else it refuses the name, whatever the value."""
    answer = world.client.get(with_query(route.path, name, "1"))
    refused = answer.status_code == 400
    said = json.dumps(answer.json, ensure_ascii=False) if refused and answer.is_json else ""
    if refused and not said:
        said = unescape(answer.get_data(as_text=True))
    answer.close()
    return f"“{name}”" not in said


@pytest.mark.parametrize("name", PARAMETERS)
def test_no_value_of_any_parameter_breaks_a_page_or_changes_anything(world, name, figure):
    tally = Tally(world)
    for route in world.routes():
        if route.method != "GET" or route.endpoint in LIBRARY_ROUTES:
            continue
        for value in VALUES if takes(world, route, name) else VALUES[:FEW]:
            address = with_query(route.path, name, value)
            tally.send(f"{route} {name}={value[:40]!r}", world.client.get, address)
        tally.compare(str(route))
    assert tally.sent > len(VALUES)
    assert (tally.broken, tally.slow, tally.changed) == ([], [], [])
    figure(bad_query_values_sent=tally.sent, bad_values_answered_with_5xx=len(tally.broken))


def test_no_value_of_any_field_breaks_a_form_and_what_is_refused_changes_nothing(world, monkeypatch, figure):
    monkeypatch.setitem(world.app.config, "WTF_CSRF_ENABLED", False)
    forms = [form for form in world.forms() if form.method == "POST" and "sign-out" not in form.action]
    assert len(forms) > 10
    tally = Tally(world)
    for form in forms:
        for name in dict.fromkeys(name for name, _ in form.fields):
            for value in VALUES:
                sent = [(n, value if n == name else text) for n, text in form.fields]
                what = f"{form} {name}={value[:40]!r}"
                answer = tally.send(what, world.client.post, form.action, data=_pairs(sent))
                if answer.status_code >= 400:
                    tally.compare(what)
                else:
                    tally.before = world.state()
    assert (tally.broken, tally.slow, tally.changed) == ([], [], [])
    figure(bad_form_values_sent=tally.sent, bad_values_answered_with_5xx=len(tally.broken))


def _pairs(fields):
    found = {}
    for name, value in fields:
        found.setdefault(name, []).append(value.encode("utf-8", "surrogatepass"))
    return found


FORGERIES = {
    "no token": ({}, {}),
    "a wrong token": ({"csrf_token": "x"}, {}),
    "another site's page": ({}, {"Sec-Fetch-Site": "cross-site"}),
    "a neighbor's page": ({}, {"Sec-Fetch-Site": "same-site"}),
    "another origin": ({}, {"Origin": "https://evil.example"}),
    "no origin": ({}, {"Origin": "null"}),
    "plain text": ({}, {"Content-Type": "text/plain"}),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_no_forged_request_changes_anything(world, forgery, figure):
    data, headers = FORGERIES[forgery]
    tally = Tally(world)
    unsafe = [route for route in world.routes() if route.method in UNSAFE]
    assert len(unsafe) > 10
    for route in unsafe:
        sent = {"method": route.method, "data": data, "headers": headers}
        answer = tally.send(str(route), world.client.open, route.path, **sent)
        assert answer.status_code in (400, 403, 404, 415), f"{route}: {answer.status}"
        tally.compare(str(route))
    assert (tally.broken, tally.changed) == ([], [])
    figure(forged_requests_sent=tally.sent, forged_requests_that_changed_something=len(tally.changed))


def test_no_get_changes_anything(world, figure):
    tally = Tally(world)
    for route in world.routes():
        if route.method == "GET":
            tally.send(str(route), world.client.get, route.path)
            tally.compare(str(route))
    assert (tally.broken, tally.changed) == ([], [])
    figure(routes_read=tally.sent, reads_that_changed_something=len(tally.changed))
