"""How programs follow a task: an answer that is held until it has ended, its events, and its log."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from flask import Response, request

from app.api.models.tasks import Task as TaskModel
from app.api.models.tasks import TaskSummary
from app.api.operation import answer_instead
from app.api.preconditions import tag_of
from app.core.access.access import Access
from app.core.errors import BadQuery, SignInRequired, TaskQueueError, TooManyStreams
from app.core.people.roles import Permission
from app.core.tasks.described import described
from app.core.tasks.store import missing
from app.core.tasks.task import Task
from app.extensions import access, session
from app.http.problems import CONTENT_TYPE, code_of, problem_body
from app.http.sending import INERT
from app.streams.following import Reading
from app.streams.held_answer import Answer, HeldAnswer, held, holds
from app.streams.response import answer_with, chunked
from app.streams.stream import Watcher
from app.streams.task_stream import END_ID, EVENT_ID, TaskEvents, TaskLog, TaskStream, place_of

Shown = Callable[[Access, Task, str], TaskModel]
"""Makes what a person is answered of a task of an owner with that name."""

STREAM = "text/event-stream"
RIGHTS_ENDED = "Your rights have ended or changed while you waited. Ask again, with another token if need be."


def watcher(*, waits: bool = False) -> Watcher:
    """Return who follows, by the session of a browser or by a token."""
    return Watcher(access().person, session=session(), waits=waits)


# An answer that is held


def hold(task: Task, seconds: int, shown: Shown) -> bool:
    """Have the answer of this request wait for the end of a task. False where the server holds none."""
    if not holds():
        return False
    rights, wait = access(), watcher(waits=True)
    gone, revoked = _problem(missing(task.id)), _problem(SignInRequired(RIGHTS_ENDED))
    key = ("answer", wait.person.id, wait.person.token)

    def answer(reading: Reading) -> Answer:
        found = reading.task
        if found is None or not rights.may_know(found.owner, private=found.private):
            return gone
        if key not in reading.made:
            now = shown(rights, found, reading.owner_name)
            told, body = {"ETag": f'"{tag_of(now)}"'}, now.model_dump_json().encode()
            reading.made[key] = Answer("200 OK", "application/json", body, told)
        made: Answer = reading.made[key]
        return made

    def instead(plain: Response) -> Response:
        try:
            return held(plain, HeldAnswer(wait, task, seconds, answer, revoked))
        except TooManyStreams:
            return plain

    answer_instead(instead)
    return True


def _problem(error: TaskQueueError) -> Answer:
    """Return what is answered instead of a task, as a program gets it of any view."""
    body = problem_body(code_of(type(error)), error.title, error.status, str(error))
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    words = f"{error.status} {HTTPStatus(error.status).phrase}"
    return Answer(words, CONTENT_TYPE, json.dumps(body).encode(), headers)


# Event streams


def wants_stream() -> bool:
    """Whether the program asks for a stream of events, rather than for what there is now. Raises BadQuery."""
    _last_event_id()
    return request.accept_mimetypes.best_match(["text/plain", STREAM]) == STREAM


def events_of(task: Task) -> Response:
    """Return the events of a task, as a stream. Raises BadQuery, StreamsUnsupported, TooManyStreams."""
    rights = access()

    def may(found: Task) -> bool:
        return rights.may_know(found.owner, private=found.private)

    return _stream(task, TaskEvents(watcher(), task, may, _summary, chunked=chunked()))


def log_of(task: Task, attempt: int | None) -> Response:
    """Return the log of a task as it grows, of all attempts from the last on or of one, as a stream.

    Raises BadQuery, NotFound, StreamsUnsupported, TooManyStreams.
    """
    rights, person = access(), access().person

    def may(found: Task) -> bool:
        known = rights.may_know(found.owner, private=found.private)
        return known and person.may(Permission.TASK_DOWNLOAD, found.owner)

    place = (attempt or max(1, task.attempt), 0)
    if (known := _last_event_id()) and known != END_ID:
        place = place_of(known, task.attempt)
        if attempt and place[0] != attempt:
            raise BadQuery(f"The Last-Event-ID is not of attempt {attempt}.")
    return _stream(task, TaskLog(watcher(), task, may, place, only=attempt is not None, chunked=chunked()))


def _stream(task: Task, stream: TaskStream) -> Response:
    """An EventSource that comes back after the end is told to stop, by 204."""
    if _last_event_id() == END_ID and not task.live:
        return Response(status=204)
    response = answer_with(stream, None)
    response.headers["Content-Security-Policy"] = INERT
    return response


def _last_event_id() -> str:
    """Raises BadQuery."""
    sent = request.headers.get("Last-Event-ID", "").strip()
    if not re.fullmatch(EVENT_ID, sent):
        raise BadQuery("Send the ID of an event as Last-Event-ID, or leave that header out.")
    return sent


def _summary(task: Task, owner_name: str) -> dict[str, Any]:
    told: dict[str, Any] = TaskSummary(**described(task, owner_name, traceback=False)).model_dump(mode="json")
    return told
