"""Which part of a file a request asks for, and whether it has it already: RFC 9110, sections 13 and 14.

Not left to Werkzeug's `make_conditional`, which answers 416 to several ranges, to other units and to a
suffix that is longer than the file, and reads from the start to where a range begins.
"""

from __future__ import annotations

from flask import Request
from werkzeug.exceptions import RequestedRangeNotSatisfiable


def known(request: Request, etag: str) -> bool:
    """Whether the client says that it has this content (`If-None-Match`)."""
    return request.if_none_match.contains_weak(etag)


def wanted(request: Request, etag: str, size: int) -> tuple[int, int] | None:
    """The first byte and the one after the last of the one range that is asked for; None for the whole.

    The whole is the answer, too, to several ranges, to units other than bytes, to a range of something that
    has changed (`If-Range`), and to any range of an empty file. Raises RequestedRangeNotSatisfiable.
    """
    asked = request.range
    if request.method != "GET" or asked is None or asked.units != "bytes" or not size:
        return None
    if len(asked.ranges) != 1 or not _still(request, etag):
        return None
    start, stop = asked.ranges[0]
    if start < 0:
        return max(0, size + start), size
    if start >= size:
        raise RequestedRangeNotSatisfiable(size)
    return start, size if stop is None else min(stop, size)


def _still(request: Request, etag: str) -> bool:
    """Whether the rest fits to what the client has: it names the same content, by its strong tag."""
    given = request.headers.get("If-Range")
    return given is None or given.strip() == f'"{etag}"'
