"""Every route x every kind of person: who is not meant to see or change something does not.

What each route needs stands in one table here, beside the code that is tested and not taken from it. A route
that is missing from the table fails.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http import HTTPStatus

import pytest

from app.core.clock import utcnow
from app.core.people.roles import Permission, Role
from app.web.bulk.packed_ids import pack
from config import load
from tests.browser.seeded import submit
from tests.security.world import UNSAFE, World
from tests.signing_in import signed_in, user_of
from tests.web.looking import fail

pytestmark = pytest.mark.slow

OWN, ANY = "own", "any"
MAY = {
    "viewer": {"read": ANY, "download": ANY, "views": OWN, "profile": OWN},
    "submitter": {
        "create": OWN,
        "clone": ANY,
        "cancel": OWN,
        "retry": OWN,
        "reprioritize": OWN,
        "tag": OWN,
        "delete": OWN,
        "notifications": OWN,
    },
    "operator": {
        "cancel": ANY,
        "retry": ANY,
        "reprioritize": ANY,
        "tag": ANY,
        "delete": ANY,
        "private": ANY,
        "settings": ANY,
        "metrics": ANY,
        "workers": ANY,
        "queues": ANY,
    },
    "administrator": {"audit": ANY, "users": ANY, "notifications": ANY},
}
"""What each role may do besides what the roles before it may."""


@dataclass(frozen=True)
class Rule:
    """What a route needs, and if ``of_task``, of the task in its address.

    ``also`` is what else it may answer to those who have it, ``gone`` what it answers for a task that they
    may not know of.
    """

    needs: str
    of_task: bool = False
    also: tuple[str, ...] = ()
    gone: str = "hidden"


PUBLIC, READ, PROFILE = Rule("public"), Rule("read"), Rule("profile", also=("hidden",))
NOTHING = Rule("public", also=("hidden",))
TASK, FILE = Rule("read", of_task=True), Rule("download", of_task=True, also=("hidden",))
TABLE = {
    "static": NOTHING,
    "bootstrap.static": NOTHING,
    "dashboard.healthz": PUBLIC,
    "dashboard.readyz": PUBLIC,
    "sign_in.form": PUBLIC,
    "sign_in.by_password": Rule("public", also=("refused",)),
    "sign_in.link": NOTHING,
    "sign_in.by_link": NOTHING,
    "sign_in.sign_out": Rule("profile", also=("sign in",)),
    "profile.show": PROFILE,
    "profile.change_password": PROFILE,
    "profile.end_session": PROFILE,
    "profile.end_others": PROFILE,
    "dashboard.home": READ,
    "dashboard.home_live": READ,
    "dashboard.home_charts": READ,
    "dashboard.pulse": READ,
    "dashboard.events": replace(READ, also=("hidden",)),
    "tasks.index": READ,
    "tasks.rows": READ,
    "tasks.counts": READ,
    "exports.tasks": READ,
    "tasks.detail": TASK,
    "tasks.detail_live": replace(TASK, gone="open"),
    "tasks.log_live": replace(TASK, gone="open"),
    "logs.page": TASK,
    "logs.more": TASK,
    "tasks.result": replace(TASK, also=("hidden",)),
    "downloads.file": FILE,
    "downloads.image": FILE,
    "downloads.log": FILE,
    "downloads.result": FILE,
    "downloads.result_text": FILE,
    "create.choose": Rule("create"),
    "create.form": Rule("create", also=("hidden",)),
    "create.submit": Rule("create"),
    "create.upload": Rule("create"),
    "tasks.undo_cancel": Rule("cancel", of_task=True),
    "tasks.undo_priority": Rule("reprioritize", of_task=True),
    "tasks.run_again": Rule("clone", of_task=True, also=("refused",)),
    **{
        f"tasks.{action}": Rule(action, of_task=True)
        for action in ("cancel", "retry", "reprioritize", "delete")
    },
    **{
        f"many.{path}{step}": Rule(needs)
        for path, needs in {
            "cancel": "cancel",
            "retry": "retry",
            "priority": "reprioritize",
            "delete": "delete",
            "again": "clone",
            "tag": "tag",
            "untag": "tag",
        }.items()
        for step in ("", "_preview", "_run")
    },
    "saved_views.index": READ,
    **dict.fromkeys(("saved_views.save", "saved_views.begin_with", "saved_views.set_look"), Rule("views")),
    **{
        f"saved_views.{view}": Rule("views", also=("hidden",)) for view in ("save_filter", "rename", "delete")
    },
    "bulk.index": READ,
    **{f"bulk.{view}": Rule("read", also=("hidden",)) for view in ("show", "show_live", "stop", "resume")},
    "batches.index": READ,
    **{f"batches.{view}": Rule("read", also=("hidden",)) for view in ("show", "show_live", "export")},
    **dict.fromkeys(("many_new.choose_table", "many_new.take_table"), Rule("create")),
    **dict.fromkeys(("many_new.columns", "many_new.check_or_create"), Rule("create", also=("hidden",))),
    **{
        f"authenticator_app.{view}": replace(PROFILE, also=("hidden", "refused"))
        for view in (
            *("set_up", "confirm_app", "begin", "fresh_codes"),
            *("remove_form", "remove", "confirm_form", "confirm"),
        )
    },
    **{
        f"passkeys.{view}": replace(PROFILE, also=("hidden", "refused"))
        for view in ("add", "options", "remove")
    },
    **{
        f"tokens.{view}": replace(PROFILE, also=("hidden", "refused"))
        for view in ("index", "create", "revoke")
    },
    **dict.fromkeys(
        ("second_step.form", "second_step.by_code", "passkeys.sign_in", "passkeys.sign_in_options")
        + ("single_sign_on.begin", "single_sign_on.back", "single_sign_on.signed_out"),
        Rule("public", also=("hidden", "refused", "sign in")),
    ),
    **{
        f"users.{view}": Rule("users", also=("hidden",))
        for view in (
            *("index", "add", "show", "disable", "enable", "end_sessions", "set_groups", "reset"),
            *("revoke_tokens", "require_second_factor", "set_role", "roles", "tokens", "revoke_token"),
        )
    },
    **{
        f"notifications.{view}": Rule("notifications", also=("hidden",))
        for view in ("index", "create", "show", "change", "test", "rotate", "delete", "delivery", "resend")
    },
    "notifications.everybody": Rule("notifications", also=("refused",)),
    **{
        f"api.webhooks.{view}": Rule("notifications", also=("hidden",))
        for view in (
            *("list_webhooks", "create_webhook", "get_webhook", "change_webhook", "delete_webhook"),
            *("rotate_webhook_secret", "test_webhook", "list_deliveries", "get_delivery", "resend_delivery"),
        )
    },
    "api.openapi": PUBLIC,
    "api.tasks.create_task": Rule("create"),
    "api.batches.create_batch": Rule("create"),
    "api.batches.list_batches": READ,
    **{f"api.batches.{view}": Rule("read", also=("hidden",)) for view in ("get_batch", "get_batch_results")},
    "api.tasks.list_tasks": READ,
    "api.tasks.get_task": TASK,
    "api.tasks.follow_task": replace(TASK, also=("hidden",)),
    **{
        f"api.tasks.{view}": Rule(needs, of_task=True)
        for view, needs in {
            "cancel_task": "cancel",
            "retry_task": "retry",
            "set_priority": "reprioritize",
            "delete_task": "delete",
        }.items()
    },
    "api.tasks.clone_task": Rule("clone", of_task=True, also=("refused",)),
    **dict.fromkeys(("api.bulk.preview_bulk", "api.bulk.create_bulk", "api.bulk.list_bulk"), READ),
    **{
        f"api.bulk.{view}": Rule("read", also=("hidden",))
        for view in ("get_bulk", "stop_bulk", "resume_bulk")
    },
    **dict.fromkeys(("api.contents.get_log", "api.contents.get_result", "api.contents.get_file"), FILE),
    **dict.fromkeys(("api.contents.list_attempts", "api.contents.list_files"), TASK),
    "api.contents.upload_file": Rule("create"),
    "api.views.list_views": READ,
    "api.views.create_view": Rule("views"),
    "api.views.get_view": Rule("read", also=("hidden",)),
    "api.views.replace_view": Rule("views", also=("hidden",)),
    "api.views.delete_view": Rule("views", also=("hidden",)),
    **dict.fromkeys(
        [
            f"api.system.{view}"
            for view in ("list_types", "list_workers", "list_queues", "get_stats", "get_me")
        ],
        READ,
    ),
    "api.system.get_type": READ,
    "api.system.stop_worker": Rule("workers"),
    **{
        f"api.system.{view}": Rule("queues")
        for view in ("pause_queue", "resume_queue", "pause_type", "resume_type")
    },
    **{f"operations.{view}": READ for view in ("workers", "workers_live", "queues", "queues_live", "types")},
    "operations.type_page": replace(READ, also=("hidden",)),
    "operations.stop_worker": Rule("workers"),
    "operations.pause": Rule("queues"),
    "operations.resume": Rule("queues"),
    "operations.pause_type": Rule("queues", also=("refused",)),
    "operations.resume_type": Rule("queues", also=("refused",)),
    "settings.index": Rule("settings"),
    "monitoring.metrics": Rule("metrics"),
    "audit.index": Rule("audit"),
    "audit.export": Rule("audit"),
}
"""What each route needs."""


@dataclass(frozen=True)
class Visitor:
    """Who asks: a role, or nobody. ``visibility`` is the setting; ``over`` is what ended the session."""

    name: str
    role: str = ""
    owner: bool = False
    visibility: str = "team"
    over: str = ""
    token: str = ""

    @property
    def grants(self) -> dict[str, str]:
        """What they may do; nothing without a session."""
        if not self.role or self.over:
            return {}
        found: dict[str, str] = {}
        for role, added in MAY.items():
            found |= added
            if role == self.role:
                break
        if self.token:  # Tokens do not manage people, nor the sessions and tokens of their owner.
            found = {need: reach for need, reach in found.items() if need not in ("profile", "users")}
        if self.token == "reads":
            found = {need: found[need] for need in ("read", "download")}
        return found

    def sees(self, private: bool) -> bool:
        if self.owner or "private" in self.grants:
            return bool(self.grants)
        return "read" in self.grants and not private and self.visibility == "team"

    def expected(self, rule: Rule, private: bool) -> str:
        """Return the answer that is right: `open`, `sign in`, `refused`, or `hidden`."""
        if rule.needs == "public":
            return "open"
        if not self.grants:
            return "sign in"
        reach = self.grants.get(rule.needs)
        if reach is None:
            return "refused"
        if rule.of_task and not self.sees(private):
            return rule.gone
        return "open" if not rule.of_task or self.owner or reach == ANY else "refused"

    def changes(self, needs: str, private: bool) -> bool:
        """Return whether they may change a task of another's, or theirs where they are its owner."""
        return self.sees(private) and (self.grants.get(needs) == ANY or self.owner and needs in self.grants)


VISITORS = [
    Visitor("anonymous"),
    Visitor("a stranger who sees their own only", "submitter", visibility="own"),
    Visitor("a viewer who sees their own only", "viewer", visibility="own"),
    Visitor("viewer", "viewer"),
    Visitor("submitter", "submitter"),
    Visitor("the owner", "submitter", owner=True),
    Visitor("the owner as a viewer", "viewer", owner=True),
    Visitor("operator", "operator"),
    Visitor("administrator", "administrator"),
    Visitor("an expired session", "administrator", over="expired"),
    Visitor("an idle session", "administrator", over="idle"),
    Visitor("a revoked session", "administrator", over="revoked"),
    Visitor("a disabled user", "administrator", over="disabled"),
    Visitor("a wrong session", "administrator", over="forged"),
    Visitor("a program", "submitter", token="works"),
    Visitor("a program that only reads", "viewer", token="reads"),
    Visitor("a wrong token", "administrator", token="wrong", over="wrong"),
    Visitor("an expired token", "administrator", token="expired", over="expired"),
    Visitor("a revoked token", "administrator", token="revoked", over="revoked"),
    Visitor("a token of a disabled user", "administrator", token="disabled", over="disabled"),
]
WORDS = ("Kinglet-in-the-title", "wombat-in-the-log", "wombat-in-the-file", "wombat-in-the-traceback")
"""What only those who see the task may read."""


@pytest.fixture
def visitor(request):
    return request.param


@pytest.fixture
def settings(visitor):
    keys = {"SECRET_KEY": "tests-only", "SECRETS_KEY": "tests-only too"}
    return load({"ENVIRONMENT": "local", **keys, "TASK_VISIBILITY": visitor.visibility})


@dataclass
class Walk:
    """One visitor's way through all routes: what was asked, and each answer that was wrong."""

    world: World
    visitor: Visitor
    private: bool
    owner: str
    asked: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self):
        self.signed_out = False
        self.headers: dict[str, str] = {}
        self.client = self._client()

    def _client(self):
        services, visitor = self.world.services, self.visitor
        client = self.world.app.test_client()
        if not visitor.role:
            return client
        if visitor.token:
            self.headers = {"Authorization": f"Bearer {self._token(visitor)}"}
            return client
        name = "alice" if visitor.owner else "somebody"
        signed_in(client, services, Role(visitor.role), name)
        user, sessions = services.people.users.by_name(name), services.db.sessions
        if visitor.over == "expired":
            sessions.update_many({"user": user.id}, {"$set": {"expires_at": utcnow() - timedelta(seconds=1)}})
        elif visitor.over == "idle":
            sessions.update_many({"user": user.id}, {"$set": {"seen_at": utcnow() - timedelta(days=60)}})
        elif visitor.over == "revoked":
            services.people.sessions.end_all(user.id)
        elif visitor.over == "disabled":
            services.people.users.disable(user.id)
        elif visitor.over == "forged":
            with client.session_transaction() as cookie:
                cookie["_user_id"] = "x" * len(cookie["_user_id"])
        return client

    def _token(self, visitor):
        """Return the token of a program, which works, or does not for the reason that the visitor names."""
        people = self.world.services.people
        user = user_of(self.world.services, Role.ADMINISTRATOR if visitor.over else Role.SUBMITTER, "robot")
        chosen = {Permission.TASK_READ, Permission.TASK_DOWNLOAD} if visitor.token == "reads" else None
        token, text = people.tokens.create(people.users.person(user), "CI", timedelta(days=1), chosen)
        if visitor.token == "wrong":
            return text[:-1] + ("a" if text[-1] != "a" else "b")
        if visitor.token == "expired":
            ended = {"$set": {"expires_at": utcnow() - timedelta(seconds=1)}}
            self.world.services.db.tokens.update_one({"_id": token.id}, ended)
        elif visitor.token == "revoked":
            people.tokens.revoke(token.id)
        elif visitor.token == "disabled":
            people.users.disable(user.id)
        return text

    def task(self):
        """Return a failed task of the owner's, with a log, a file and a traceback."""
        services = self.world.services
        content = io.BytesIO(WORDS[2].encode())
        saved = services.files.save(content, "w.csv", "text/csv", self.owner, role="input")
        given = {"owner": self.owner, "private": self.private, "files": (saved.id,)}
        params = {"source": str(saved.id)}
        task = submit(services, type="clean_table", title=f"Wombat {WORDS[0]}", params=params, **given)
        task = fail(services, task, "It broke.", WORDS[3])
        services.logs.write_part(task.id, 1, 0, WORDS[1].encode())
        self.world.examples |= {"task_id": str(task.id), "file_id": str(saved.id)}
        return task

    def ask(self, route, task):
        """Ask for a route of a task, in its address and wherever else a route takes one."""
        if self.signed_out:
            self.client = self._client()
        browser = bool(self.visitor.grants) and not self.visitor.token
        self.signed_out = browser and route.endpoint.startswith(("sign_in.", "profile."))
        query = query_of(route.endpoint, task)
        form = {
            "id": str(task.id),
            "until": "9" * 13,
            "key": "k" * 16,
            "total": "1",
            "to": "high",
            "dispatch": "1",
        }
        sent = {"method": route.method, "query_string": query, "headers": self.headers}
        if route.endpoint in BODIES:
            sent["json"] = BODIES[route.endpoint]
        elif route.method in UNSAFE:
            sent["data"] = {**form, "priority": "high", "tag": "night"}
        answer = self.client.open(route.path, **sent)
        text = answer.get_data(as_text=True)
        answer.close()
        self.asked += 1
        return answer, text

    def judge(self, route, answer, text, task):
        rule = TABLE[route.endpoint]
        wanted, got = self.visitor.expected(rule, self.private), kind_of(answer)
        if got != wanted and not (wanted == "open" and got in rule.also):
            self.wrong.append(f"{route}: {answer.status} instead of {wanted}")
        if wanted != "open":
            self.refused += 1
        if wanted != "open" or not self.visitor.sees(self.private):
            self.wrong += [f"{route}: shows {word}" for word in WORDS if word in text]
        after = self.world.services.db.tasks.find_one({"_id": task.id})
        if after != self.document and not self.visitor.changes(rule.needs, self.private):
            self.wrong.append(f"{route}: changed the task of {self.owner}")
        if wanted != "open" and self.world.state() != self.stored:
            self.wrong.append(f"{route}: changed something")

    def go(self):
        for route in self.world.routes():
            assert route.endpoint in TABLE, f"{route}: say in the table here what it needs"
            task = self.task()
            route = self.world.now(route)
            self.document = self.world.services.db.tasks.find_one({"_id": task.id})
            self.stored = self.world.state()
            self.judge(route, *self.ask(route, task), task)


BODIES = {
    "api.tasks.create_task": {"type": "clean_table", "params": {}},
    "api.tasks.set_priority": {"priority": "high"},
    "api.batches.create_batch": {"tasks": [{"type": "clean_table", "params": {}}]},
    **dict.fromkeys(("api.system.pause_queue", "api.system.pause_type"), {"why": "Maintenance"}),
}
"""What programs send as JSON."""


def query_of(endpoint, task):
    """Return the parameters by which a route can be made to show a task."""
    if endpoint.startswith("many."):
        more = {"priority": {"to": "high"}, "tag": {"with": "night"}}
        found = next((more[name] for name in more if name in endpoint), {})
        return {"chosen": pack([task.id]), **found}
    known = {
        "create.form": {"from": str(task.id)},
        "tasks.log_live": {"attempt": "1"},
        "logs.more": {"place": "0", "number": "1"},
        "tasks.rows": {"ids": str(task.id)},
        **dict.fromkeys(("tasks.index", "tasks.counts"), {"q": "Wombat"}),
        "many_new.columns": {"key": "k" * 16},
    }
    return known.get(endpoint, {})


def kind_of(answer) -> str:
    if answer.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS):
        return "sign in"  # Wrong tokens are counted.
    to_sign_in = answer.status_code == HTTPStatus.SEE_OTHER and "/sign-in" in answer.headers["Location"]
    if to_sign_in:
        return "sign in"
    named = {HTTPStatus.FORBIDDEN: "refused", HTTPStatus.NOT_FOUND: "hidden"}
    if answer.status_code >= 500 or answer.request.method == "GET" and answer.status_code == 400:
        return "broken"
    return named.get(answer.status_code, "open")


@pytest.mark.parametrize("private", [False, True], ids=["a task for everybody", "a private task"])
@pytest.mark.parametrize("visitor", VISITORS, ids=lambda visitor: visitor.name, indirect=True)
def test_every_route_answers_each_person_by_the_table(
    visitor, private, app, services, client, monkeypatch, figure
):
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", False)
    alice = user_of(services, Role(visitor.role) if visitor.owner else Role.SUBMITTER, "alice")
    walk = Walk(World(app, client, services), visitor, private, alice.id)
    walk.go()
    assert not walk.wrong, "\n".join(walk.wrong)
    assert walk.asked > 50
    figure(
        routes_asked_by_all_persons=walk.asked,
        of_these_refused=walk.refused,
        wrong_answers_of_routes=len(walk.wrong),
    )
