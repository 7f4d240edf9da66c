"""The user's own tokens for programs: a list, a form for a new one, and its text once, on the next page.

The text is in no address, no flash and no log; the answer is not stored by browsers (`no-store`).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request, url_for

from app.core.errors import Conflict, Invalid, TaskQueueError
from app.core.people.api_tokens import LONGEST_LIFE, NOT_GRANTED, ApiToken
from app.core.people.roles import Permission
from app.extensions import access, services
from app.web.create.envelope import nonce
from app.web.people.permission_words import LABELS
from app.web.platform.errors import problem_of, wants_json
from app.web.platform.flashes import flash_at
from app.web.platform.permissions import current_person, requires
from app.web.platform.request_args import require_unsent
from app.web.request_log.origin import current_origin

blueprint = Blueprint("tokens", __name__, url_prefix="/profile/tokens")

LIVES = {"7": "7 days", "30": "30 days", "90": "90 days", "180": "180 days", "366": "366 days"}
USUAL_LIFE = "90"
ALL, SOME = "all", "some"


@blueprint.get("")
@requires("profile.manage")
def index() -> str:
    return _page()


@blueprint.post("")
@requires("profile.manage")
def create() -> Any:
    sent = request.form
    try:
        require_unsent(sent)
        token, text = services().programs.create_token(
            current_person(),
            sent.get("name", ""),
            _life(sent.get("life", "")),
            _permissions(),
            sent.getlist("type") if sent.get("types") == SOME else None,
            current_origin(),
        )
    except (Invalid, Conflict) as error:
        if wants_json():
            raise
        return make_response(_page(error), error.status)
    return make_response(_page(created=token, text=text), 201)


def _life(text: str) -> timedelta:
    """Raises Invalid."""
    if not text.isascii() or not text.isdigit() or len(text) > 4:
        raise Invalid("Check the token.", {"life": f"Choose at most {LONGEST_LIFE.days} days."})
    return timedelta(days=int(text))


def _permissions() -> list[Permission] | None:
    """Return those that were chosen; None for all. Raises Invalid."""
    if request.form.get("permissions") != SOME:
        return None
    known = {permission.value: permission for permission in Permission}
    chosen = request.form.getlist("permission")
    if unknown := [text for text in chosen if text not in known]:
        raise Invalid("Check the token.", {"permissions": f"There is no permission “{unknown[0][:50]}”."})
    return [known[text] for text in chosen]


@blueprint.post("/revoke")
@requires("profile.manage")
def revoke() -> Any:
    person = current_person()
    token = services().programs.revoke_token(
        request.form.get("token", ""), person, current_origin(), person.id
    )
    address = url_for("tokens.index")
    flash_at(address, f"The token “{token.name}” is revoked.", "success")
    return redirect(address, 303)


def _page(error: TaskQueueError | None = None, *, created: ApiToken | None = None, text: str = "") -> str:
    person, rights, core = current_person(), access(), services()
    return render_template(
        "people/tokens.html",
        tokens=core.people.tokens.of_user(person.id),
        created=created,
        text=text,
        problem=problem_of(error) if error else None,
        sent=request.form,
        submission_key=nonce(),
        lives=LIVES,
        usual_life=USUAL_LIFE,
        permissions=[
            (permission.value, LABELS[permission])
            for permission in Permission
            if permission in person.grants and permission not in NOT_GRANTED
        ],
        types=[kind for kind in core.catalog.types() if rights.may_use(kind)],
        labels=LABELS,
    )
