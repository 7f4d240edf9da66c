"""Scripts planted in every field that a page shows, and every view opened in a browser: none of them runs.

With DTQ_SECURITY=full, all payloads; else every sixth. No element comes from them, either, so it is not only
the policy of the pages that stops them.
"""

from __future__ import annotations

import io
import os
from typing import Any
from urllib.parse import quote

import pytest

from app.core.catalog import WorkerInfo
from app.core.clock import utcnow
from app.core.people.audit import Event
from app.core.people.person import Origin, Person
from app.core.services import Services
from tests.browser import results, seeded
from tests.browser.seeded import submit
from tests.core.test_catalog import CLEAN
from tests.security.payloads import PAYLOADS
from tests.web.looking import claim, fail

pytestmark = pytest.mark.browser

CHOSEN = PAYLOADS if os.environ.get("DTQ_SECURITY") == "full" else PAYLOADS[::6]
PLANTED = """() => [...document.querySelectorAll("*")].filter((element) =>
    [...element.attributes].some((attribute) =>
        (/^on|^hx-on/i.test(attribute.name))
        || (/^\\s*(javascript|data:text|\\/\\/xss9|\\/xss9)/i.test(attribute.value)
            && /^(href|src|action|formaction|data|hx-get|hx-post|xlink:href)$/i.test(attribute.name)))
    || (element.matches("script:not([type='application/json'])") && element.textContent.includes("xss9"))
).map((element) => element.outerHTML.slice(0, 200))"""
OPEN_ALL = "() => document.querySelectorAll('details').forEach((details) => { details.open = true; })"


class Watched:
    """A page, and what must not be: scripts that ran, elements that were planted, requests that were sent."""

    def __init__(self, context: Any, address: str) -> None:
        self.ran: list[str] = []
        self.address, self.opened, self.payloads = address, 0, 0
        context.expose_binding("xss9", lambda source, *_: self.ran.append(f"ran in {source['page'].url}"))
        self.page = context.new_page()
        self.page.on("dialog", self._dialog)
        self.page.on("console", self._console)
        self.page.on("request", self._request)

    def _dialog(self, dialog: Any) -> None:
        self.ran.append(f"dialog on {self.page.url}")
        dialog.dismiss()

    def _console(self, said: Any) -> None:
        if "Content Security Policy" in said.text:
            self.ran.append(f"violation on {self.page.url}: {said.text}")

    def _request(self, request: Any) -> None:
        path = request.url.removeprefix(self.address)
        local = request.url.startswith((self.address, "data:image/"))
        if not local or path.startswith("/xss9"):
            self.ran.append(f"request from {self.page.url}: {request.url}")

    def open(self, path: str) -> int:
        """Open a view and everything that folds; returns the status."""
        answer = self.page.goto(self.address + path, wait_until="load")
        self.look()
        return int(answer.status)

    def look(self) -> None:
        self.page.evaluate(OPEN_ALL)
        self.ran += [f"planted on {self.page.url}: {html}" for html in self.page.evaluate(PLANTED)]
        self.opened += 1
        self.payloads += int(
            self.page.evaluate("document.documentElement.outerHTML.split('xss9').length - 1")
        )


@pytest.fixture
def watched(chromium, address):
    context = chromium.new_context()
    yield Watched(context, address)
    context.close()


def kind_of(payload: str, number: int) -> dict[str, Any]:
    """A task type whose every word is a payload."""
    texts = {"title": payload, "description": payload, "default": payload}
    properties = {
        "text": {"type": "string", **texts},
        "long": {"type": "string", "format": "textarea", "maxLength": 5_000, **texts},
        "choice": {"enum": [payload, "b"], **texts},
        "several": {
            "type": "array",
            "items": {"enum": [payload, "b"]},
            "title": payload,
            "uniqueItems": True,
        },
        "list": {"type": "array", "items": {"type": "string"}, "title": payload, "default": [payload]},
        "flag": {"type": "boolean", "title": payload, "description": payload},
    }
    words = {"title": payload, "summary": payload, "help": payload, "category": payload}
    return {**CLEAN, **words, "_id": f"type_{number}", "schema": {"properties": properties}}


def task_of(services: Services, payload: str, number: int) -> Any:
    """A failed task whose every word is a payload."""
    content = io.BytesIO(payload.encode())
    file = services.files.save(content, payload.replace("/", "_"), payload[:80], payload, role="output")
    params = {"text": payload, "list": [payload], "deep": {payload: {payload: payload}}, payload: payload}
    given = {"type": f"type_{number}", "title": payload, "params": params, "tags": (payload[:40],)}
    task = submit(services, **given, owner=payload)
    services.files.attach([file.id], task.id)
    task = fail(services, task, payload, payload)
    services.logs.write_part(task.id, 1, 0, f"{payload}\n".encode())
    written = {"error.type": payload, "error.kind": "error", "history.0.worker": payload}
    written |= {"progress": {"done": 1, "total": 2, "message": payload, "at": utcnow()}}
    services.db.tasks.update_one({"_id": task.id}, {"$set": written})
    return task


def running(services: Services, payload: str) -> Any:
    task = claim(services, submit(services, title=payload, tags=(payload[:40],)), payload)
    services.tasks.report_progress(task, {"done": 1, "total": 3, "message": payload})
    return task


def plant(services: Services) -> dict[str, list[Any]]:
    """Fill a site with the payloads; returns the tasks."""
    seeded.publish(services)
    services.catalog.publish([kind_of(payload, at) for at, payload in enumerate(CHOSEN)], "worker-1")
    now = utcnow()
    for payload in CHOSEN:
        person = {"_id": payload, "name": payload, "name_key": payload, "role": "viewer", "created_at": now}
        services.db.users.insert_one({**person, "groups": [payload]})
        change = {payload: payload}
        who, origin = Person(payload, payload), Origin(payload, payload)
        services.people.audit.record(who, origin, Event.TASK_CREATE, payload, before=change, after=change)
        services.catalog.report(WorkerInfo(payload, payload, 1, payload, now, now, types=(payload,)))
        local = services.people.users.by_name("local")
        assert local is not None
        services.people.sessions.begin(local.id, [payload], payload, payload)
    return {
        "failed": [task_of(services, payload, at) for at, payload in enumerate(CHOSEN)],
        "running": [running(services, payload) for payload in CHOSEN],
        "result": list(result_tasks(services)),
    }


def result_tasks(services: Services) -> Any:
    """One task of each kind of result, with all payloads in it."""
    rows = [{payload: payload, "b": payload} for payload in CHOSEN]
    text = "\n".join(CHOSEN)
    tree = {payload: [payload, {payload: payload}] for payload in CHOSEN}
    chart = {"kind": "bars", "title": text, "labels": list(CHOSEN), "values": [1] * len(CHOSEN)}
    lines = {"kind": "line", "title": text, "x_title": text, "x": [1, 2], "y": {text: [1, 2]}}
    first = {"columns": [{"name": p, "type": "text"} for p in CHOSEN], "rows": [list(CHOSEN)]}
    first |= {"total_rows": 9, "total_columns": len(CHOSEN)}
    saved = (CHOSEN[0].replace("/", "_"), results.png())
    yield results.done(services, rows, "table")
    yield results.done(services, tree, "json")
    yield results.done(services, text, "text")
    yield results.done(services, tree, "auto")
    yield results.done(services, rows, "auto")
    yield results.done(services, [chart, lines], "chart")
    yield results.done(services, {"file": "FILE", "alt": text, "caption": text}, "image", saved)
    yield results.done(services, {"p": first, "t": rows, text: text}, {"p": "preview", "t": "table"}, saved)


def views(tasks: dict[str, list[Any]]) -> Any:
    """The addresses of every view, with payloads also where an address is repeated on its page."""
    yield from ("/", "/tasks", "/tasks/new", "/profile", "/audit", "/sign-in", "/tasks?limit=200", "/users")
    for task in (*tasks["result"], *tasks["running"], *tasks["failed"]):
        yield f"/tasks/{task.id}"
    for number, task in enumerate(tasks["failed"]):
        yield f"/tasks/new/type_{number}?from={task.id}"
    for payload in CHOSEN:
        sent = quote(payload, safe="")
        yield from (f"/tasks?q={sent}&tag={sent[:40]}", f"/audit?target={sent}", f"/sign-in?next={sent}")
    for action in ("retry", "delete", "cancel"):
        yield f"/tasks/many/{action}?all=1"


def test_no_script_runs_on_any_view(watched, services, figure):
    tasks = plant(services)
    statuses = {path: watched.open(path) for path in views(tasks)}
    page = watched.page
    while (further := page.locator("a[rel=next]")).count():  # pages of the list
        further.first.click()
        watched.look()
    assert watched.ran == []
    assert [path for path, status in statuses.items() if status >= 500] == []
    shown = [path for path, status in statuses.items() if status == 200]
    assert len(shown) > 3 * len(CHOSEN)
    assert watched.payloads > 100 * len(CHOSEN)
    figure(
        script_payloads=len(CHOSEN),
        views_opened_with_script_payloads=watched.opened,
        places_on_pages_that_show_a_payload=watched.payloads,
        scripts_run=len(watched.ran),
    )


def test_a_bulk_action_and_its_message_run_none(watched, services):
    for payload in CHOSEN:
        submit(services, title=payload, tags=("bulk",))
    watched.open("/tasks/many/cancel?all=1&tag=bulk")
    watched.page.get_by_role("button", name="Cancel").last.click()
    watched.page.wait_for_url("**/bulk/*")
    watched.look()
    assert watched.ran == []


def test_what_would_run_is_noticed(watched):
    """The control: on a page without a policy a payload runs, on one of ours it is noticed all the same."""
    watched.open("/")
    watched.page.evaluate("document.body.innerHTML = '<img src=x onerror=xss9()>'")
    watched.look()
    assert any("planted" in line for line in watched.ran)
    watched.page.wait_for_timeout(0)
    assert any("violation" in line for line in watched.ran)
    blank = watched.page.context.new_page()
    blank.set_content("<script>xss9()</script>")
    assert any("ran in" in line for line in watched.ran)
