"""Users for administrators: who there is, one user with what can be done, everybody's tokens, the roles.

A link by which a user chooses a password is shown once, on the page that answers. Each change is recorded by
`app.core.sign_in.administration`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request, url_for

from app.core.errors import Conflict, Invalid, TaskQueueError
from app.core.people.names import LONGEST_NAME
from app.core.people.roles import Role
from app.core.people.users import User
from app.core.sign_in.administration import Administration
from app.core.sign_in.own_factors import ConfirmationRequired
from app.core.sign_in.sign_in import PASSWORD_LIFE
from app.extensions import services
from app.web.people.permission_words import LABELS, quotas, table
from app.web.people.profile import browser_of
from app.web.platform import request_args
from app.web.platform.errors import problem_of, wants_json
from app.web.platform.flashes import flash_at
from app.web.platform.permissions import current_person, requires
from app.web.request_log.origin import current_origin
from app.web.sign_in.authenticator_app import require_recent_proof, to_confirm

blueprint = Blueprint("users", __name__, url_prefix="/users")

USUAL_ROLE = Role.SUBMITTER
LISTED = 100
TOKENS_LISTED = 1_000


# Everybody


@blueprint.get("")
@requires("user.manage")
def index() -> str:
    return _index()


@blueprint.post("")
@requires("user.manage")
def add() -> Any:
    sent = request.form
    try:
        user, token = _administration().add(
            sent.get("name", ""), _role(), _groups(), current_person(), current_origin()
        )
    except (Invalid, Conflict) as error:
        if wants_json():
            raise
        return make_response(_index(error), error.status)
    return make_response(_page(user, link=_address(token)), 201)


def _index(error: TaskQueueError | None = None) -> str:
    users = services().people.users
    asked = request_args.only("q", "after") if request.method == "GET" else {}
    prefix, after = asked.get("q", "").strip()[:LONGEST_NAME], asked.get("after", "")[:LONGEST_NAME]
    found = users.page(prefix, after, LISTED + 1)
    more, found = len(found) > LISTED, found[:LISTED]
    return render_template(
        "people/users.html",
        users=found,
        q=prefix,
        next=found[-1].name if more else "",
        paged=bool(more or prefix or after),
        with_second_factor=users.with_second_factor(user.id for user in found),
        roles=list(Role),
        role=request.form.get("role", USUAL_ROLE.value),
        problem=problem_of(error) if error else None,
        sent=request.form,
    )


@blueprint.get("/roles")
@requires("user.manage")
def roles() -> str:
    """What each role may do, and how much of it."""
    settings = services().settings
    own_tasks_only = settings.task_visibility == "own"
    return render_template(
        "people/roles.html",
        rows=table(own_tasks_only=own_tasks_only),
        quotas=quotas(settings),
        roles=list(Role),
        own_tasks_only=own_tasks_only,
    )


@blueprint.get("/tokens")
@requires("user.manage")
def tokens() -> str:
    """Everybody's tokens."""
    people = services().people
    found = people.tokens.all(TOKENS_LISTED + 1)
    more, found = len(found) > TOKENS_LISTED, found[:TOKENS_LISTED]
    owners = people.users.names(token.user for token in found)
    return render_template(
        "people/all_tokens.html",
        tokens=found,
        owners=owners,
        labels=LABELS,
        most=TOKENS_LISTED if more else 0,
    )


@blueprint.post("/tokens/revoke")
@requires("user.manage")
def revoke_token() -> Any:
    token = services().programs.revoke_token(
        request.form.get("token", ""), current_person(), current_origin()
    )
    return _done(url_for("users.tokens"), f"The token “{token.name}” is revoked.")


# One user


@blueprint.get("/<user_id>")
@requires("user.manage")
def show(user_id: str) -> str:
    return _page(_user(user_id))


@blueprint.post("/<user_id>/role")
@requires("user.manage")
def set_role(user_id: str) -> Any:
    def change(user: User) -> str:
        role = _role()
        if role is Role.ADMINISTRATOR:
            require_recent_proof()
        _administration().set_role(user, role, current_person(), current_origin())
        return f"“{user.name}” has the role {role.value} now."

    return _change(user_id, change)


@blueprint.post("/<user_id>/groups")
@requires("user.manage")
def set_groups(user_id: str) -> Any:
    def change(user: User) -> str:
        seen = _groups("groups_before") if "groups_before" in request.form else None
        changed = _administration().set_groups(user, _groups(), current_person(), current_origin(), seen)
        return f"“{user.name}” is in {', '.join(changed.groups) or 'no group'} now."

    return _change(user_id, change)


@blueprint.post("/<user_id>/second-factor")
@requires("user.manage")
def require_second_factor(user_id: str) -> Any:
    """Require a second factor, or with `required=0` no longer."""

    def change(user: User) -> str:
        required = request.form.get("required", "1") != "0"
        if not required:
            require_recent_proof()
        _administration().require_second_factor(user, required, current_person(), current_origin())
        if required:
            return f"“{user.name}” must have a second factor now. Their sessions have ended."
        return f"“{user.name}” may sign in without a second factor now."

    return _change(user_id, change)


@blueprint.post("/<user_id>/disable")
@requires("user.manage")
def disable(user_id: str) -> Any:
    def change(user: User) -> str:
        _administration().disable(user, current_person(), current_origin())
        return f"“{user.name}” is disabled. Their sessions have ended, and their tokens are revoked."

    return _change(user_id, change)


@blueprint.post("/<user_id>/enable")
@requires("user.manage")
def enable(user_id: str) -> Any:
    def change(user: User) -> str:
        _administration().enable(user, current_person(), current_origin())
        return f"“{user.name}” can sign in again."

    return _change(user_id, change)


@blueprint.post("/<user_id>/reset")
@requires("user.manage")
def reset(user_id: str) -> Any:
    """Answer with the link itself, which is shown this once."""
    user = _user(user_id)
    try:
        require_recent_proof()
        token = _administration().reset(user, current_person(), current_origin())
    except ConfirmationRequired as error:
        return to_confirm(error)
    except Conflict as error:
        return _again(user, error)
    return make_response(_page(_user(user_id), link=_address(token)), 201)


@blueprint.post("/<user_id>/end-sessions")
@requires("user.manage")
def end_sessions(user_id: str) -> Any:
    def change(user: User) -> str:
        count = _administration().end_sessions(user, current_person(), current_origin())
        return f"{count} {'session' if count == 1 else 'sessions'} of “{user.name}” ended."

    return _change(user_id, change)


@blueprint.post("/<user_id>/revoke-tokens")
@requires("user.manage")
def revoke_tokens(user_id: str) -> Any:
    def change(user: User) -> str:
        count = _administration().revoke_tokens(user, current_person(), current_origin())
        return f"{count} {'token' if count == 1 else 'tokens'} of “{user.name}” revoked."

    return _change(user_id, change)


def _change(user_id: str, change: Callable[[User], str]) -> Any:
    """Do something to a user, and show their page with what was done, or with why it was not."""
    user = _user(user_id)
    try:
        sentence = change(user)
    except ConfirmationRequired as error:
        return to_confirm(error)
    except Conflict as error:
        return _again(_user(user_id), error)
    except Invalid as error:
        return _again(user, error)
    return _done(url_for("users.show", user_id=user.id), sentence)


def _done(address: str, sentence: str) -> Any:
    flash_at(address, sentence, "success")
    return redirect(address, 303)


def _again(user: User, error: TaskQueueError) -> Any:
    if wants_json():
        raise error
    return make_response(_page(user, error), error.status)


def _page(user: User, error: TaskQueueError | None = None, *, link: str = "") -> str:
    people = services().people
    return render_template(
        "people/user.html",
        user=user,
        link=link,
        link_days=PASSWORD_LIFE.days,
        problem=problem_of(error) if error else None,
        sent=request.form,
        roles=list(Role),
        second_factor=bool(people.users.with_second_factor([user.id])),
        required_by_role=people.users.required_by_role(user.role),
        only_administrator=people.users.is_only_administrator(user),
        sessions=people.sessions.of_user(user.id),
        tokens=people.tokens.of_user(user.id),
        labels=LABELS,
        browser_of=browser_of,
    )


def _administration() -> Administration:
    return services().administration


def _user(user_id: str) -> User:
    """Raises NotFound."""
    return services().people.users.get(user_id)


def _role() -> Role:
    """Raises Invalid."""
    try:
        return Role(request.form.get("role", ""))
    except ValueError:
        raise Invalid("Check the role.", {"role": "Choose a role."}) from None


def _groups(field: str = "groups") -> list[str]:
    return request.form.get(field, "").replace(",", " ").split()


def _address(token: str) -> str:
    return url_for("sign_in.link", token=token, _external=True)
