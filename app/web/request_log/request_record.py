"""What is known of the current request besides what Flask knows: its ID, and what its log line says.

The ID is random; one that a proxy gives is used only where proxies are trusted (WEB_PROXIES), and only if it
is plain.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

HEADER = "X-Request-Id"
KEY = "task_queue.request"
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
_ADDRESS = re.compile(r"[0-9A-Fa-f.:]{2,45}(%[\w.-]{1,20})?")


@dataclass
class RequestRecord:
    """A request in the making of its answer. ``bytes`` are those of the body that were sent."""

    id: str
    began_s: float = field(default_factory=time.perf_counter)
    status: int = 0
    bytes: int = 0
    endpoint: str | None = None
    person: str = ""
    person_name: str = ""

    @classmethod
    def of(cls, environ: WSGIEnvironment, *, trusted: bool) -> RequestRecord:
        given = environ.get("HTTP_X_REQUEST_ID", "") if trusted else ""
        return cls(given if _PLAIN.fullmatch(given) else secrets.token_hex(8))


def record_in(environ: Mapping[str, Any]) -> RequestRecord | None:
    """Return the record of a request; None where no middleware has made one, as in some tests."""
    return cast("RequestRecord | None", environ.get(KEY))


def address_in(environ: Mapping[str, Any]) -> str:
    """Return the client's address, behind the trusted proxies; empty for what is no address."""
    address = str(environ.get("REMOTE_ADDR") or "")
    return address if _ADDRESS.fullmatch(address) else ""
