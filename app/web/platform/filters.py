"""Filters of templates: quantities in words (`app.core.quantities`), and moments that a script counts on."""

from __future__ import annotations

import json
from datetime import datetime

from flask import Flask, Response, request
from markupsafe import Markup

from app.core.clock import utcnow
from app.core.quantities import (
    FUTURE,
    NOW,
    PAST,
    SINCE,
    SOON,
    UNITS,
    about,
    duration,
    number,
    ordinal,
    plural,
    rate,
    relative,
    size,
)
from app.core.tasks.states import Status
from app.core.tasks.task import id_end
from app.web.platform.markdown import markdown, markdown_line

TIME_WORDS = Markup(  # noqa: S704 - ours, and without apostrophes
    json.dumps({"units": UNITS, "past": PAST, "future": FUTURE, "now": NOW, "soon": SOON, "since": SINCE})
)
"""For the script that keeps times true (static/platform/times.js)."""
SEARCH_EXAMPLES = (
    *(f"status:{status.value}" for status in Status),
    *("priority:high", "owner:me", "type:", "tag:", "worker:", "error:", "after:", "before:"),
)
"""What the search box offers to complete."""
_END = Markup("</span>")
PRIORITY_MARKS = {"high": "▲", "medium": "◆", "low": "▼"}


def age_s(moment: datetime) -> float:
    """Seconds since a moment."""
    return (utcnow() - moment).total_seconds()


def when(moment: datetime | None) -> Markup | str:
    """A moment as relative words, with the absolute time on hover."""
    if moment is None:
        return "–"
    return _time(moment, "data-relative", relative(moment), absolute(moment))


def when_exactly(moment: datetime) -> Markup:
    """A moment as its absolute time, which the script of the pages tells in the reader's own zone."""
    return _time(moment, "data-absolute", absolute(moment))


def moment(value: datetime | None) -> Markup | str:
    """When something is scheduled, started or finished: date, clock, zone, and how long that is from now."""
    if value is None:
        return "–"
    return when_exactly(value) + Markup(" <span>(") + when(value) + Markup(")</span>")


def when_short(moment: datetime | None) -> Markup | str:
    """A moment in a row of a list: date and clock, and how long ago where there is room."""
    if moment is None:
        return "–"
    year = "" if moment.year == utcnow().year else f", {moment.year}"
    title, short = absolute(moment), f"{moment:%b} {moment.day}{year}, {moment:%H:%M}"
    ago = _time(moment, "data-relative", relative(moment), title)
    return _time(moment, "data-short", short, title) + Markup(' <span class="ago">') + ago + _END


def absolute(moment: datetime) -> str:
    """Return a moment as pages without a script show it: `Fri, Nov 27, 2026, 07:20:05 UTC`."""
    return f"{moment:%a, %b} {moment.day}, {moment.year}, {moment:%H:%M:%S} UTC"


def ticking(since: datetime | None) -> Markup | str:
    """How long something has been going on; the script of the pages counts on."""
    if since is None:
        return "–"
    return _time(since, "data-since", duration(utcnow() - since), SINCE.format(absolute(since)))


def _time(moment: datetime, mark: str, words: str, title: str = "") -> Markup:
    """Return an element of a moment. A list has dozens, and Markup.format took a tenth of its page."""
    said = f' title="{title}"' if title else ""
    iso = moment.isoformat(timespec="milliseconds")
    return Markup(f'<time datetime="{iso}"{said} {mark}>{words}</time>')  # noqa: S704 - of times and units


def server_ms() -> int:
    """Return the server's time in milliseconds since 1970, from which the script of the pages counts ages."""
    return round(utcnow().timestamp() * 1000)


def _stamp(response: Response) -> Response:
    """Tell the script of the pages the time with every answer that it may put into a page."""
    if request.headers.get("HX-Request"):
        response.headers["X-Server-Time"] = str(server_ms())
    return response


def init_app(app: Flask) -> None:
    written = (
        duration,
        about,
        ordinal,
        relative,
        age_s,
        when,
        when_exactly,
        when_short,
        moment,
        ticking,
        size,
        number,
        rate,
        plural,
        id_end,
    )
    for function in (*written, markdown, markdown_line):
        app.add_template_filter(function)
    app.add_template_global(server_ms)
    app.add_template_global(TIME_WORDS, "time_words")  # type: ignore[arg-type]  # as below
    app.after_request(_stamp)
    app.add_template_global(SEARCH_EXAMPLES, "search_examples")  # type: ignore[arg-type]  # likewise
    app.add_template_global(PRIORITY_MARKS, "priority_marks")  # type: ignore[arg-type]  # a mapping is no function, and templates read it like any global
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
