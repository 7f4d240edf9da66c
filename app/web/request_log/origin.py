"""Where the current request comes from, for the audit."""

from __future__ import annotations

from flask import g, has_request_context, request

from app.core.people.person import Origin
from app.web.request_log.request_record import address_in, record_in


def current_origin() -> Origin:
    """Return the origin of the current request; of a command where there is none.

    What proves who acts sets ``g.via``, where it is not a session.
    """
    if not has_request_context():
        return Origin()
    record = record_in(request.environ)
    return Origin(address_in(request.environ), record.id if record else "", g.get("via", "session"))
