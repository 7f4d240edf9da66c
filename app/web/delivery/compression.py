"""Pages and static files are compressed with gzip where a browser takes it.

What is compressed is a short list: pages and their regions, and static files of text. Downloads, event
streams, pieces of files (ranges) and whatever is compressed already are sent as they are.

Of libraries, Flask-Compress would compress, but do nothing of what follows; gzip is in the standard library.

**BREACH.** Who can have a browser send many requests with chosen text, and sees the lengths of the answers,
may guess a secret that stands in the same answer. Against that: the token against forged forms is signed anew
each second, so no guess lasts; other sites' requests come without the session (SameSite); answers to what
changes something, and the pages that show secrets (`SECRETS`), are not compressed; and every other page is
lengthened by a random number of bytes, as Django does ("Heal the BREACH", IEEE Access 2022).
"""

from __future__ import annotations

import gzip
import io
import secrets
from functools import lru_cache

from flask import Flask, Response, request

PAGES = frozenset({"text/html"})
FILES = frozenset({"text/css", "text/javascript", "application/javascript", "image/svg+xml"})
SECRETS = frozenset(
    {
        "sign_in",
        "second_step",
        "passkeys",
        "single_sign_on",
        "authenticator_app",
        "profile",
        "tokens",
        "users",
    }
)
"""The blueprints whose pages show links, tokens, codes, or whose they are."""
LEAST = 860  # In bytes; a shorter answer fits into one packet anyway.
QUICK, SMALLEST = 5, 9
MOST_RANDOM = 100  # As in Django.


def _is_file() -> bool:
    return request.endpoint in ("static", "bootstrap.static")


def _may_be_compressed(response: Response) -> bool:
    if request.method != "GET" or response.status_code != 200 or request.blueprint in SECRETS:
        return False
    if "Content-Encoding" in response.headers or "Content-Range" in response.headers:
        return False
    if _is_file():
        return response.mimetype in FILES
    whole = not response.is_streamed and "Content-Disposition" not in response.headers
    return whole and response.mimetype in PAGES


def _compress(response: Response) -> Response:
    if not _may_be_compressed(response):
        return response
    response.vary.add("Accept-Encoding")
    if not request.accept_encodings.quality("gzip"):
        return response
    response.direct_passthrough = False  # A static file is read once and kept compressed.
    content = response.get_data()
    if len(content) < LEAST:
        return response
    response.set_data(_compressed_file(content) if _is_file() else compressed_page(content))
    response.headers["Content-Encoding"] = "gzip"
    etag, _ = response.get_etag()
    if etag:
        response.set_etag(etag, weak=True)  # The same content in other bytes.
    return response


@lru_cache(maxsize=100)
def _compressed_file(content: bytes) -> bytes:
    return gzip.compress(content, SMALLEST, mtime=0)


def compressed_page(content: bytes) -> bytes:
    """Return a page compressed, with a file name of random length in the header of gzip."""
    written, name = io.BytesIO(), "a" * (1 + secrets.randbelow(MOST_RANDOM))
    with gzip.GzipFile(name, "wb", QUICK, written, mtime=0) as file:
        file.write(content)
    return written.getvalue()


def init_app(app: Flask) -> None:
    app.after_request(_compress)
