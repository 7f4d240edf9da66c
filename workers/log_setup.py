"""Where the lines of a worker go and how they are written (LOG_FORMAT, LOG_LEVEL; `app.core.log_lines`)."""

from __future__ import annotations

import logging
import sys

from app.core.log_lines import formatter
from config import Settings


def set_up(settings: Settings, worker: str = "") -> None:
    """Send every logger's lines to standard error, with the name of the worker where they are JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(settings.log_format, worker))
    logging.basicConfig(handlers=[handler], level=settings.log_level.upper(), force=True)
