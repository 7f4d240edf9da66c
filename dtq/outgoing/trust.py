"""Whose certificates are believed."""

from __future__ import annotations

import ssl


def trust() -> ssl.SSLContext:
    """Certificates and names are always checked, by what this machine believes and by Mozilla's list."""
    import certifi

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
