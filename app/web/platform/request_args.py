"""What a request asks for, read strictly: ids of tasks, a few named values, attempts, a priority.

The filters of the list have an object of their own: `app.core.listing.filter.TaskFilter`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from bson import ObjectId
from flask import request

from app.core.errors import BadQuery, Conflict, Invalid, NotFound
from app.core.listing.filter import TaskFilter
from app.core.tasks.states import Priority
from app.core.tasks.task import Task, parse_task_id
from app.extensions import services
from app.web.platform.permissions import current_person

SENT_BEFORE = (
    "This form was already sent, so nothing more was created. What it created is listed here; its secret is "
    "shown once. If you didn't copy it, revoke or delete that entry and create another."
)
LIVE_ROWS = 120  # More ids would not fit into an address that every server takes (4,094 bytes).


def task_filter() -> TaskFilter:
    """Raises BadQuery."""
    return TaskFilter.parse(request.args.to_dict(flat=False))


def task_id_of(text: str) -> ObjectId:
    """Raises NotFound for what cannot be an id, with what one looks like."""
    task_id = parse_task_id(text)
    if task_id is None:
        raise NotFound(f"“{text[:60]}” isn't a valid task ID. Task IDs are 24 characters (0–9, a–f).")
    return task_id


def task_ids(args: Mapping[str, list[str]]) -> list[ObjectId]:
    """The ids that a list asks about again, in a query string with nothing else. Raises BadQuery."""
    texts = _only(args, "ids").get("ids", "").split(".")
    ids = [found for found in map(parse_task_id, texts) if found]
    if len(ids) != len(texts) or len(ids) > LIVE_ROWS:
        raise BadQuery(f"“ids” takes up to {LIVE_ROWS} task IDs, joined by dots.")
    return ids


def only(*names: str) -> dict[str, str]:
    """The query string, when it holds nothing but these names, each once. Raises BadQuery."""
    return _only(request.args.to_dict(flat=False), *names)


def _only(asked: Mapping[str, list[str]], *names: str) -> dict[str, str]:
    for name, values in asked.items():
        if name in names and len(values) > 1:
            raise BadQuery(f"Give “{name}” once.")
        if name not in names:
            raise BadQuery(f"“{name[:60]}” is not understood here. Please leave it out of the address.")
    return {name: values[0] for name, values in asked.items()}


def attempt_of(task: Task, text: str) -> int | None:
    """The number of an attempt; None when none is asked for, which means the newest. Raises BadQuery."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 7) or not 0 < int(text) <= task.attempt:
        raise BadQuery(f"There is no attempt “{text[:20]}” of this task; it had {task.attempt} so far.")
    return int(text)


def submission_key_of(form: Mapping[str, str]) -> str:
    """Return the key of a button that makes one task at most, however often it is sent. Raises BadQuery."""
    key = form.get("submission_key", "")
    if not re.fullmatch(r"[A-Za-z0-9_-]{16,64}", key):
        raise BadQuery("This button is incomplete. Open the page again.")
    return key


def require_unsent(form: Mapping[str, str]) -> None:
    """Raise Conflict for a form that its person has sent before: its answer showed a secret, once."""
    key = form.get("submission_key", "")
    if key and not services().sent_forms.claim(f"{current_person().id} {key}"):
        raise Conflict(SENT_BEFORE)


def number_of(form: Mapping[str, str], name: str) -> int:
    """Return a number that a button of ours has. Raises BadQuery."""
    if not re.fullmatch(r"[0-9]{1,14}", form.get(name, ""), re.ASCII):
        raise BadQuery("This button is incomplete. Open the page again.")
    return int(form[name])


def priority_of(word: str) -> Priority:
    """Raises Invalid."""
    try:
        return Priority.from_word(word)
    except ValueError:
        raise Invalid("The priority is one of: high, medium, low. Nothing was changed.") from None
