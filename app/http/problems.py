"""A refusal as a program reads it: problem details for HTTP (RFC 9457)."""

from __future__ import annotations

import re
from typing import Any

from app.core.log_lines import request_id

CONTENT_TYPE = "application/problem+json"


def code_of(kind: type[BaseException]) -> str:
    """Return the name of an error's class as programs read it: NotFound is not-found."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", kind.__name__).lower()


def problem_body(code: str, title: str, status: int, detail: str) -> dict[str, Any]:
    """Return the members of a problem that every refusal has, the ID of the current request included."""
    return {
        "type": f"urn:dtq:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "request_id": request_id(),
    }
