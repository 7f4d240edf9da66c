"""How long a worker waits for a store: nobody watches it, so longer than a page does."""

from __future__ import annotations

import dataclasses

from config import Settings

STORE_TIMEOUT_MS = 5_000


def patient(settings: Settings) -> Settings:
    """The settings with the timeouts of a worker."""
    return dataclasses.replace(
        settings,
        mongodb_timeout_ms=max(STORE_TIMEOUT_MS, settings.mongodb_timeout_ms),
        redis_timeout_ms=max(STORE_TIMEOUT_MS, settings.redis_timeout_ms),
    )
