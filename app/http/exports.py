"""Rows as a file to be saved, written while they are read: in memory that does not grow with them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, islice

from flask import Response

from app.core.clock import utcnow
from app.core.errors import Invalid
from app.core.exports.fields import Fields, Values
from app.core.exports.formats import FORMATS
from app.http.sending import INERT


def require_format(chosen: str) -> str:
    """Return a format that there is. Raises Invalid."""
    if chosen not in FORMATS:
        raise Invalid(f"Choose a format: {', '.join(FORMATS)}.", {"format": "Choose a format."})
    return chosen


def exported(name: str, chosen: str, fields: Fields, rows: Iterable[Values]) -> Response:
    """Return rows as a file of a format, named after today."""
    written_as = FORMATS[chosen]
    pieces = written_as.write(fields, rows)
    begun = list(islice(pieces, 2))  # With the first rows: what MongoDB refuses is still an error.
    response = Response(chain(begun, pieces), content_type=written_as.content_type)
    file_name = f"{name}-{utcnow():%Y-%m-%d}.{chosen}"
    response.headers["Content-Disposition"] = f'attachment; filename="{file_name}"'
    response.headers["Content-Security-Policy"] = INERT
    return response
