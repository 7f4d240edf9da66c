"""How stored files and other content leave: as an attachment that no browser renders, whole or in part.

A file can be fetched in parts (`ranges`), so that a download that broke off is resumed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from typing import Any
from urllib.parse import quote

from flask import Response, request

from app.core.files.store import StoredFile
from app.core.secrets.secret import masked
from app.extensions import access
from app.http import ranges

# Types that may be named; anything else, HTML and SVG above all, goes as bytes.
NAMED_TYPES = frozenset(
    {
        "application/json",
        "application/x-ndjson",
        "application/vnd.apache.parquet",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "text/csv",
        "text/plain",
        "text/tab-separated-values",
    }
)
INERT = "default-src 'none'; frame-ancestors 'none'; sandbox"


def as_json(value: Any) -> str:
    """Return a value as indented JSON, for a block or a download; secrets are masked."""
    return json.dumps(masked(value), ensure_ascii=False, indent=2, default=str)


def streamed(stored: StoredFile, shown_as: str | None = None) -> Response:
    """Return a file, the part of it that is asked for, or only that it is the one that the client has."""
    etag = stored.sha256 or str(stored.id)
    if ranges.known(request, etag):
        response = Response(status=304)
    else:
        response = _part(stored, ranges.wanted(request, etag, stored.size), shown_as)
    response.set_etag(etag)
    response.accept_ranges = "bytes"
    return response


def _part(stored: StoredFile, wanted: tuple[int, int] | None, shown_as: str | None) -> Response:
    start, stop = wanted or (0, stored.size)
    chunks = access().files.chunks(stored, start, stop)
    # What is not there any more is found out before anything is sent.
    first = next(chunks, b"") if request.method == "GET" else b""
    kind = stored.content_type if stored.content_type in NAMED_TYPES else "application/octet-stream"
    response = attachment(chain([first], chunks), stored.name, shown_as or kind)
    response.call_on_close(chunks.close)
    response.content_length = stop - start
    if wanted:
        response.status_code = 206
        response.content_range.set(start, stop, stored.size)
    return response


def attachment(content: str | Iterator[bytes], name: str, content_type: str) -> Response:
    """Return content as a file to be saved under a name."""
    response = Response(content, content_type=content_type)
    plain = "".join(
        char if char.isascii() and char.isprintable() and char not in '"\\' else "_" for char in name
    )
    response.headers["Content-Disposition"] = (
        f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    )
    response.headers["Content-Security-Policy"] = INERT
    return response
