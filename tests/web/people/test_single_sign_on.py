"""Sign in with an identity provider that runs in this process, through the pages; and who gets no session."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import oidc_provider_mock
import pytest

from app import create_app
from app.core.people.roles import Role
from app.core.queue import connection
from app.core.single_sign_on import openid
from config import SettingsError, load
from setting_values import Rate
from tests.signing_in import signed_in, token_of
from tests.web.looking import text_of

# What the provider in these tests is built with, and how it uses that, is not up to us.
pytestmark = pytest.mark.filterwarnings("ignore:get_jwt_config:DeprecationWarning")

LOCAL = {"ENVIRONMENT": "local", "SECRET_KEY": "tests-only"}
BACK = "/sign-in/with/company/back"
FILE = """
[company]
title = "Company account"
issuer = "{issuer}"
client_id = "queue"
client_secret = "s3cret"
roles = {{ admins = "administrator", ops = "operator" }}
sign_out = "{sign_out}"

[other]
issuer = "http://localhost:1"
client_id = "queue"
client_secret = "s3cret"
roles = {{ "*" = "viewer" }}
"""


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with oidc_provider_mock.run_server_in_thread() as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
def make(services, issuer, tmp_path):
    """Make the application with two providers, and more settings."""

    def made(**env: str) -> Any:
        file = tmp_path / "providers.toml"
        file.write_text(FILE.format(issuer=issuer, sign_out=env.pop("SIGN_OUT", "link")))
        return create_app(load({**LOCAL, "IDENTITY_PROVIDERS": str(file), **env}), services)

    return made


@pytest.fixture
def app(make):
    return make()


@pytest.fixture
def stranger(app):
    return app.test_client()


@pytest.fixture
def ann(issuer):
    known(issuer, "a1", preferred_username="ann", groups=["ops"])


def known(issuer: str, subject: str, **claims: Any) -> None:
    httpx.put(f"{issuer}/users/{subject}", json=claims).raise_for_status()


def begin(client: Any, provider: str = "company", next: str = "", prefix: str = "", **more: Any) -> Any:
    token = token_of(client.get(f"{prefix}/sign-in", **more).text)
    values = {"csrf_token": token, **({"next": next} if next else {})}
    return client.post(f"{prefix}/sign-in/with/{provider}", data=values, **more)


def led_to(answer: Any) -> str:
    """Where the page leads by itself, and by its link."""
    assert answer.status_code == 200, text_of(answer.text)
    [by_itself] = re.findall(r'http-equiv="refresh" content="0; url=([^"]+)"', answer.text)
    assert f'href="{by_itself}"' in answer.text
    return unescape(by_itself)


def at_provider(address: str, subject: str = "a1", **data: str) -> str:
    """Where the provider sends the browser back to, without the host."""
    answer = httpx.post(address, data=data or {"sub": subject})
    assert answer.status_code in (302, 303), answer.text
    parts = urlsplit(answer.headers["location"])
    return f"{parts.path}?{parts.query}"


def failures(services) -> list[tuple[str, str]]:
    found = services.db.audit.find({"event": "sign_in", "outcome": "failed"})
    return [(entry["target"], entry["reason"]) for entry in found]


def test_a_person_signs_in_and_comes_to_the_page_that_was_asked_for(stranger, ann, services):
    page = stranger.get("/sign-in?next=/tasks%3Fstatus%3Dfailed").text
    assert "Company account" in page and "Other" in page
    address = led_to(begin(stranger, next="/tasks?status=failed"))
    assert parse_qs(urlsplit(address).query)["redirect_uri"] == [f"http://localhost{BACK}"]
    before = token_of(stranger.get("/sign-in").text)
    answer = stranger.get(at_provider(address))
    assert (answer.status_code, answer.location) == (303, "/tasks?status=failed")
    assert token_of(stranger.get("/tasks").text) != before

    user = services.people.users.by_name("ann")
    assert (user.role, user.groups, user.provider) == (Role.OPERATOR, ("ops",), "company")
    [session] = services.people.sessions.of_user(user.id)
    assert session.factors == ("oidc",)
    entry = services.db.audit.find_one({"event": "sign_in"})
    assert (entry["who"], entry["outcome"], entry["after"]) == (user.id, "done", {"factors": ["oidc"]})
    assert services.db.audit.find_one({"event": "user.add"})["after"]["provider"] == "company"


def test_what_has_changed_at_the_provider_holds_at_the_next_sign_in(app, stranger, ann, services, issuer):
    stranger.get(at_provider(led_to(begin(stranger))))
    stranger.get(at_provider(led_to(begin(app.test_client()))))  # another browser's: not this one's
    assert services.db.audit.count_documents({"event": "user.change"}) == 0
    known(issuer, "a1", preferred_username="anne", groups=["admins"])
    again = app.test_client()
    again.get(at_provider(led_to(begin(again))))
    [user] = services.people.users.all()
    assert (user.name, user.role) == ("ann", Role.ADMINISTRATOR)
    entry = services.db.audit.find_one({"event": "user.change"})
    assert (entry["before"]["role"], entry["after"]["role"]) == ("operator", "administrator")


def signed_out(client: Any) -> str:
    """Sign out; returns the page after it."""
    answer = client.post("/sign-out", data={"csrf_token": token_of(client.get("/").text)})
    assert answer.location == "/sign-in" and client.get("/").status_code == 303
    return client.get("/sign-in").text


def test_after_signing_out_the_page_leads_to_the_providers_own_sign_out(stranger, ann, issuer):
    stranger.get(at_provider(led_to(begin(stranger))))
    page = signed_out(stranger)
    assert "You are signed out here." in text_of(page) and "sign out of Company account" in text_of(page)
    [address] = re.findall(rf'href="({issuer}/[^"]+)"', page)
    assert address == f"{issuer}/oauth2/end_session?client_id=queue"
    assert httpx.get(address).status_code == 200


@pytest.mark.parametrize("endpoint", [None, 5, "javascript:alert(1)", "ftp://localhost/end"])
def test_a_provider_without_a_sign_out_of_its_own_gets_no_link(app, stranger, ann, endpoint):
    stranger.get(at_provider(led_to(begin(stranger))))
    known = app.extensions["single_sign_on"].openid._known["company"]
    known.metadata = {**known.metadata, "end_session_endpoint": endpoint}
    assert "You are signed out." in text_of(signed_out(stranger))


def at_sign_out(issuer: str, address: str) -> str:
    """Confirm signing out at the provider; returns where it sends the browser, without the host."""
    page = httpx.get(address)
    assert page.status_code == 200 and address.startswith(f"{issuer}/oauth2/end_session?")
    fields = dict(re.findall(r'name="(\w+)"\s+value="([^"]*)"', page.text))
    answer = httpx.post(
        f"{issuer}/oauth2/end_session/confirm", data={k: unescape(v) for k, v in fields.items()}
    )
    parts = urlsplit(answer.headers["location"])
    return f"{parts.path}?{parts.query}"


def test_signing_out_leads_to_the_provider_and_back(make, ann, issuer, services):
    client = make(SIGN_OUT="provider").test_client()
    client.get(at_provider(led_to(begin(client))))
    answer = client.post("/sign-out", data={"csrf_token": token_of(client.get("/").text)})
    assert services.db.sessions.count_documents({}) == 0
    address = led_to(answer)
    query = parse_qs(urlsplit(address).query)
    assert (query["client_id"], "id_token_hint" in query) == (["queue"], False)
    assert query["post_logout_redirect_uri"] == ["http://localhost/sign-in/with/company/signed-out"]
    back = at_sign_out(issuer, address)
    assert client.get(back).location == "/sign-in"
    assert "You are signed out here and at Company account." in text_of(client.get("/sign-in").text)
    client.get(back)
    assert "signed out" not in text_of(client.get("/sign-in").text)


@pytest.mark.parametrize("state", ["", "x", "\u00e9", "x" * 5000])
def test_nobody_is_told_of_a_sign_out_that_this_browser_did_not_begin(stranger, state):
    assert (
        stranger.get(f"{BACK.removesuffix('/back')}/signed-out", query_string={"state": state}).status_code
        == 303
    )
    assert "signed out" not in text_of(stranger.get("/sign-in").text)
    assert stranger.get("/sign-in/with/nobody/signed-out").status_code == 404


def test_a_provider_may_be_left_out_of_signing_out(make, ann):
    client = make(SIGN_OUT="here").test_client()
    client.get(at_provider(led_to(begin(client))))
    assert "You are signed out." in text_of(signed_out(client))


def test_a_session_ends_whatever_the_provider_does(app, stranger, ann, services):
    stranger.get(at_provider(led_to(begin(stranger))))
    known = app.extensions["single_sign_on"].openid._known["company"]
    known.metadata, known.read_at = {}, -openid.METADATA_FOR_S
    known.away_until = float("inf")
    assert "You are signed out." in text_of(signed_out(stranger))
    assert services.db.sessions.count_documents({}) == 0


def test_nothing_begins_by_a_get_or_a_forged_form(stranger):
    assert stranger.get("/sign-in/with/company").status_code == 405
    assert stranger.post("/sign-in/with/company").status_code == 400
    forged = {"Sec-Fetch-Site": "cross-site"}
    token = token_of(stranger.get("/sign-in").text)
    answer = stranger.post("/sign-in/with/company", data={"csrf_token": token}, headers=forged)
    assert answer.status_code == 403


def refused(client, address, status):
    answer = client.get(address)
    assert answer.status_code == status
    assert "Company account" in answer.text, "the sign-in page, to try again"
    assert client.get("/").status_code == 303
    return answer


def test_an_answer_in_a_browser_that_did_not_begin_signs_nobody_in(app, ann, services):
    """Login CSRF: somebody gives another the address by which they themselves would be signed in."""
    begun = app.test_client()
    address = at_provider(led_to(begin(begun)))
    refused(app.test_client(), address, 400)
    other = app.test_client()
    led_to(begin(other))
    refused(other, address, 400)
    assert failures(services) == [("company", "state")] * 2
    assert services.people.users.by_name("ann") is None
    assert begun.get(address).status_code == 303, "and it is not used up by that"


def test_an_answer_works_once(app, stranger, ann, services):
    address = at_provider(led_to(begin(stranger)))
    assert stranger.get(address).status_code == 303
    services.people.sessions.end_all(services.people.users.by_name("ann").id)
    refused(stranger, address, 400)


@pytest.mark.parametrize("change", ["", "x" * 43, "state=", "wrong"])
def test_a_wrong_state_signs_nobody_in(stranger, ann, services, change):
    address = at_provider(led_to(begin(stranger)))
    changed = re.sub(r"state=[^&]*", f"state={change}" if change != "state=" else "", address)
    refused(stranger, changed, 400)
    assert failures(services) == [("company", "state")]


def test_an_answer_for_another_provider_signs_nobody_in(stranger, ann, services):
    address = at_provider(led_to(begin(stranger))).replace("/company/", "/other/")
    refused(stranger, address, 400)
    assert failures(services) == [("other", "state")]


def test_several_tabs_sign_in_at_the_same_time_and_not_any_number(stranger, ann):
    addresses = [led_to(begin(stranger, next=f"/tasks?q={tab}")) for tab in "abcde"]
    with stranger.session_transaction() as session:
        assert len(session["single_sign_on"]) == 4
    answers = [stranger.get(at_provider(address)) for address in (addresses[1], addresses[0])]
    assert (answers[0].location, answers[1].status_code) == ("/tasks?q=b", 400)


def test_an_error_of_the_provider_is_said_and_written_down(stranger, services, caplog):
    state = parse_qs(urlsplit(led_to(begin(stranger))).query)["state"][0]
    refused(stranger, f"{BACK}?state={state}&error=access_denied&error_description=%0Aforged", 403)
    assert failures(services) == [("company", "provider")]
    assert "access_denied" in caplog.text and "forged" not in caplog.text


def test_a_person_without_a_role_stays_out(stranger, services, issuer):
    known(issuer, "b1", preferred_username="bob", groups=["others"])
    refused(stranger, at_provider(led_to(begin(stranger)), "b1"), 403)
    assert failures(services) == [("company", "no_role")]
    assert services.people.users.all() == []


def test_a_disabled_user_stays_out(app, stranger, ann, services):
    stranger.get(at_provider(led_to(begin(stranger))))
    services.people.users.disable(services.people.users.by_name("ann").id)
    assert stranger.get("/").status_code == 303, "the open session has no effect"
    other = app.test_client()
    refused(other, at_provider(led_to(begin(other))), 403)
    assert failures(services) == [("company", "disabled")]


def test_a_provider_that_is_away_is_said_in_a_sentence(stranger, services):
    answer = begin(stranger, "other", next="/tasks")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert openid.AWAY in text_of(answer.text)
    assert 'name="next" value="/tasks"' in answer.text
    assert services.db.challenges.count_documents({}) == 0
    told = stranger.post(
        "/sign-in/with/other",
        data={"csrf_token": token_of(answer.text)},
        headers={"Accept": "application/json"},
    )
    assert (told.status_code, told.mimetype) == (503, "application/problem+json")


def test_a_provider_that_goes_away_in_between_is_said_as_well(app, stranger, ann, services, monkeypatch):
    address = at_provider(led_to(begin(stranger)))
    core = app.extensions["single_sign_on"].openid
    core._known["company"].metadata["token_endpoint"] = "http://localhost:1/token"
    answer = refused(stranger, address, 503)
    assert answer.headers["Retry-After"] == "5"
    assert failures(services) == [("company", "away")]


@pytest.mark.parametrize("path", ["/sign-in/with/none/back", "/sign-in/with/proxy/back"])
def test_there_is_no_other_provider(stranger, client, path):
    assert (stranger.get(path).status_code, client.get(path).status_code) == (404, 404)
    assert begin(stranger, "none").status_code == 404


@pytest.mark.parametrize("address", ["//evil.example", "https://evil.example", "/\\evil", "/" + "a" * 500])
def test_it_leads_to_no_other_server(stranger, ann, address):
    answer = stranger.get(at_provider(led_to(begin(stranger, next=address))))
    assert (answer.status_code, answer.location) == (303, "/")


@pytest.mark.parametrize(
    ("env", "headers", "expected"),
    [
        ({}, {}, f"http://localhost{BACK}"),
        ({}, {"X-Forwarded-Host": "evil.example"}, f"http://localhost{BACK}"),
        ({"WEB_PREFIX": "/queue"}, {}, f"http://localhost/queue{BACK}"),
        (
            {"WEB_PROXIES": "1", "WEB_HOSTS": "tasks.example.org", "WEB_PREFIX": "/queue"},
            {
                "X-Forwarded-Host": "tasks.example.org",
                "X-Forwarded-Proto": "https",
                "Referer": "https://tasks.example.org/queue/sign-in",
            },
            f"https://tasks.example.org/queue{BACK}",
        ),
    ],
)
def test_the_provider_sends_the_browser_back_to_the_public_address(make, env, headers, expected):
    client = make(**env).test_client()
    base = "https://tasks.example.org" if "WEB_PROXIES" in env else "http://localhost"
    prefix = env.get("WEB_PREFIX", "")
    address = led_to(begin(client, prefix=prefix, headers=headers, base_url=base))
    assert parse_qs(urlsplit(address).query)["redirect_uri"] == [expected]


def test_failures_of_one_address_are_counted_and_others_still_sign_in(app, stranger, ann, services):
    services.sign_in.throttle.per_address = Rate(2, 3600)
    assert [stranger.get(f"{BACK}?state=x").status_code for _ in range(4)] == [400, 400, 429, 429]
    assert len(failures(services)) == 2
    assert stranger.get(at_provider(led_to(begin(stranger)))).status_code == 303


def test_it_works_without_redis(stranger, ann, services, monkeypatch):
    monkeypatch.setattr(services.queues, "redis", connection.connect("redis://127.0.0.1:1/0", 200))
    refused(stranger, f"{BACK}?state=x", 400)
    assert failures(services) == [("company", "state")]
    assert stranger.get(at_provider(led_to(begin(stranger)))).status_code == 303


# What is managed elsewhere


def test_the_profile_says_where_a_person_is_managed(stranger, ann, services):
    stranger.get(at_provider(led_to(begin(stranger))))
    page = stranger.get("/profile").text
    assert "You sign in with Company account." in text_of(page)
    assert 'action="/profile/password"' not in page
    values = {"password": "correct horse battery", "again": "correct horse battery"}
    answer = stranger.post("/profile/password", data={"csrf_token": token_of(page), **values})
    assert answer.status_code == 403
    assert services.people.users.by_name("ann").password_hash is None


@pytest.mark.usefixtures("ann")
def test_a_person_of_ours_who_was_signed_in_is_signed_out_by_it(app, services):
    client = signed_in(app.test_client(), services)
    values = {"csrf_token": token_of(client.get("/").text)}
    client.get(at_provider(led_to(client.post("/sign-in/with/company", data=values))))
    assert services.people.sessions.of_user(services.people.users.local().id) == []
    assert "ann" in client.get("/profile").text


# Start-up


def test_a_bad_file_stops_the_start(services, tmp_path):
    with pytest.raises(SettingsError, match="IDENTITY_PROVIDERS"):
        create_app(load({**LOCAL, "IDENTITY_PROVIDERS": str(tmp_path / "none.toml")}), services)


def test_without_a_file_there_is_no_button(services):
    app = create_app(load(LOCAL), services)
    assert "/sign-in/with/" not in app.test_client().get("/sign-in").text
    assert app.test_client().get(BACK).status_code == 404
