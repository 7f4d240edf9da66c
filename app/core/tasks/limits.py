"""What may be chosen about any task besides its parameters: forms and programs are held to the same."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.core.clock import utcnow
from app.core.errors import Invalid
from app.core.tasks.task import tag_of

MAX_TAGS = 10
MAX_TAG = 40
MAX_ATTEMPTS = 100
MAX_TIMEOUT_S = 7 * 24 * 3600
FURTHEST = timedelta(days=3650)
JUST_NOW = timedelta(minutes=2)

TOO_MANY_TAGS = f"Use {MAX_TAGS} tags or fewer."
TOO_LONG_TAG = f"A tag has at most {MAX_TAG} characters."
IN_TEN_YEARS = "Enter a time within the next 10 years."


def wrong_tags(tags: tuple[str, ...]) -> str:
    """Return what is wrong with tags, as a sentence, or nothing."""
    if len(tags) > MAX_TAGS:
        return TOO_MANY_TAGS
    return TOO_LONG_TAG if any(len(tag) > MAX_TAG for tag in tags) else ""


def one_tag(text: str) -> str:
    """Return the tag that somebody typed. Raises Invalid."""
    tag = tag_of(text)
    if not tag or "," in tag:
        raise Invalid("Enter one tag, without a comma.", {"tag": "Enter one tag, without a comma."})
    if len(tag) > MAX_TAG:
        raise Invalid(TOO_LONG_TAG, {"tag": TOO_LONG_TAG})
    return tag


def wrong_run_at(moment: datetime | None) -> str:
    """Return what is wrong with the time to run at, aware UTC, as a sentence, or nothing."""
    if moment and moment < utcnow() - JUST_NOW:
        return "This time has passed. Leave the field empty to run now."
    return IN_TEN_YEARS if moment and moment > utcnow() + FURTHEST else ""
