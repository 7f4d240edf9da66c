"""How values are written: moments, spans of time, sizes, numbers and words. For templates."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from math import isfinite
from pathlib import Path
from typing import Any

from flask import Flask, Response, request, url_for
from markupsafe import Markup

from app.core.clock import utcnow
from app.core.tasks.task import id_end
from app.web.platform.markdown import markdown, markdown_line

UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
ROUGHLY = ((10, 1), (60, 5), (600, 60), (3_600, 300), (172_800, 3_600), (1e12, 86_400))
PAST, FUTURE, NOW, SOON, SINCE = "{} ago", "in {}", "just now", "in a moment", "since {}"
TIME_WORDS = Markup(  # noqa: S704 - ours, and without apostrophes
    json.dumps({"units": UNITS, "past": PAST, "future": FUTURE, "now": NOW, "soon": SOON, "since": SINCE})
)
"""For the script that keeps times true (static/platform/times.js)."""
PRIORITY_MARKS = {"high": "▲", "medium": "◆", "low": "▼"}


def duration(value: float | timedelta | None) -> str:
    """Seconds in at most two units: `340 ms`, `2.5 s`, `42 s`, `3 min 20 s`, `2 d 4 h`."""
    if value is None:
        return "–"
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if not isfinite(seconds):
        return "–"
    if seconds < 1:
        return f"{max(round(seconds * 1000), 0)} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    left = int(round(seconds))
    for index, (unit, size) in enumerate(UNITS):
        if left >= size:
            whole, rest = divmod(left, size)
            lower = UNITS[index + 1] if index + 1 < len(UNITS) else None
            part = rest // lower[1] if lower else 0
            return f"{whole} {unit} {part} {lower[0]}" if lower and part else f"{whole} {unit}"
    return "0 s"


def about(seconds: float) -> str:
    """A guess, as exact as guesses are: `about 4 s`, `about 20 s`, `about 3 min`, `about 2 h`."""
    for below, step in ROUGHLY:
        rounded = max(1, round(seconds / step)) * step
        if rounded < below:
            break
    unit, length = next((name, length) for name, length in UNITS if rounded >= length)
    return f"about {rounded // length:,} {unit}"


def ordinal(place: int) -> str:
    """`1st`, `2nd`, `11th`, `1,203rd`."""
    ending = "th" if place % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place:,}{ending}"


def relative(moment: datetime, now: datetime | None = None) -> str:
    """Return `just now`, `3 min ago`, `in 2 h`; the script of the pages counts on in the same words."""
    seconds = ((now or utcnow()) - moment).total_seconds()
    size = abs(seconds)
    if size < 5:
        return NOW if seconds >= 0 else SOON
    unit, length = next((name, length) for name, length in UNITS if size >= length)
    text = f"{int(size // length)} {unit}"
    return (PAST if seconds > 0 else FUTURE).format(text)


def age_s(moment: datetime) -> float:
    """Seconds since a moment."""
    return (utcnow() - moment).total_seconds()


def when(moment: datetime | None) -> Markup | str:
    """A moment as relative words, with the absolute time on hover."""
    if moment is None:
        return "–"
    return Markup('<time datetime="{}" title="{}" data-relative>{}</time>').format(
        _iso(moment), f"{moment:%Y-%m-%d %H:%M:%S} UTC", relative(moment)
    )


def ticking(since: datetime | None) -> Markup | str:
    """How long something has been going on; the script of the pages counts on."""
    if since is None:
        return "–"
    return Markup('<time datetime="{}" title="{}" data-since>{}</time>').format(
        _iso(since), SINCE.format(f"{since:%Y-%m-%d %H:%M:%S} UTC"), duration(utcnow() - since)
    )


def server_ms() -> int:
    """Return the server's time in milliseconds since 1970, from which the script of the pages counts ages."""
    return round(utcnow().timestamp() * 1000)


def _stamp(response: Response) -> Response:
    """Tell the script of the pages the time with every answer that it may put into a page."""
    if request.headers.get("HX-Request"):
        response.headers["X-Server-Time"] = str(server_ms())
    return response


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


def size(count: int) -> str:
    """Bytes in units of 1,024: `812 bytes`, `4.2 MB`."""
    if count < 1024:
        return f"{count} byte{'' if count == 1 else 's'}"
    amount = float(count)
    for unit in ("KB", "MB", "GB", "TB"):
        amount /= 1024
        if amount < 1024 or unit == "TB":
            break
    return f"{amount:.1f} {unit}" if amount < 10 else f"{amount:.0f} {unit}"


def number(value: Any) -> str:
    """A number with separators, never in powers of ten below 1e15; anything else as it is.

    Fractions have six digits, and two decimals where that is more.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if not isinstance(value, float) or not abs(value) < 1e15:
        return str(value)
    if value.is_integer():
        return f"{value + 0.0:,.0f}"  # Adding zero makes -0.0 zero.
    return f"{value:,.6g}" if abs(value) < 10_000 else f"{value:,.2f}".rstrip("0").rstrip(".")


def rate(value: float) -> str:
    """How many a second, in three digits or whole: `0.25`, `12.3`, `1,234,567`."""
    return f"{value:.3g}" if value < 100 else number(float(round(value)))


def plural(count: int, word: str) -> str:
    """`1 worker`, `2 workers`."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def static_version(folder: Path) -> str:
    """Return a hash of all static files, a folder in their addresses that relative imports inherit."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def _add_static_url(app: Flask) -> None:
    """Serve static files also below their version, which is any word: an old page still gets its files."""
    folder = Path(app.static_folder or "")
    version = static_version(folder)

    def static_url(name: str) -> str:
        current = static_version(folder) if app.debug else version
        return url_for("static", version=current, filename=name)

    @app.url_value_preprocessor
    def drop_version(endpoint: str | None, values: dict[str, Any] | None) -> None:
        if endpoint == "static" and values:
            values.pop("version", None)

    app.add_url_rule("/static/v-<version>/<path:filename>", endpoint="static")
    app.add_template_global(static_url)


def init_app(app: Flask) -> None:
    written = (duration, about, ordinal, relative, age_s, when, ticking, size, number, rate, plural, id_end)
    for function in (*written, markdown, markdown_line):
        app.add_template_filter(function)
    _add_static_url(app)
    app.add_template_global(server_ms)
    app.add_template_global(TIME_WORDS, "time_words")  # type: ignore[arg-type]  # as below
    app.after_request(_stamp)
    app.add_template_global(PRIORITY_MARKS, "priority_marks")  # type: ignore[arg-type]  # a mapping is no function, and templates read it like any global
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
