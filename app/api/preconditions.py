"""ETag, `If-None-Match` and `If-Match`: RFC 9110, sections 8.8.3 and 13.

A tag is the hash of what the API says of a resource. That a change meets the resource as it was tagged is up
to the core: it writes by compare-and-set on the version that was read, and raises Changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Response, request
from pydantic import BaseModel

from app.core.errors import Changed, PreconditionFailed


def tag_of(shown: BaseModel) -> str:
    """Return the tag of what is answered, without quotes; a secret that is shown once does not count."""
    secretless = shown.model_copy(update={"secret": None}) if hasattr(shown, "secret") else shown
    return hashlib.sha256(secretless.model_dump_json().encode()).hexdigest()[:32]


def tagged(shown: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Any:
    """Return an answer with its ETag, or 304 to who has it already."""
    tag = tag_of(shown)
    told = {**(headers or {}), "ETag": f'"{tag}"'}
    if request.method in ("GET", "HEAD") and request.if_none_match.contains_weak(tag):
        return Response(status=304, headers=told)
    return shown, status, told


@contextmanager
def if_matched(shown: BaseModel) -> Iterator[None]:
    """Let a change be made to what was read, if it is what the program knows by `If-Match`.

    Without the header, nothing is asked. Raises PreconditionFailed, also where it is changed meanwhile.
    """
    if "If-Match" not in request.headers:
        yield
        return
    # Also by a weak tag: what compresses answers, here and in proxies, makes tags weak.
    if not request.if_match.contains_weak(tag_of(shown)):
        raise PreconditionFailed
    try:
        yield
    except Changed:
        raise PreconditionFailed from None
