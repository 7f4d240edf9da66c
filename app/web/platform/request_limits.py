"""The bounds of what a request may hold. How a file comes in is in `app.http.receiving`."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask, request

from app.core.errors import NoRoom, TooLarge
from app.http.receiving import BODY, FORM
from config import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

MB = 2**20
IN_MEMORY = 4 * MB  # What is not a file is held in memory.
STALLED_S = 60
BATCH_ROUTE, BATCH_BYTES = "api.batches.create_batch", 8 * MB
FILE_ROUTES = frozenset({"create.upload", "api.contents.upload_file"})


def _bound(most: int) -> None:
    """Only files may be larger than what is held in memory, and a form with files needs room on disk.

    Raises TooLarge and NoRoom before anything is read.
    """
    if request.endpoint == BATCH_ROUTE:
        request.max_content_length = BATCH_BYTES
    elif request.mimetype == FORM:
        request.max_content_length = most + MB
        _admit(request.content_length or 0, most)
    elif request.mimetype == BODY and request.endpoint in FILE_ROUTES:
        request.max_content_length = sys.maxsize  # It is counted while it is stored.


def _admit(length: int, most: int) -> None:
    if length > most + MB:
        raise TooLarge(
            f"What was sent is larger than {most // MB} MB, the limit here. Please choose a smaller file."
        )
    if length > IN_MEMORY and length > shutil.disk_usage(tempfile.gettempdir()).free:
        raise NoRoom(
            "There is no room on the server's disk for a file of this size, so nothing was kept. "
            "Please try again later, or tell the administrator."
        )


def _cut_when_stalled(application: WSGIApplication) -> WSGIApplication:
    """Free the thread of a client that neither sends nor takes a byte for a minute."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        connection = environ.get("gunicorn.socket")
        if connection is not None:
            connection.settimeout(STALLED_S)
        return application(environ, start_response)

    return answer


def init_app(app: Flask, settings: Settings) -> None:
    most = settings.upload_max_mb * MB
    app.wsgi_app = _cut_when_stalled(app.wsgi_app)  # type: ignore[assignment, method-assign]  # how Flask documents to wrap an application
    app.before_request(lambda: _bound(most))
