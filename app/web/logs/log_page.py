"""The page of a log, by pages of lines, and the lines that come while its attempt runs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, render_template
from markupsafe import Markup, escape

from app.core.errors import BadQuery, NotFound
from app.core.excerpts import settled
from app.core.files.log_text import LogLine, LogText
from app.core.tasks.states import Status
from app.core.tasks.task import Task
from app.extensions import access
from app.web.logs.colors import Colors
from app.web.platform import request_args
from app.web.platform.fragments import region
from app.web.platform.permissions import requires

blueprint = Blueprint("logs", __name__)

PER_PAGE = 5_000
MOST_FOUND = 1_000
LONGEST_SEARCH = 200


@dataclass(frozen=True)
class ShownLine:
    """A line with its text as HTML."""

    line: LogLine
    html: Markup


@blueprint.get("/tasks/<task_id>/log/lines")
@requires("task.read")
def page(task_id: str) -> str:
    """Show a page of the lines of an attempt, or those that a search finds."""
    query = request_args.only("attempt", "q", "page")
    task, attempt = _attempt(task_id, query)
    words = query.get("q", "")[:LONGEST_SEARCH]
    text = access().log_lines(task, attempt)
    live = _runs(task, attempt)
    count = max(1, -(-len(text) // PER_PAGE))
    at = _page(query.get("page", ""), count)
    if words:
        found, more = text.found(words, MOST_FOUND)
        lines = [ShownLine(line, _marked(settled(line.text), words)) for line in found]
        live = False
    else:
        more = False
        if live and at == count:
            text.without_open()
        lines = _colored(text.between((at - 1) * PER_PAGE, at * PER_PAGE))
    return render_template(
        "logs/page.html",
        task=task,
        attempt=attempt,
        words=words,
        lines=lines,
        more=more,
        total=len(text),
        page=at,
        pages=count,
        per_page=PER_PAGE,
        live=live and at == count,
        stream_task=task.id,
        **_rest(text, len(text)),
    )


@blueprint.get("/tasks/<task_id>/log/lines/more")
@requires("task.read")
def more(task_id: str) -> str | tuple[str, int]:
    """Return the lines from a place on; 204 while there are none and the attempt still runs."""
    query = request_args.only("attempt", "place", "number")
    task, attempt = _attempt(task_id, query)
    text = access().log_lines(task, attempt, _whole("place", query), _whole("number", query))
    live = _runs(task, attempt)
    if live:
        text.without_open()
    if live and not len(text):
        return "", 204
    lines = _colored(text.between(0, PER_PAGE))
    rest = _rest(text, PER_PAGE)
    return region("logs/_lines.html", task=task, attempt=attempt, lines=lines, words="", live=live, **rest)


def _colored(lines: Iterable[LogLine]) -> list[ShownLine]:
    """Return lines as they are shown."""
    colors = Colors()
    return [ShownLine(line, colors.html(line.text)) for line in lines]


def _marked(text: str, words: str) -> Markup:
    """Return a line with what a search found in it marked."""
    pieces = re.split(f"({re.escape(words)})", text, flags=re.IGNORECASE)
    marked = (
        Markup("<mark>{}</mark>").format(piece) if at % 2 else escape(piece)
        for at, piece in enumerate(pieces)
    )
    return Markup().join(marked)


def _attempt(task_id: str, query: dict[str, str]) -> tuple[Task, int]:
    """Raises NotFound, BadQuery."""
    task = access().get(request_args.task_id_of(task_id))
    attempt = request_args.attempt_of(task, query.get("attempt", "")) or task.attempt
    if not attempt:
        raise NotFound("This task has no log yet. Logs appear once it starts.")
    return task, attempt


def _runs(task: Task, attempt: int) -> bool:
    return task.status is Status.RUNNING and attempt == task.attempt


def _page(text: str, count: int) -> int:
    """Raises BadQuery."""
    if text == "last":
        return count
    if text and not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= count):
        raise BadQuery("This page of the log doesn't exist. Start again from its first page.")
    return int(text or 1)


def _whole(name: str, query: dict[str, str]) -> int:
    """Raises BadQuery."""
    text = query.get(name, "")
    if not re.fullmatch("[0-9]{1,12}", text, re.ASCII):
        raise BadQuery("This place of the log doesn't exist. Reload the page of the log.")
    return int(text)


def _rest(text: LogText, most: int) -> dict[str, Any]:
    """Return where the line after the first ``most`` begins, and its number, 0 where it has none."""
    end = min(len(text), most)
    last, following = text.between(end - 1, end), text.between(end, end + 1)
    number = (last[0].number + 1 if last[0].number else 0) if last else 1
    return {"next_place": following[0].place if following else text.end, "next_number": number}
