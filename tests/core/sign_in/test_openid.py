"""Sign in with a real provider that runs in this process, and with one that lies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import oidc_provider_mock
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from app.core.errors import Conflict, Forbidden, Invalid, Unavailable
from app.core.people.person import Origin
from app.core.people.roles import Role
from app.core.services import Services
from app.core.sign_in.administration import COMMAND
from app.core.single_sign_on import openid as module
from app.core.single_sign_on.openid import OpenID
from app.core.single_sign_on.providers import Provider, read_providers
from config import SettingsError

# What the provider in these tests is built with, and how it uses that, is not up to us.
pytestmark = pytest.mark.filterwarnings("ignore:get_jwt_config:DeprecationWarning")

BACK = "http://localhost:8000/sign-in/with/company/back"


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with oidc_provider_mock.run_server_in_thread() as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
def company(issuer: str) -> Provider:
    return Provider(
        name="company",
        title="Company",
        issuer=issuer,
        client_id="queue",
        client_secret="s3cret",  # noqa: S106 - of a provider that takes any
        scopes=("openid", "profile"),
        name_claim="preferred_username",
        groups_claim="groups",
        roles={"admins": Role.ADMINISTRATOR, "ops": Role.OPERATOR, "*": Role.VIEWER},
    )


@pytest.fixture
def openid(services: Services, company: Provider) -> OpenID:
    return OpenID(services.db, {"company": company})


def known(issuer: str, subject: str, **claims: Any) -> None:
    httpx.put(f"{issuer}/users/{subject}", json=claims).raise_for_status()


def signed_in(url: str, subject: str) -> dict[str, str]:
    """What the provider sends the browser back with, once its person has said who they are."""
    answer = httpx.post(url, data={"sub": subject})
    assert answer.status_code in (302, 303), answer.text
    assert answer.headers["location"].startswith(BACK)
    return {name: texts[0] for name, texts in parse_qs(urlsplit(answer.headers["location"]).query).items()}


def test_a_person_signs_in(openid, issuer):
    known(issuer, "a1", preferred_username="ann", groups=["ops", "others"])
    url, state = openid.begin("company", BACK)
    assert {"code_challenge", "nonce", "state"} <= parse_qs(urlsplit(url).query).keys()
    found = openid.finish("company", BACK, signed_in(url, "a1"), state)
    assert (found.provider, found.subject, found.name, found.role) == ("company", "a1", "ann", Role.OPERATOR)
    assert found.groups == {"ops", "others"}


def test_an_answer_works_once_and_in_its_own_browser(openid, issuer):
    known(issuer, "a1", preferred_username="ann")
    url, state = openid.begin("company", BACK)
    answer = signed_in(url, "a1")
    for other in ("", "x" * 43, openid.begin("company", BACK)[1]):
        with pytest.raises(Invalid):
            openid.finish("company", BACK, answer, other)
    openid.finish("company", BACK, answer, state)
    with pytest.raises(Invalid):
        openid.finish("company", BACK, answer, state)


def test_it_takes_no_longer_than_ten_minutes(openid, issuer, clock):
    known(issuer, "a1", preferred_username="ann")
    url, state = openid.begin("company", BACK)
    answer = signed_in(url, "a1")
    clock.advance(minutes=11)
    with pytest.raises(Invalid):
        openid.finish("company", BACK, answer, state)


def test_who_has_no_role_is_not_let_in(services, company, issuer):
    openid = OpenID(services.db, {"company": replace(company, roles={"admins": Role.ADMINISTRATOR})})
    known(issuer, "b1", preferred_username="bob", groups=["others"])
    url, state = openid.begin("company", BACK)
    with pytest.raises(Forbidden):
        openid.finish("company", BACK, signed_in(url, "b1"), state)


@pytest.mark.parametrize("groups", [None, 7, {"admins": 1}, [7, None], "others", []])
def test_groups_that_are_none_give_no_role(openid, issuer, groups):
    known(issuer, "c1", preferred_username="cleo", groups=groups)
    url, state = openid.begin("company", BACK)
    assert openid.finish("company", BACK, signed_in(url, "c1"), state).role is Role.VIEWER


@pytest.mark.parametrize(
    "changed",
    [
        {"error": "access_denied", "code": ""},
        {"code": ""},
        {"code": "wrong"},
        {"iss": "https://evil.example"},
    ],
)
def test_an_answer_that_is_wrong_lets_nobody_in(openid, issuer, changed):
    known(issuer, "a1", preferred_username="ann")
    url, state = openid.begin("company", BACK)
    with pytest.raises(Invalid):
        openid.finish("company", BACK, {**signed_in(url, "a1"), **changed}, state)


def test_there_is_no_such_provider(openid):
    with pytest.raises(Invalid):
        openid.begin("other", BACK)


def test_a_provider_that_is_away_or_another_one(services, company, issuer):
    for wrong in ("http://localhost:1", f"{issuer}/"):
        away = OpenID(services.db, {"company": replace(company, issuer=wrong)})
        with pytest.raises(Unavailable):
            away.begin("company", BACK)


def counted(monkeypatch) -> list[str]:
    """The addresses that are asked for, which all fail."""
    asked: list[str] = []

    def fail(address: str) -> None:
        asked.append(address)
        raise Unavailable(module.AWAY)

    monkeypatch.setattr(module, "_json", fail)
    return asked


def test_a_provider_that_is_away_is_not_asked_again_at_once(openid, monkeypatch):
    asked = counted(monkeypatch)
    for _ in range(3):
        with pytest.raises(Unavailable):
            openid.begin("company", BACK)
    assert len(asked) == 1
    openid._known["company"].away_until = 0
    with pytest.raises(Unavailable):
        openid.begin("company", BACK)
    assert len(asked) == 2


def test_what_a_provider_published_is_used_while_it_is_away(openid, monkeypatch):
    openid.begin("company", BACK)
    openid._known["company"].read_at -= module.METADATA_FOR_S
    asked = counted(monkeypatch)
    openid.begin("company", BACK)
    assert len(asked) == 1


def test_nobody_waits_for_a_thread_that_asks_where_something_is_known(openid, monkeypatch):
    openid.begin("company", BACK)
    openid._known["company"].read_at -= module.METADATA_FOR_S
    asked = counted(monkeypatch)
    with openid._known["company"].lock:
        openid.begin("company", BACK)
    assert asked == []


def test_where_nothing_is_known_the_wait_ends(openid, monkeypatch):
    monkeypatch.setattr(module, "TIMEOUT_S", 0.05)
    with openid._known["company"].lock, pytest.raises(Unavailable):
        openid.begin("company", BACK)


# An ID token that is not what it should be


class Liar:
    """Stands between us and the provider: what it signs, and what it says of itself, is up to the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, openid: OpenID, issuer: str) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "k", "use": "sig", "alg": "RS256"})
        self.header: dict[str, Any] = {"alg": "RS256", "kid": "k"}
        self.claims: dict[str, Any] = {}
        self.openid, self.issuer = openid, issuer
        self.signing: Any = self.key
        monkeypatch.setattr(openid, "_token", self.token)
        monkeypatch.setattr(openid, "_userinfo", lambda *given: {})
        monkeypatch.setattr(module, "_json", self.json)

    def json(self, address: str) -> dict[str, Any]:
        if address.endswith("jwks"):
            return {"keys": [self.key.as_dict(private=False)]}
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/auth",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
        }

    def token(self, *given: Any) -> dict[str, Any]:
        return {"access_token": "x", "id_token": jwt.encode(self.header, self.claims, self.signing)}

    def sign_in(self, **changed: Any) -> Any:
        url, state = self.openid.begin("company", BACK)
        nonce = parse_qs(urlsplit(url).query)["nonce"][0]
        now = int(module.utcnow().timestamp())
        right = {
            "iss": self.issuer, "aud": "queue", "sub": "a1", "exp": now + 300, "iat": now, "nonce": nonce,
            "preferred_username": "ann",
        }  # fmt: skip
        self.claims = {name: value for name, value in {**right, **changed}.items() if value != "absent"}
        return self.openid.finish("company", BACK, {"state": state, "code": "c"}, state)


@pytest.fixture
def liar(monkeypatch: pytest.MonkeyPatch, openid: OpenID, issuer: str) -> Liar:
    return Liar(monkeypatch, openid, issuer)


def test_a_right_token_is_taken(liar):
    assert liar.sign_in().name == "ann"
    assert liar.sign_in(aud=["queue", "other"], azp="queue").name == "ann"


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://evil.example"},
        {"aud": "another"},
        {"aud": ["another", "queue"], "azp": "another"},
        {"exp": 1},
        {"iat": 2**40},
        {"nonce": "another"},
        *({name: "absent"} for name in ("iss", "aud", "sub", "exp", "iat", "nonce")),
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 256},
        {"exp": "soon"},
    ],
)  # fmt: skip
def test_a_claim_that_is_wrong_lets_nobody_in(liar, changed):
    with pytest.raises(Invalid):
        liar.sign_in(**changed)


def test_a_token_that_nobody_signed_lets_nobody_in(liar):
    liar.signing = RSAKey.generate_key(2048, {"kid": "k"})
    with pytest.raises(Invalid):
        liar.sign_in()


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_an_algorithm_without_a_private_key_lets_nobody_in(liar, monkeypatch, algorithm):
    import base64
    import hmac

    def encode(part: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")

    def forged(*given: Any) -> dict[str, Any]:
        text = f"{encode({'alg': algorithm, 'kid': 'k'})}.{encode(liar.claims)}"
        signature = ""
        if algorithm == "HS256":
            made = hmac.new(b"s3cret", text.encode(), "sha256").digest()
            signature = base64.urlsafe_b64encode(made).decode().rstrip("=")
        return {"access_token": "x", "id_token": f"{text}.{signature}"}

    monkeypatch.setattr(liar.openid, "_token", forged)
    with pytest.raises(Invalid):
        liar.sign_in()


def test_keys_that_changed_are_read_again(liar):
    liar.sign_in()
    liar.key = RSAKey.generate_key(2048, {"kid": "new", "use": "sig", "alg": "RS256"})
    liar.signing, liar.header = liar.key, {"alg": "RS256", "kid": "new"}
    assert liar.sign_in().name == "ann"


# Users of providers


def test_a_name_that_somebody_has_is_no_way_to_be_them(services):
    users = services.people.users
    ann = users.add("ann", Role.ADMINISTRATOR)
    first = users.external("company", "a1", "ann", Role.VIEWER, ["ops", "<bad>"])
    second = users.external("company", "a2", "Ann", Role.VIEWER, [])
    other = users.external("other", "a1", "ann", Role.VIEWER, [])
    assert len({ann.id, first.id, second.id, other.id}) == 4
    assert (first.name, first.groups) == ("ann@company", ("ops",))
    assert (second.name, other.name) == ("Ann@company-2", "ann@other")


def test_role_and_groups_are_the_providers_each_time(services):
    users = services.people.users
    ann = users.external("company", "a1", "ann", Role.ADMINISTRATOR, ["x"])
    again = users.external("company", "a1", "renamed", Role.VIEWER, [])
    assert (again.id, again.name, again.role, again.groups) == (ann.id, "ann", Role.VIEWER, ())


@pytest.mark.parametrize("name", ["", "<script>", "\u202e", "x" * 500, "a\nb", "𝒜nn"])
def test_any_name_of_a_provider_becomes_one_of_ours(services, name):
    assert services.people.users.external("company", name or "s", name, Role.VIEWER, []).name


def test_a_user_of_a_provider_is_changed_there(services):
    ann = services.people.users.external("company", "a1", "ann", Role.VIEWER, [])
    admin = services.administration
    with pytest.raises(Conflict):
        admin.reset(ann, COMMAND, Origin())
    with pytest.raises(Conflict):
        admin.set_role(ann, Role.ADMINISTRATOR, COMMAND, Origin())
    with pytest.raises(Conflict):
        admin.set_groups(ann, ["x"], COMMAND, Origin())
    with pytest.raises(Forbidden):
        services.sign_in.change_password(ann, "", "correct horse battery", "", Origin())
    admin.disable(ann, COMMAND, Origin())
    found = services.people.users.get(ann.id)
    assert (found.role, found.groups, found.password_hash, found.enabled) == (Role.VIEWER, (), None, False)


# The file


GOOD = """
[company]
issuer = "https://login.example.org"
client_id = "queue"
client_secret = "s3cret"
roles = { admins = "administrator", "*" = "viewer" }
"""


def test_the_file_names_the_providers(tmp_path):
    (tmp_path / "secret").write_text("s3cret\n")
    file = tmp_path / "providers.toml"
    secret_file = f'client_secret_file = "{tmp_path}/secret"'
    other = GOOD.replace("[company]", "[other]").replace('client_secret = "s3cret"', secret_file)
    file.write_text(GOOD + other)
    found = read_providers(str(file))
    assert (found["company"].title, found["other"].client_secret) == ("Company", "s3cret")
    assert found["company"].roles == {"admins": Role.ADMINISTRATOR, "*": Role.VIEWER}
    assert "s3cret" not in repr(found)
    assert read_providers("") == {}


@pytest.mark.parametrize(
    "text",
    [
        "[company]",
        "not toml s3cret",
        "company = 7",
        GOOD.replace("[company]", '["Company Inc"]'),
        GOOD.replace("[company]", "[proxy]"),
        GOOD.replace("https://login", "http://login"),
        GOOD.replace("https://login.example.org", "ftp://x"),
        GOOD.replace('"administrator"', '"king"'),
        GOOD + "surprise = 1",
        GOOD + 'client_secret_file = "/x"',
        GOOD.replace('client_secret = "s3cret"', 'client_secret_file = "/nowhere"'),
        GOOD + 'scopes = ["profile"]',
    ],
)
def test_what_is_wrong_with_it_is_said_without_its_secrets(tmp_path, text):
    file = tmp_path / "providers.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        read_providers(str(file))
    assert "IDENTITY_PROVIDERS" in str(caught.value) and "s3cret" not in str(caught.value)


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(SettingsError, match="IDENTITY_PROVIDERS"):
        read_providers(str(tmp_path / "none"))
