"""An analysis as one page of HTML: no scripts, nothing loaded from anywhere, every text escaped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dtq_library.tables.analyze.profile import Profile
from dtq_library.tables.analyze.result import edge_of, plain


def render_page(title: str, profiles: Sequence[Profile], result: dict[str, Any]) -> str:
    """The page of an analysis called ``title``; ``result`` is what the task returns."""
    from jinja2 import Environment, StrictUndefined

    template = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["shown"] = shown
    return environment.from_string(template).render(
        title=title, columns=[(profile, _bars(profile), _common(profile)) for profile in profiles], **result
    )


def shown(value: Any) -> str:
    """A value as a person reads it, by the rule of the page of a task: a large one in full up to 1e15.

    Fractions have six digits, and two decimals where that is more. Thousands are apart from 10,000 on, as in
    no year.
    """
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, float) and not abs(value) < 1e15:
        return format(value, ".6g")
    comma = "," if abs(value) >= 10_000 else ""
    if value == int(value):
        return format(int(value), f"{comma}d")
    return f"{value:.6g}" if not comma else f"{value:,.2f}".rstrip("0").rstrip(".")


def _bars(profile: Profile) -> list[dict[str, Any]]:
    """The bars of a histogram, in percent of the width and height of the drawing."""
    if profile.histogram is None:
        return []
    counts = profile.histogram.counts
    width, most = 100 / len(counts), max(*counts, 1)
    return [
        {
            "x": round(at * width, 3),
            "width": round(width * 0.92, 3),
            "height": round(100 * count / most, 3),
            "says": f"{_edge(profile, at)} to {_edge(profile, at + 1)}: {count:,}",
        }
        for at, count in enumerate(counts)
    ]


def _edge(profile: Profile, at: int) -> str:
    return shown(edge_of(profile, profile.histogram.edges[at])) if profile.histogram else ""


def _common(profile: Profile) -> list[dict[str, Any]]:
    known = max(1, profile.rows - profile.missing)
    return [
        {"value": plain(value), "times": times, "percent": 100 * times / known}
        for value, times in profile.frequent.commonest
    ]
