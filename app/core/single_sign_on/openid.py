"""Sign in with an identity provider: OpenID Connect Core 1.0, authorization code flow with PKCE.

What was sent to the provider is remembered on the server under a hash of `state`, works once and for ten
minutes, and belongs to the browser that holds the same `state`. Authlib speaks OAuth and validates claims;
joserfc verifies signatures.
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast
from urllib.parse import urlencode

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, KeySetSerialization
from joserfc.jws import JWSRegistry

from app.core.clock import utcnow
from app.core.errors import Forbidden, Invalid, Unavailable
from app.core.mongo import Mongo
from app.core.people.random_tokens import is_token, new_token
from app.core.people.roles import Role
from app.core.sign_in.challenges import Challenges
from app.core.single_sign_on.providers import Provider
from app.core.tasks.task import one_line

STATE_FOR = timedelta(minutes=10)
TIMEOUT_S = 5.0
METADATA_FOR_S = 3600.0
AWAY_FOR_S = 5.0
"""How long a provider that did not answer is not asked again: each try holds a thread."""
LEEWAY_S = 60
MOST_GROUPS = 500
ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
)  # fmt: skip
"""Signatures by a private key. HS256 would be the client's own secret, and `none` is none."""
OVER = "The sign-in took too long, or began in another browser. Start again."
REFUSED = "The identity provider did not sign you in. Try again, or contact your administrator."
AWAY = "The identity provider does not answer. Try again in a moment."
NO_ROLE = "Your account there has no access here. Ask your administrator for it."


@dataclass(frozen=True)
class Identity:
    """Somebody as a provider knows them; ``subject`` never changes there."""

    provider: str
    subject: str
    name: str
    groups: frozenset[str]
    role: Role


class Over(Invalid):
    """What came back does not belong to a sign-in that this browser began, or did so too long ago."""

    status = 400
    title = "Not signed in"


class Refused(Invalid):
    """The provider did not say who it is, or what it said cannot be trusted."""

    status = 403
    title = "Not signed in"


class NoRole(Forbidden):
    """The provider knows the person, and none of their groups has a role here."""

    title = "Not signed in"


@dataclass
class _Known:
    """What a provider publishes of itself, for an hour."""

    metadata: dict[str, Any] = field(default_factory=dict)
    keys: dict[str, Any] = field(default_factory=dict)
    read_at: float = -METADATA_FOR_S
    away_until: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


class OpenID:
    """Sign-in with the providers of one installation, over the challenges of `db`."""

    def __init__(self, db: Mongo, providers: Mapping[str, Provider]) -> None:
        self._challenges = Challenges(db, "provider", STATE_FOR)
        self.providers = providers
        self._known: dict[str, _Known] = {name: _Known() for name in providers}

    def begin(self, name: str, redirect_uri: str) -> tuple[str, str]:
        """Return where to send the browser, and the `state` that it has to keep.

        Raises Invalid for a name that is no provider, Unavailable where the provider does not answer.
        """
        provider = self._provider(name)
        metadata = self._discovered(provider).metadata
        state, nonce, verifier = new_token(), new_token(), secrets.token_urlsafe(48)
        with self._client(provider, redirect_uri) as client:
            url, _ = client.create_authorization_url(
                metadata["authorization_endpoint"], state=state, nonce=nonce, code_verifier=verifier
            )
        self._challenges.keep(state, provider=name, nonce=nonce, verifier=verifier)
        return str(url), state

    def finish(self, name: str, redirect_uri: str, answer: Mapping[str, str], state: str) -> Identity:
        """Return who signed in, from what the provider sent the browser back with.

        ``state`` is the browser's own. Raises Over, Refused, NoRole, Unavailable.
        """
        provider = self._provider(name)
        sent = answer.get("state", "")
        same = is_token(sent) and secrets.compare_digest(sent.encode(), state.encode())
        begun = self._challenges.take(sent, provider=name) if same else None
        if begun is None:
            raise Over(OVER)
        if "error" in answer or not answer.get("code"):
            raise Refused(REFUSED)
        known = self._discovered(provider)
        # RFC 9207: a provider that says who it is must be the one that was asked.
        if answer.get("iss", known.metadata["issuer"]) != known.metadata["issuer"]:
            raise Refused(REFUSED)
        token = self._token(provider, redirect_uri, answer["code"], str(begun.get("verifier", "")))
        claims = self._claims(provider, token, str(begun.get("nonce", "")))
        return self._identity(provider, {**self._userinfo(provider, token, claims), **claims})

    def end_address(self, name: str, **back: str) -> str | None:
        """Return where a person can sign out at a provider (OpenID Connect RP-Initiated Logout 1.0).

        None where the provider offers no such page, or does not answer. The address names the client and
        nothing of the person, so the provider may ask them first. ``back`` is `post_logout_redirect_uri`
        and `state`, where the provider is to lead back.
        """
        try:
            metadata = self._discovered(self._provider(name)).metadata
        except (Invalid, Unavailable):
            return None
        endpoint = metadata.get("end_session_endpoint")
        if not isinstance(endpoint, str) or not _safe(endpoint, metadata["issuer"]):
            return None
        sign = "&" if "?" in endpoint else "?"
        return f"{endpoint}{sign}{urlencode({'client_id': self.providers[name].client_id, **back})}"

    def _provider(self, name: str) -> Provider:
        if provider := self.providers.get(name):
            return provider
        raise Invalid("There is no such identity provider.")

    def _client(self, provider: Provider, redirect_uri: str, token: Any = None) -> OAuth2Client:
        return OAuth2Client(
            provider.client_id,
            provider.client_secret,
            scope=" ".join(provider.scopes),
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            token=token,
            timeout=TIMEOUT_S,
            follow_redirects=False,
            trust_env=False,
        )

    def _discovered(self, provider: Provider) -> _Known:
        """Return what the provider publishes, read at most once an hour. Raises Unavailable.

        What was read before is used while the provider does not answer.
        """
        known = self._known[provider.name]
        if time.monotonic() - known.read_at < METADATA_FOR_S:
            return known
        # One thread asks. The others do not wait for a provider that is away: they answer other pages, too.
        if known.lock.acquire(timeout=0 if known.metadata else TIMEOUT_S):
            try:
                self._refresh(provider, known)
            finally:
                known.lock.release()
        if not known.metadata:
            raise Unavailable(AWAY)
        return known

    def _refresh(self, provider: Provider, known: _Known) -> None:
        """Read what the provider publishes, unless another thread has just done so, or has just failed to."""
        now = time.monotonic()
        if now - known.read_at < METADATA_FOR_S or now < known.away_until:
            return
        try:
            self._read(provider, known)
        except Unavailable:
            known.away_until = time.monotonic() + AWAY_FOR_S
            if not known.metadata:
                raise

    def _read(self, provider: Provider, known: _Known) -> None:
        metadata = _json(provider.issuer.rstrip("/") + "/.well-known/openid-configuration")
        wanted = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        issuer = metadata.get("issuer")
        if issuer != provider.issuer or not all(_safe(metadata.get(name), issuer) for name in wanted):
            raise Unavailable(
                f"The identity provider “{provider.title}” does not describe itself as "
                f"{provider.issuer}. Contact your administrator."
            )
        known.keys = _json(metadata["jwks_uri"])
        known.metadata, known.read_at = metadata, time.monotonic()

    def _token(self, provider: Provider, redirect_uri: str, code: str, verifier: str) -> Mapping[str, Any]:
        endpoint = self._discovered(provider).metadata["token_endpoint"]
        try:
            with self._client(provider, redirect_uri) as client:
                token = client.fetch_token(endpoint, code=code, code_verifier=verifier)
        except AuthlibBaseError as error:
            raise Refused(REFUSED) from error
        except httpx2.HTTPStatusError as error:
            raise (Unavailable(AWAY) if error.response.status_code >= 500 else Refused(REFUSED)) from error
        except (httpx2.HTTPError, ValueError) as error:
            raise Unavailable(AWAY) from error
        return dict(token)

    def _claims(self, provider: Provider, token: Mapping[str, Any], nonce: str) -> dict[str, Any]:
        """Return the claims of the ID token, verified. Raises Refused."""
        id_token = token.get("id_token")
        try:
            decoded = self._decoded(provider, str(id_token))
            claims = CodeIDToken(
                decoded.claims,
                decoded.header,
                {"iss": {"essential": True, "value": provider.issuer},
                 "aud": {"essential": True, "value": provider.client_id},
                 "nonce": {"essential": True, "value": nonce}},
                {"nonce": nonce, "client_id": provider.client_id, "access_token": token.get("access_token")},
            )  # fmt: skip
            claims.validate(now=int(utcnow().timestamp()), leeway=LEEWAY_S)
        except (JoseError, AuthlibBaseError, ValueError, TypeError, KeyError) as error:
            raise Refused(REFUSED) from error
        return dict(claims)

    def _decoded(self, provider: Provider, id_token: str) -> jwt.Token:
        """Verify the signature; keys that the provider has changed since are read again, once."""
        known = self._discovered(provider)
        registry = JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
        try:
            return jwt.decode(id_token, _key_set(known.keys), registry=registry)
        except (JoseError, ValueError):
            keys = _json(known.metadata["jwks_uri"])
            if keys == known.keys:
                raise
            known.keys = keys
            return jwt.decode(id_token, _key_set(keys), registry=registry)

    def _userinfo(
        self, provider: Provider, token: Mapping[str, Any], claims: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return what else the provider says, where the ID token lacks the name or the groups."""
        metadata = self._discovered(provider).metadata
        endpoint = metadata.get("userinfo_endpoint")
        complete = provider.name_claim in claims and provider.groups_claim in claims
        if complete or not isinstance(endpoint, str) or not _safe(endpoint, metadata["issuer"]):
            return {}
        try:
            with self._client(provider, "", token=dict(token)) as client:
                answer = client.get(endpoint)
                answer.raise_for_status()
                found = answer.json()
        except (AuthlibBaseError, httpx2.HTTPError, ValueError) as error:
            raise Unavailable(AWAY) from error
        # Core, 5.3.2: what another subject's answer says is not to be used.
        if not isinstance(found, dict) or found.get("sub") != claims.get("sub"):
            raise Refused(REFUSED)
        return found

    def _identity(self, provider: Provider, claims: Mapping[str, Any]) -> Identity:
        subject = claims.get("sub")
        if not isinstance(subject, str) or not 0 < len(subject) <= 255:
            raise Refused(REFUSED)
        found = claims.get(provider.groups_claim)
        listed = [found] if isinstance(found, str) else found if isinstance(found, list) else []
        groups = frozenset(group for group in listed[:MOST_GROUPS] if isinstance(group, str))
        role = provider.role_of(groups)
        if role is None:
            raise NoRole(NO_ROLE)
        name = claims.get(provider.name_claim) or claims.get("email") or claims.get("name") or subject
        return Identity(provider.name, subject, one_line(str(name))[:200], groups, role)


def _key_set(keys: dict[str, Any]) -> KeySet:
    """Raises JoseError, ValueError."""
    return KeySet.import_key_set(cast(KeySetSerialization, keys))


def _json(address: str) -> dict[str, Any]:
    """Raises Unavailable."""
    try:
        answer = httpx2.get(address, timeout=TIMEOUT_S, follow_redirects=False, trust_env=False)
        answer.raise_for_status()
        found = answer.json()
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        raise Unavailable(AWAY) from error
    if not isinstance(found, dict):
        raise Unavailable(AWAY)
    return found


def _safe(address: object, issuer: object) -> bool:
    """Return whether an address of a provider is as well protected as the issuer's own."""
    if not isinstance(address, str) or not re.match(r"https?://[^\s]+\Z", address):
        return False
    return address.startswith("https://") or str(issuer).startswith("http://")
