"""Where to go after signing in: a whole page of this server, whatever an address asks for."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote, urlsplit

from flask import current_app, request, url_for
from werkzeug.exceptions import HTTPException

LONGEST = 2_000
# One slash, then no second one and no backslash, which browsers read as one; no control character, which
# they drop, so that what follows would move to the front; no space.
_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*\Z")

PAGE_OF = {
    "dashboard.home_live": "dashboard.home",
    "dashboard.home_charts": "dashboard.home",
    "dashboard.pulse": "dashboard.home",
    "dashboard.events": "dashboard.home",
    "tasks.rows": "tasks.index",
    "tasks.counts": "tasks.index",
    "tasks.detail_live": "tasks.detail",
    "tasks.log_live": "tasks.detail",
    "logs.more": "logs.page",
    "tasks.result": "tasks.detail",
    "downloads.file": "tasks.detail",
    "downloads.image": "tasks.detail",
    "downloads.log": "tasks.detail",
    "downloads.result": "tasks.detail",
    "downloads.result_text": "tasks.detail",
    "bulk.show_live": "bulk.show",
    "batches.show_live": "batches.show",
    "operations.queues_live": "operations.queues",
    "operations.workers_live": "operations.workers",
}
"""The page of each address that answers with a part of one, or with a download."""
OF_PAGES = ("task_id", "operation_id", "batch_id")
"""Arguments in the addresses of those pages."""
WITH_FILTERS = frozenset({"tasks.rows", "tasks.counts"})
"""Parts whose parameters are those of their page."""
NO_PAGES = frozenset(
    {"dashboard.healthz", "dashboard.readyz", "monitoring.metrics", "static", "bootstrap.static"}
)
SIGN_IN = frozenset({"sign_in", "second_step", "single_sign_on"})
"""Blueprints of pages for people who are not signed in yet; `api` has no pages at all."""


def local_path(text: str) -> str | None:
    """Return the text where it is a path of this server, with or without a query; else None."""
    if len(text) > LONGEST or not _PATH.match(text):
        return None
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    return None if parts.scheme or parts.netloc else text


def page_path(text: str) -> str | None:
    """Return the address of the whole page at a path of this server, or of which it is a part; else None."""
    path = local_path(text)
    if path is None or not path.startswith(f"{request.script_root}/"):
        return None
    found = _route(path)
    if found is None:
        return None
    endpoint, values = found
    if endpoint in PAGE_OF:
        query = urlsplit(path).query if endpoint in WITH_FILTERS else ""
        kept: dict[str, Any] = {name: values[name] for name in OF_PAGES if name in values}
        return url_for(PAGE_OF[endpoint], **kept) + (f"?{query}" if query else "")
    return None if endpoint in NO_PAGES or _first(endpoint) in {*SIGN_IN, "api"} else path


def _route(path: str) -> tuple[str, dict[str, str]] | None:
    """Return endpoint and values of what a GET of a path reaches; None where there is nothing."""
    adapter = current_app.create_url_adapter(request)
    if adapter is None:
        return None
    inner = urlsplit(path).path.removeprefix(request.script_root)
    try:
        endpoint, values = adapter.match(unquote(inner), method="GET")
    except HTTPException:  # A redirect to the same with a slash is one, too.
        return None
    return str(endpoint), dict(values)


def _first(endpoint: str) -> str:
    return endpoint.partition(".")[0]
