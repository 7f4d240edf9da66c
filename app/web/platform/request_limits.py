"""How files come in, and the bounds of what a request may hold.

A file that the page sends is the body of its request, and goes into the store as it comes. In a form it is
one part of many: Werkzeug writes it to a temporary file first, because what follows may yet be wrong.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterable
from typing import IO, TYPE_CHECKING, cast

from flask import Flask, request
from werkzeug.datastructures import FileStorage
from werkzeug.wsgi import LimitedStream

from app.core.errors import Invalid, NoRoom, TooLarge
from app.core.files.store import too_large
from app.web.platform.request_args import only
from config import Settings
from dtq.filenames import safe_name

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

MB = 2**20
IN_MEMORY = 4 * MB  # What is not a file is held in memory.
STALLED_S = 60
FORM = "multipart/form-data"
BODY = "application/octet-stream"
FILE_ROUTES = frozenset({"create.upload"})


def sent(most: int) -> list[FileStorage]:
    """The file of this request: its body, named by `?name=` and `?type=`, or the part `file` of a form.

    Raises TooLarge before anything of it is read, Invalid, and BadQuery.
    """
    if request.mimetype == FORM:
        return request.files.getlist("file")
    length = request.content_length
    if request.mimetype != BODY or length is None:
        raise Invalid(f"Please send the file as the body of the request, as {BODY}, with its length.")
    about = only("name", "type")
    name = safe_name(about.get("name", ""))
    if length > most:
        raise too_large(name, most)
    # Gunicorn ends a body that broke off as if it were whole; this says ClientDisconnected.
    body = cast(IO[bytes], LimitedStream(request.stream, length))
    return [FileStorage(body, name, content_type=about.get("type"), content_length=length)]


def _bound(most: int) -> None:
    """Only files may be larger than what is held in memory, and a form with files needs room on disk.

    Raises TooLarge and NoRoom before anything is read.
    """
    if request.mimetype == FORM:
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
