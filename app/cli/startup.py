"""The settings of this process, for an application that starts: by `flask`, by gunicorn, by any WSGI server.

Under `flask`, what is wrong is a message and exit code 1, as click has no use for our exceptions.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import click
from flask import Flask
from flask.helpers import get_debug_flag

from app.core.failpoints import arm
from app.core.log_lines import start_up_line
from app.core.services import Services
from app.core.sign_in.first_start import say_first_link
from app.core.single_sign_on.providers import read_providers
from app.core.statistics.traces import require_installed
from config import SECRET_NAMES, Settings, SettingsError, load
from environment import effective, is_loopback

LOCAL_ONLY = (
    "--host: with ENVIRONMENT=local, which FLASK_ENV=development and --debug count as, the server is for "
    "this machine only. Leave --host out, or set ENVIRONMENT=production and a SECRET_KEY."
)
NO_DEBUGGER = (
    "--host: with --debug the server is for this machine only, as its debugger runs any code it is sent. "
    "Leave --host or --debug out."
)


def settings_of_process() -> tuple[Settings, Mapping[str, str]]:
    """Return the settings, and where those come from that the process was not given itself.

    Raises SettingsError; under `flask`, SystemExit after a message.
    """
    context = click.get_current_context(silent=True)
    try:
        return _settings(_host(context))
    except SettingsError as error:
        if context is None:
            raise
        click.echo(start_up_line(str(error), os.environ), err=True)
        raise SystemExit(1) from None


def _settings(host: str) -> tuple[Settings, Mapping[str, str]]:
    found = effective(os.environ)
    settings = load(found.values)
    read_providers(settings.identity_providers)  # What is wrong with the file is said as the rest is.
    arm(found.values)
    require_installed(settings)
    for name, value in found.values.items():
        if name.startswith("OTEL_") and name not in SECRET_NAMES:
            os.environ.setdefault(name, value)  # OpenTelemetry reads no `.env`.
    if not is_loopback(host) and (settings.local or get_debug_flag()):
        raise SettingsError([LOCAL_ONLY if settings.local else NO_DEBUGGER])
    if found.note and not _said(os.environ):
        click.echo(found.note, err=True)
    return settings, found.sources


def say_where_to_sign_in(app: Flask) -> None:
    """Print the link that signs the local person in, where `flask run` starts a server for them."""
    context = click.get_current_context(silent=True)
    core: Services = app.extensions["services"]
    if context is None or context.info_name != "run" or not core.settings.local or _said(os.environ):
        return
    prefix = core.settings.web_prefix
    host, port = context.params.get("host") or "127.0.0.1", context.params.get("port") or 5000

    def say(path: str) -> None:
        click.echo(f"Sign in by this link, once: http://{host}:{port}{prefix}{path}", err=True)

    say_first_link(core.db, core.administration, say, local=True)


def _host(context: click.Context | None) -> str:
    """Return where `flask run` is about to listen; loopback for any other command."""
    running = context is not None and context.info_name == "run"
    return str(context.params.get("host", "localhost")) if context and running else "localhost"


def _said(env: Mapping[str, str]) -> bool:
    """Return whether the parent of this process has said what there is to say: the reloader, gunicorn."""
    return env.get("WERKZEUG_RUN_MAIN") == "true" or env.get("SERVER_SOFTWARE", "").startswith("gunicorn/")
