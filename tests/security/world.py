"""A site with something of everything on it, every route of it, and every form that its pages show.

Routes come from the application itself. An argument of a new route that has no example here is an error, so
no route can be forgotten.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from app.core.listing.filter import TaskFilter
from app.core.services import Services
from app.web.results import table_state
from tests.browser.seeded import seed

PARAMETERS = sorted(
    {*TaskFilter.__dataclass_fields__, *table_state.NAMES}
    | {"attempt", "period", "from", "file", "ids", "shown", "size", "next"}
    | {"until", "total", "key", "unknown"}
)
"""The parameters that any address of ours takes; each is tried at every address."""
UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True)
class Route:
    """One method of one address; ``path`` has examples for its arguments."""

    endpoint: str
    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.endpoint}"


@dataclass
class Form:
    """A form as a page shows it: where it goes, and its fields with what stands in them."""

    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.method} {self.action}"


class World:
    """A seeded site: ``client`` is signed in as an administrator."""

    def __init__(self, app: Flask, client: FlaskClient, services: Services) -> None:
        self.app, self.client, self.services = app, client, services
        self.tasks = seed(services)
        succeeded = self.tasks["succeeded"]
        files = services.files.of_task(succeeded.id)
        self.examples = {
            "task_id": str(succeeded.id),
            "file_id": str(files[0].id),
            "type_name": "clean_table",
            "name": "clean_table",
            "worker": "worker-1",
            "priority": "high",
            "parameter": "source",
            "filename": "platform/app.css",
            "version": "x",
            "path": "platform/app.css",
            "token": "x" * 43,
            "user_id": "0" * 24,
            "token_id": "0" * 24,
            "session_id": "0" * 64,
            "passkey_id": "x",
            "provider": "company",
            "operation_id": "0" * 24,
            **dict.fromkeys(
                ("subscription_id", "webhook_id", "delivery_id", "view_id", "batch_id"), "0" * 24
            ),
        }

    def routes(self) -> list[Route]:
        """Return every method of every address."""
        found = [route for rule in self.app.url_map.iter_rules() for route in self._routes_of(rule)]
        return sorted(found, key=str)

    def now(self, route: Route) -> Route:
        """Return a route with the examples as they are by now."""
        rules = self.app.url_map.iter_rules(route.endpoint)
        return next(same for rule in rules for same in self._routes_of(rule) if str(same) == str(route))

    def _routes_of(self, rule: Rule) -> list[Route]:
        lacking = rule.arguments - self.examples.keys()
        assert not lacking, f"{rule.endpoint}: give an example of {lacking} in tests/security/world.py"
        with self.app.test_request_context():
            values = {name: self.examples[name] for name in rule.arguments}
            path = rule.build(values, append_unknown=False)
        assert path is not None
        methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
        return [Route(rule.endpoint, method, path[1]) for method in sorted(methods)]

    def forms(self) -> list[Form]:
        """Return the forms of every page, each kind once: same address but for IDs, same fields."""
        found: dict[tuple[str, str, tuple[str, ...]], Form] = {}
        for path in self._pages():
            with self.client.get(path) as answer:
                is_page = answer.mimetype == "text/html" and answer.status_code == 200
                shown = _forms(answer.text, path) if is_page else []
            for form in shown:
                names = tuple(sorted({name for name, _ in form.fields}))
                found.setdefault((form.method, self._plain(form.action), names), form)
        return list(found.values())

    def _pages(self) -> Iterator[str]:
        yield from (route.path for route in self.routes() if route.method == "GET")
        yield from (f"/tasks/{task.id}" for task in self.tasks.values())
        yield from (f"/tasks/new/{kind.name}" for kind in self.services.catalog.types())

    def _plain(self, action: str) -> str:
        path = urlsplit(action).path
        for task in self.tasks.values():
            path = path.replace(str(task.id), "ID")
        return path

    def state(self) -> dict[str, Any]:
        """Return everything that is stored, but for what a look at a page writes: sessions, the audit, and
        when a token was used last."""
        skipped = {"sessions", "audit", "challenges"}
        return {
            name: sorted(repr(_lasting(document)) for document in _stored(self.services.db[name]))
            for name in self.services.db.list_collection_names()
            if name not in skipped and not name.startswith("system.")
        }


def _stored(collection: Any) -> Iterable[dict[str, Any]]:
    """Yield documents to be looked at; those of mongomock as they are, for it copies each four times."""
    in_memory = getattr(collection, "_store", None)
    return collection.find() if in_memory is None else list(in_memory.documents)


def _lasting(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if not key.startswith(("used_", "last_used"))}


class _Forms(HTMLParser):
    """The forms of a page, with the fields that stand elsewhere and name their form."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path
        self.forms: list[tuple[str, Form]] = []
        self.elsewhere: list[tuple[str, str, str]] = []
        self.inside: Form | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.inside = Form(known.get("action") or self.path, known.get("method", "get").upper())
            self.forms.append((known.get("id", ""), self.inside))
        elif known.get("name") and tag in ("input", "select", "textarea", "button"):
            pair = (known["name"], known.get("value", ""))
            if "form" in known:
                self.elsewhere.append((known["form"], *pair))
            elif self.inside is not None:
                self.inside.fields.append(pair)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = None


def _forms(page: str, path: str) -> list[Form]:
    parser = _Forms(path)
    parser.feed(page)
    for name, *pair in parser.elsewhere:
        for known, form in parser.forms:
            if known == name:
                form.fields.append((pair[0], pair[1]))
    return [form for _, form in parser.forms]


_PIECES = (
    # Nothing, signs that nobody sees, much, and what is no text.
    "", " ", "\x00", "\n", "\r\nX: y", "\u202e", "\ufeff", "\ud7ff", "é" * 300, "𝒜", "a" * 10_000, "%00", "%",
    # Other languages: templates, HTML, paths, addresses, shells, queries, expressions.
    "{{7*7}}", "${7}", "<script>x</script>", "'\"><img src=x>", "../../etc/passwd", "..\\..\\x",
    "//evil.example", "\\\\evil", "javascript:x", "http://[::1", "file:///etc/passwd",
    "; rm -rf /", "| id", "`id`", "$(id)", "' OR 1=1--", "*", "(a+)+$", "\\", "?", "#", "&", "=", ";",
    "$where", "$ne", "a.b.$", "__proto__", "ObjectId('x')",
    # Numbers.
    "0", "-1", "1e309", "NaN", "Infinity", "1" * 400, "0x10", "1_000", "٣", "½", "9" * 19, "-0", "1.5",
    # JSON.
    "true", "null", "undefined", "[]", "{}", "[" * 2_000, '{"$gt": ""}', '{"a": ' * 200,
    # IDs and times.
    "0" * 24, "f" * 24, "z" * 24, "0" * 23, "2026-13-45", "0000-00-00", "9999-12-31T23:59", 
    "2026-02-30T25:61", "1h", "P1Y",
    # What is right somewhere else.
    ",", "a,b", "a b", "A", "high", "HIGH", "succeeded", "desc", "25", "200", "1000000",
    "created", "finished",
)  # fmt: skip


def bad_values(count: int) -> list[str]:
    """Return so many values that no form of ours sends, the worst first; always the same ones."""
    values = dict.fromkeys(_PIECES)
    for first, second in itertools.product(_PIECES, _PIECES[:12]):
        if len(values) >= count:
            break
        values.setdefault(f"{first}{second}"[:12_000])
    return list(values)[:count]


def with_query(path: str, name: str, value: str) -> str:
    return f"{path}?{urlencode({name: value.encode('utf-8', 'surrogatepass')})}"
