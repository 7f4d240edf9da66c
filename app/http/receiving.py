"""How files come in.

A file that is the body of its request goes into the store as it comes. In a form it is one part of many:
Werkzeug writes it to a temporary file first, because what follows may yet be wrong.
"""

from __future__ import annotations

from typing import IO, cast

from flask import request
from werkzeug.datastructures import FileStorage
from werkzeug.wsgi import LimitedStream

from app.core.errors import Invalid
from app.core.files.store import too_large
from dtq.filenames import safe_name

FORM = "multipart/form-data"
BODY = "application/octet-stream"


def sent(most: int, name: str, content_type: str | None) -> list[FileStorage]:
    """Return the file of this request: its body, which the caller names, or the part `file` of a form.

    Raises TooLarge before anything of it is read, and Invalid.
    """
    if request.mimetype == FORM:
        return request.files.getlist("file")
    length = request.content_length
    if request.mimetype != BODY or length is None:
        raise Invalid(f"Send the file as the body of the request, as {BODY}, with its length.")
    name = safe_name(name)
    if length > most:
        raise too_large(name, most)
    # Gunicorn ends a body that broke off as if it were whole; this says ClientDisconnected.
    body = cast(IO[bytes], LimitedStream(request.stream, length))
    return [FileStorage(body, name, content_type=content_type, content_length=length)]
