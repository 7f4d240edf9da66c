"""Sign-in by a header of a reverse proxy: from the proxy alone, and by nothing that only looks like it."""

from __future__ import annotations

from typing import Any

import pytest

from app import create_app
from app.core.people.roles import Role
from config import load
from tests.signing_in import signed_in, token_of
from tests.web.looking import text_of

LOCAL = {"ENVIRONMENT": "local", "SECRET_KEY": "tests-only"}
HEADERS = {
    "PROXY_USER_HEADER": "X-Forwarded-User",
    "PROXY_GROUPS_HEADER": "X-Forwarded-Groups",
    "PROXY_ADDRESSES": "127.0.0.9 10.1.0.0/24 2001:db8::5",
    "PROXY_ROLES": "admins=administrator,ops=operator,*=viewer",
}
PROXY, STRANGER = {"REMOTE_ADDR": "127.0.0.9"}, {"REMOTE_ADDR": "127.0.0.1"}
ANN = {"X-Forwarded-User": "ann"}


@pytest.fixture
def make(services):
    """Make a client of a server with this proxy, and with other settings."""

    def made(**env: str) -> Any:
        # With WEB_HOSTS, because a server that is for its own machine refuses other addresses anyway.
        return create_app(
            load({**LOCAL, "WEB_HOSTS": "tasks.example.org", **HEADERS, **env}), services
        ).test_client()

    return made


@pytest.fixture
def client(make):
    return make()


def test_the_proxy_says_who_it_is_and_no_session_is_stored(client, services):
    answer = client.get("/profile", headers={**ANN, "X-Forwarded-Groups": "ops, others"}, environ_base=PROXY)
    assert answer.status_code == 200
    said = text_of(answer.text)
    assert "Signed in as ann" in said and "Operator" in said and "ops, others" in said
    assert "You sign in with the proxy in front of this server." in said
    assert 'action="/sign-out"' not in answer.text and 'action="/profile/password"' not in answer.text
    assert services.db.sessions.count_documents({}) == 0
    user = services.people.users.by_name("ann")
    assert (user.provider, user.role) == ("proxy", Role.OPERATOR)
    assert client.get("/profile", environ_base=PROXY).status_code == 303, "for that request alone"


def test_entries_of_the_audit_say_that_it_was_the_proxy(client, services):
    for groups in ("ops", "ops", "admins"):
        client.get("/", headers={**ANN, "X-Forwarded-Groups": groups}, environ_base=PROXY)
    added, changed = services.db.audit.find().sort("_id", 1)
    assert (added["event"], added["via"], added["after"]["provider"]) == ("user.add", "proxy", "proxy")
    assert (changed["event"], changed["via"]) == ("user.change", "proxy")
    assert (changed["before"]["role"], changed["after"]["role"]) == ("operator", "administrator")


@pytest.mark.parametrize(
    ("address", "status"),
    [("127.0.0.9", 200), ("10.1.0.77", 200), ("::ffff:10.1.0.77", 200), ("2001:db8::5", 200),
     ("127.0.0.1", 403), ("10.1.1.1", 403), ("::1", 403), ("2001:db8::6", 403), ("", 403), ("unix", 403)],
)  # fmt: skip
def test_the_address_of_the_peer_decides(client, services, address, status):
    answer = client.get("/", headers=ANN, environ_base={"REMOTE_ADDR": address})
    assert answer.status_code == status
    assert services.people.users.any() is (status == 200)


def test_another_peer_is_refused_and_that_is_logged_once(client, services, caplog):
    administrator = signed_in(client, services, environ_base=STRANGER)
    for path in ("/", "/tasks", "/sign-in"):
        answer = administrator.get(path, headers=ANN, environ_base=STRANGER)
        assert answer.status_code == 403
        assert "PROXY_ADDRESSES" in text_of(answer.text)
    assert caplog.text.count("carried the header of the sign-in proxy") == 1
    assert services.people.users.by_name("ann") is None
    assert administrator.get("/", environ_base=STRANGER).status_code == 200, "without it, all is as ever"
    assert client.get("/healthz", headers=ANN, environ_base=STRANGER).status_code == 200


@pytest.mark.parametrize("forwarded", ["127.0.0.9", "127.0.0.9, 127.0.0.9", "10.1.0.1"])
def test_an_address_that_a_client_claims_is_not_the_peers(make, services, forwarded):
    """ProxyFix replaces the address of the client; what counts is that of the connection."""
    client = make(WEB_PROXIES="1")
    headers = {**ANN, "X-Forwarded-For": forwarded}
    assert client.get("/", headers=headers, environ_base=STRANGER).status_code == 403
    assert client.get("/", headers=headers, environ_base=PROXY).status_code == 200
    assert services.db.audit.find_one({"event": "user.add"})["address"] == forwarded.rpartition(" ")[2]


@pytest.mark.parametrize(
    "name", ["ann,bob", "bob, ann", "a\u202eb".encode().decode("latin-1"), "\xff", "a" * 201, "a\tb"]
)
def test_a_name_that_nobody_has_is_refused(client, services, name):
    """Servers join a header that a client has sent and a proxy has not replaced but added to."""
    answer = client.get("/", headers={"X-Forwarded-User": name}, environ_base=PROXY)
    assert answer.status_code == 403
    assert services.people.users.any() is False


def test_a_header_that_was_sent_twice_is_refused(client, services):
    answer = client.get("/", headers=[*ANN.items(), *ANN.items()], environ_base=PROXY)
    assert answer.status_code == 403


@pytest.mark.parametrize("name", ["ann@example.org", "Zoë".encode().decode("latin-1"), " ann "])
def test_a_name_is_utf_8(client, services, name):
    assert client.get("/", headers={"X-Forwarded-User": name}, environ_base=PROXY).status_code == 200
    [user] = services.people.users.all()
    assert user.name in ("ann@example.org", "Zoë", "ann")


@pytest.mark.parametrize("value", ["", "   "])
def test_an_empty_header_is_nobody(client, services, value):
    for peer in (PROXY, STRANGER):
        answer = client.get("/tasks", headers={"X-Forwarded-User": value}, environ_base=peer)
        assert answer.status_code == 303
    assert services.people.users.any() is False


@pytest.mark.parametrize(
    ("groups", "role"),
    [("", Role.VIEWER), ("admins", Role.ADMINISTRATOR), ("x,admins", Role.ADMINISTRATOR),
     ("ops|x", Role.OPERATOR), ("Admins", Role.VIEWER), ("admins2", Role.VIEWER), ("*", Role.VIEWER),
     (" ops ,", Role.OPERATOR)],
)  # fmt: skip
def test_groups_have_roles(client, services, groups, role):
    client.get("/", headers={**ANN, "X-Forwarded-Groups": groups}, environ_base=PROXY)
    assert services.people.users.by_name("ann").role is role


def test_a_person_without_a_role_stays_out(make, services):
    client = make(PROXY_ROLES="ops=operator")
    assert client.get("/", headers=ANN, environ_base=PROXY).status_code == 403
    assert (
        client.get("/", headers={**ANN, "X-Forwarded-Groups": "ops"}, environ_base=PROXY).status_code == 200
    )
    assert client.get("/", headers=ANN, environ_base=PROXY).status_code == 403


def test_a_disabled_user_stays_out(client, services):
    client.get("/", headers=ANN, environ_base=PROXY)
    services.people.users.disable(services.people.users.by_name("ann").id)
    assert client.get("/", headers=ANN, environ_base=PROXY).status_code == 403


def test_a_user_of_the_same_name_is_somebody_else(client, services):
    ours = services.people.users.add("ann", Role.ADMINISTRATOR)
    client.get("/", headers=ANN, environ_base=PROXY)
    theirs = services.people.users.by_name("ann@proxy")
    assert (theirs.role, services.people.users.get(ours.id).role) == (Role.VIEWER, Role.ADMINISTRATOR)


def test_the_header_comes_before_a_session(client, services):
    administrator = signed_in(client, services, environ_base=PROXY)
    said = text_of(administrator.get("/profile", headers=ANN, environ_base=PROXY).text)
    assert "Signed in as ann" in said and "Viewer" in said


def test_forms_need_the_token_of_the_browsers_cookie(client, new_task, services):
    headers = {**ANN, "X-Forwarded-Groups": "ops"}
    path = f"/tasks/{new_task(owner='somebody').id}"
    assert client.post(f"{path}/cancel", headers=headers, environ_base=PROXY).status_code == 400
    token = token_of(client.get(path, headers=headers, environ_base=PROXY).text)
    for cookie in (False, True):
        browser = client if cookie else client.application.test_client()
        answer = browser.post(
            f"{path}/cancel", data={"csrf_token": token}, headers=headers, environ_base=PROXY
        )
        assert answer.status_code == (303 if cookie else 400)
    entry = services.db.audit.find_one({"event": "task.cancel"})
    assert (entry["name"], entry["via"]) == ("ann", "proxy")


def test_signing_out_is_the_proxys(client):
    client.application.config["WTF_CSRF_ENABLED"] = False
    answer = client.post("/sign-out", headers=ANN, environ_base=PROXY)
    assert answer.status_code == 409
    assert client.post("/sign-out", environ_base=PROXY).status_code == 401


def test_the_sign_in_page_leads_on(client):
    answer = client.get("/sign-in?next=/tasks", headers=ANN, environ_base=PROXY)
    assert (answer.status_code, answer.location) == (303, "/tasks")


@pytest.mark.parametrize("peer", [PROXY, STRANGER])
def test_without_the_setting_the_header_is_nothing(services, peer):
    client = create_app(load({**LOCAL, "WEB_HOSTS": "x"}), services).test_client()
    assert client.get("/tasks", headers=ANN, environ_base=peer).status_code == 303
    assert services.people.users.any() is False
