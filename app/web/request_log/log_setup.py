"""How the lines of a process that serves pages are written (LOG_FORMAT, LOG_LEVEL), under any WSGI server.

gunicorn does this itself (`app.gunicorn_logger`), because it logs before there is an application.
"""

from __future__ import annotations

import logging
import sys

import click
from werkzeug.serving import WSGIRequestHandler

from app.core.log_lines import formatter
from config import Settings


def set_up(settings: Settings) -> None:
    """Write lines to standard error, unless the server has set up a log; a command's warnings stay plain."""
    context = click.get_current_context(silent=True)
    if context is not None and context.info_name != "run":
        return
    if context is not None:
        _quiet_development_server(settings)
    if not logging.getLogger().handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(formatter(settings.log_format))
        logging.basicConfig(handlers=[handler], level=settings.log_level.upper())


def _quiet_development_server(settings: Settings) -> None:
    """Leave requests to our log. What else it says is for a person in front of it, unless JSON is wanted."""
    WSGIRequestHandler.log_request = lambda *_: None  # type: ignore[method-assign]  # what `http.server` documents to override
    if settings.log_format == "text":
        logger = logging.getLogger("werkzeug")
        logger.addHandler(logging.StreamHandler(sys.stderr))
        logger.propagate = False
