"""One translator from everything that can go wrong to a page, or to JSON for a program.

Raise what `app.core.errors` offers and let it pass: the status, the sentence and the layout are
made here. What is not foreseen is logged and answered with a page that gives nothing away.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from errno import EDQUOT, ENOSPC
from typing import Any

from flask import Flask, Response, current_app, jsonify, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError
from pymongo.errors import PyMongoError
from werkzeug.exceptions import BadHost, HTTPException, SecurityError

from app.core.errors import Cause, Invalid, NoRoom, SignInRequired, TaskQueueError, Unavailable
from app.core.log_lines import request_id
from app.core.mongo import cannot_write, is_away
from app.core.store_errors import causes
from app.core.store_errors.advice import unusable
from app.extensions import advice_about, services
from app.http.problems import CONTENT_TYPE, code_of, problem_body
from app.web.platform.permissions import ask_for_nobody, by_token
from app.web.platform.slow_clients import TooSlow
from app.web.platform.stores import warn
from app.web.request_log.addresses import loggable

HTTP_SENTENCES = {
    400: (
        "Bad request",
        "We couldn't process that request. Go back and try again.",
    ),
    404: ("Not found", "There is no page at this address."),
    405: ("Not possible here", "This address cannot be used in that way; nothing was changed."),
    408: (
        "Too slow",
        "What was sent came too slowly, so nothing was kept. "
        "Please try again on a faster connection, or with a smaller file.",
    ),
    415: ("Unsupported media type", "Send JSON with the header Content-Type: application/json."),
    413: (
        "Too large",
        "Your upload exceeds the size limit. Choose smaller files, shorter texts or fewer rows.",
    ),
    416: (
        "There is no such part",
        "The file is shorter than the part of it that was asked for. Please download it from its start.",
    ),
    429: ("Too many requests", "Please wait a moment and try again."),
}
PASSED_ON = frozenset({"Allow", "Content-Range"})
FORGED = (
    "This form was opened in another session, or cookies are off, so nothing was changed. "
    "Please go back, reload the page and send it again."
)
PLAIN_HTTP = (
    "Your browser keeps the session cookie of this server over HTTPS only, and this page came over plain "
    "HTTP, so nothing was changed. Open it by an https:// address. "
    "Where a proxy handles HTTPS, set WEB_PROXIES."
)
BROKEN = "The database reported an error; it may be out of disk space. Contact your administrator."
FULL = "The server's disk is full, so nothing was saved. Try again later, or contact your administrator."
UNEXPECTED = (
    "Something went wrong on our side, and it has been logged. Try again, or contact your administrator."
)


@dataclass(frozen=True)
class Problem:
    """What a person or a program is told."""

    status: int
    title: str
    message: str
    fields: dict[str, str] = field(default_factory=dict)
    code: str = ""
    """Names the kind of problem for programs; it does not change."""
    away: str = ""
    """The setting that names the store which cannot be used."""
    cause: Cause | None = None


def problem_of(error: BaseException) -> Problem:
    """The one place where an exception becomes words and a status."""
    if isinstance(error, TaskQueueError):
        fields = error.fields if isinstance(error, Invalid) else {}
        cause = error.cause if isinstance(error, Unavailable) else None
        code = code_of(type(error))
        return Problem(error.status, error.title, str(error), fields, code, error.setting, cause)
    if isinstance(error, CSRFError):
        sentence = FORGED if _keeps_cookies() else PLAIN_HTTP
        return Problem(400, "Please send the form again", sentence, code="forged-form")
    if _too_slow(error):
        return Problem(408, *HTTP_SENTENCES[408], code="too-slow")
    if _malformed(error):
        return Problem(400, *HTTP_SENTENCES[400], code="bad-request")
    if isinstance(error, HTTPException):
        status = error.code or 500
        said = HTTP_SENTENCES.get(status, (error.name, error.description or ""))
        return Problem(status, *said, code=code_of(type(error)))
    if isinstance(error, OSError) and error.errno in (ENOSPC, EDQUOT):
        return Problem(NoRoom.status, NoRoom.title, FULL, code="no-room")
    if cannot_write(error):
        return Problem(Unavailable.status, Unavailable.title, BROKEN, code="database-error")
    cause = causes.of_mongodb(error, services().db.client) if isinstance(error, PyMongoError) else None
    if is_away(error) or cause:
        sentence = unusable("MONGODB_URI", cause)
        code = "database-unavailable"
        return Problem(Unavailable.status, Unavailable.title, sentence, {}, code, "MONGODB_URI", cause)
    return Problem(500, TaskQueueError.title, UNEXPECTED, code="unexpected")


def _malformed(error: BaseException) -> bool:
    """Return whether gunicorn could not read a body in chunks; where there is no gunicorn, nobody did."""
    gunicorn = sys.modules.get("gunicorn.http.errors")
    return gunicorn is not None and isinstance(error, gunicorn.ParseException | gunicorn.NoMoreData)


def _too_slow(error: BaseException) -> bool:
    """Return whether a body came too slowly; Werkzeug takes the sender for one that is gone."""
    return isinstance(error, TooSlow) or isinstance(error.__context__, TooSlow)


def _keeps_cookies() -> bool:
    """Return whether a browser sends the session cookie back over this connection."""
    return request.is_secure or not current_app.config["SESSION_COOKIE_SECURE"]


def _handle(error: Exception) -> Any:
    if isinstance(error, HTTPException) and (error.code or 500) < 400:
        return error
    problem = problem_of(error)
    if problem.status == 500 or problem.message is BROKEN:
        current_app.logger.exception("%s %s failed", request.method, loggable(request.path))
    elif problem.away:
        warn(current_app, error)
    if isinstance(error, SignInRequired) and (page := _sign_in_address()):
        return redirect(page, 303)
    if problem.away:
        ask_for_nobody()
    response = _answer(problem)
    response.status_code = problem.status
    if problem.status in (429, 503):
        response.headers["Retry-After"] = str(getattr(error, "retry_after_s", 5))
    if problem.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, HTTPException):
        response.headers.extend(header for header in error.get_headers() if header[0] in PASSED_ON)
    return response


def _sign_in_address() -> str | None:
    """Return where a person signs in and comes back; None for programs, parts of pages and forms.

    A form that was sent is not lost by being led elsewhere, and the script of the pages says the rest.
    """
    if wants_json() or request.headers.get("HX-Request") or request.method not in ("GET", "HEAD"):
        return None
    here = request.script_root + request.full_path.removesuffix("?")
    return url_for("sign_in.form", next=None if here == url_for("dashboard.home") else here)


def _answer(problem: Problem) -> Response:
    """JSON (RFC 9457) where it is asked for, text where no address can be built, else a page."""
    if wants_json():
        body = problem_body(problem.code, problem.title, problem.status, problem.message)
        response = jsonify({**body, **_by_field(problem)} if problem.fields else body)
        response.mimetype = CONTENT_TYPE
        return response
    if isinstance(request.routing_exception, (SecurityError, BadHost)):
        text = f"{problem.title}\n\n{problem.message}\n\nRequest {request_id()}\n"
        return Response(text, mimetype="text/plain")
    return Response(
        render_template(
            "platform/error.html",
            problem=problem,
            advice=advice_about(problem.away, problem.cause) if problem.away else "",
            task_url=_task_url(problem),
            list_url=_list_url(problem),
            again=_again(problem),
            show_pulse=False,
            request_id=request_id(),
        )
    )


def _by_field(problem: Problem) -> dict[str, Any]:
    """The sentences by field: by JSON pointers (RFC 6901) into a body of the API, by the names in a form."""
    if not _is_api():
        return {"fields": problem.fields}
    wrong = [{"pointer": _pointer(path), "detail": said} for path, said in problem.fields.items()]
    return {"errors": wrong}


def _pointer(path: str) -> str:
    return "/" + path.replace("~", "~0").replace("/", "~1").replace(".", "/")


def _is_api() -> bool:
    return request.path.startswith("/api/")


def wants_json() -> bool:
    """Whether the client prefers JSON to a page; the API, and who asks with a token, get errors so."""
    if by_token() or _is_api() or request.blueprint == "monitoring":
        return True
    best = request.accept_mimetypes.best_match(["text/html", "application/json"])
    return best == "application/json"


def _task_url(problem: Problem) -> str | None:
    """Where to look when something could not be done to a task that exists."""
    task_id = (request.view_args or {}).get("task_id")
    return url_for("tasks.detail", task_id=task_id) if task_id and problem.status in (400, 409, 422) else None


def _list_url(problem: Problem) -> str:
    """The list of tasks, as it was where something could not be done to tasks chosen in it."""
    chosen = request.blueprint == "many" and problem.status == Invalid.status
    place: dict[str, Any] = request.args.to_dict() if chosen else {}
    return url_for("tasks.index", **place)


def _again(problem: Problem) -> list[tuple[str, str]] | None:
    """The fields of a form that is worth sending again as it is; None where an address is opened again.

    Only the small forms that do something to tasks: what a person typed into another may be secret.
    """
    if problem.status != Unavailable.status or request.method != "POST":
        return None
    return [*request.form.items(multi=True)] if request.blueprint in ("tasks", "many") else []


def init_app(app: Flask) -> None:
    app.register_error_handler(Exception, _handle)
