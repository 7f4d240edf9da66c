"""The user's own profile: name and role, the password, and the sessions that are open."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request, url_for

from app.core.errors import Invalid, TaskQueueError, TooManyTries
from app.extensions import services
from app.web.platform.errors import Problem, problem_of
from app.web.platform.flashes import flash_at
from app.web.platform.permissions import (
    current_person,
    requires,
    session_id,
)
from app.web.request_log.origin import current_origin
from app.web.sign_in.authenticator_app import shown_factors
from app.web.sign_in.single_sign_on import managed_by

blueprint = Blueprint("profile", __name__, url_prefix="/profile")

_BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"),
             ("Safari/", "Safari"))  # fmt: skip
_SYSTEMS = (("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"),
            ("Mac OS X", "macOS"), ("CrOS", "ChromeOS"), ("Linux", "Linux"))  # fmt: skip


@blueprint.get("")
@requires("profile.manage")
def show() -> str:
    return _page(None)


@blueprint.post("/password")
@requires("profile.manage")
def change_password() -> Any:
    sent = request.form
    core = services()
    user = core.people.users.get(current_person().id)
    try:
        if sent.get("password", "") != sent.get("again", ""):
            raise Invalid("Check the password.", {"again": "This is not the same password."})
        core.sign_in.change_password(
            user, sent.get("current", ""), sent.get("password", ""), session_id(), current_origin()
        )
    except (Invalid, TooManyTries) as error:
        return _again(error)
    return _done("Your password is changed. Your other sessions have ended.")


@blueprint.post("/sessions/end")
@requires("profile.manage")
def end_session() -> Any:
    session_id = request.form.get("session", "")
    ended = services().sign_in.end(current_person(), session_id, current_origin())
    return _done("The session has ended." if ended else "That session had ended before.")


@blueprint.post("/sessions/end-others")
@requires("profile.manage")
def end_others() -> Any:
    services().sign_in.end_others(current_person(), session_id(), current_origin())
    return _done("Your other sessions have ended.")


def browser_of(agent: str) -> str:
    """Return what a person calls a browser, from what it says of itself."""
    browser = next((name for mark, name in _BROWSERS if mark in agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "")
    if browser and system:
        return f"{browser} on {system}"
    return browser or re.sub(r"[^\w./ -]", "", agent)[:40] or "Unknown browser"


def _page(problem: Problem | None) -> str:
    core = services()
    user = core.people.users.get(current_person().id)
    managed = managed_by(user)
    return render_template(
        "people/profile.html",
        user=user,
        problem=problem,
        factors=None if managed else shown_factors(user),
        sessions=core.people.sessions.of_user(user.id),
        current=session_id(),
        browser_of=browser_of,
        managed_by=managed,
    )


def _again(error: TaskQueueError) -> Any:
    response = make_response(_page(problem_of(error)), error.status)
    if isinstance(error, TooManyTries):
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


def _done(sentence: str) -> Any:
    address = url_for("profile.show")
    flash_at(address, sentence, "success")
    return redirect(address, 303)
