"""Spares each further HTTP client of a process the reading of the certificates: 10 to 20 ms each."""

from __future__ import annotations

import os
import ssl
from functools import cache
from typing import Any

import httpcore2

_read: Any = httpcore2.default_ssl_context


def teach() -> None:
    """Hold for the whole process."""
    httpcore2.default_ssl_context = ssl_context  # type: ignore[assignment]


def ssl_context(*, _trust_env: bool = True) -> ssl.SSLContext:
    """Return what httpcore2 returns; it depends on nothing else."""
    return _context(_trust_env, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@cache
def _context(trust_env: bool, file: str | None, folder: str | None) -> ssl.SSLContext:
    return _read(_trust_env=trust_env)
