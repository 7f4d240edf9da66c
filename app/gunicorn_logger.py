"""The log of gunicorn, and of the application in it, as LOG_FORMAT says.

gunicorn's master loads this before the application: it imports nothing of ours but `log_lines`.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from gunicorn.glogging import Logger

from app.core.log_lines import formatter


class TextLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's own, whose handlers write lines of ours; so does the root's, which the application uses."""

    log_format = "text"

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        root = logging.StreamHandler(sys.stderr)
        logging.basicConfig(handlers=[root], level=self.loglevel, force=True)
        for handler in (root, *self.error_log.handlers, *self.access_log.handlers):
            handler.setFormatter(formatter(self.log_format))


class JsonLogger(TextLogger):
    """The same in JSON."""

    log_format = "json"
