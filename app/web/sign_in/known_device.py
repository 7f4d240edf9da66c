"""The cookie of a browser in which an account has signed in before.

It proves nothing about who somebody is. It only gives the account tries of its own, so that somebody who
floods the account with tries from elsewhere does not lock its owner out (`app.core.sign_in.throttle`).
"""

from __future__ import annotations

from flask import Response, current_app, request
from itsdangerous import BadSignature, URLSafeTimedSerializer

from app.core.people.names import name_key
from app.core.people.random_tokens import new_token

LIFE_S = 180 * 24 * 3_600


def device_of(name: str) -> str:
    """Return the device of this request where the account is known in it; else an empty text."""
    try:
        known, device = _serializer().loads(request.cookies.get(_cookie(), ""), max_age=LIFE_S)
    except (BadSignature, ValueError, TypeError):
        return ""
    return str(device) if known == name_key(name) else ""


def remember(response: Response, name: str) -> None:
    """Let this browser be known for the account; an earlier account of the browser is forgotten."""
    response.set_cookie(
        _cookie(),
        str(_serializer().dumps([name_key(name), device_of(name) or new_token()])),
        max_age=LIFE_S,
        secure=bool(current_app.config["SESSION_COOKIE_SECURE"]),
        httponly=True,
        samesite="Lax",
    )


def _cookie() -> str:
    return str(current_app.config["SESSION_COOKIE_NAME"]).replace("session-", "device-")


def _serializer() -> URLSafeTimedSerializer:
    keys = [*current_app.config["SECRET_KEY_FALLBACKS"], current_app.config["SECRET_KEY"]]
    return URLSafeTimedSerializer(keys, salt="known-device")
