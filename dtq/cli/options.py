"""Options that several commands have, and what names a task: its ID, the end of it, or its address."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, get_args

import click
from click.shell_completion import CompletionItem

from dtq.cli.login import connect
from dtq.client import Client, DTQError, NotFound, Task
from dtq.client.records import Priority
from dtq.clock import utcnow

_FROM_NOW = re.compile(r"\+(\d{1,6})([smhd])\Z")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

_WHOLE = re.compile(r"[0-9a-f]{24}\Z")
_PART = re.compile(r"[0-9a-f]{8,23}\Z")
_ADDRESS = re.compile(r"https?://\S+/tasks/([0-9a-f]{24})(?:[/?#]\S*)?\Z")


class Moment(click.ParamType[datetime]):
    """A time as ISO 8601, in this computer's zone where it has none, or from now on, such as +90m."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        if match := _FROM_NOW.match(value):
            return utcnow() + timedelta(**{_UNITS[match[2]]: int(match[1])})
        try:
            return datetime.fromisoformat(value).astimezone()
        except (ValueError, OverflowError, OSError):
            self.fail("Enter a time such as 2026-12-01T08:00, 2026-12-01T08:00Z or +90m.", param, ctx)


def complete_types(ctx: click.Context, param: click.Parameter, begun: str) -> list[CompletionItem]:
    """Return the names of types that begin so; none where the server does not answer at once."""
    try:
        known = connect(timeout_s=2, retry_s=0).types()
    except (DTQError, OSError):
        return []
    return [CompletionItem(kind.name, help=kind.title) for kind in known if kind.name.startswith(begun)]


json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON, as the REST API names it.")
timeout_option = click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Stop waiting after this time.",
)
PRIORITIES = click.Choice(get_args(Priority))


def task_of(client: Client, text: str) -> Task:
    """Return the task that a word names. Raises NotFound."""
    word = text.strip().lower()
    if address := _ADDRESS.match(word):
        word = address[1]
    if _PART.match(word):
        found = list(islice(client.tasks(q=word, per_page=25), 2))
        if len(found) == 1:
            word = found[0].id
    if not _WHOLE.match(word):
        raise NotFound(
            404, detail=f"There is no task {text[:60]}. Give its ID, or the last 8 characters of it."
        )
    return client.task(word)
