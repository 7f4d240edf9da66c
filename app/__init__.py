"""The web application, put together: :func:`create_app` is a list of what it is made of.

Flask is imported when an application is made, and not with the package: workers import `app.core`, and
they have no use for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Flask

    from app.core.services import Services
    from config import Settings

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {"template_folder": str(ROOT / "templates"), "static_folder": str(ROOT / "static")}


def create_app(settings: Settings | None = None, services: Services | None = None) -> Flask:
    """Return the WSGI application; it connects to nothing before its first request.

    Without ``settings``, as under `flask` with FLASK_APP=app, those of this process's environment are used;
    raises SettingsError. ``services`` are given by tests; otherwise they are made over the stores that the
    settings name.
    """
    from flask_bootstrap import Bootstrap5

    from app import cli
    from app.cli.startup import settings_of_process
    from app.http.addresses import AddressedFlask
    from app.web.platform import (
        errors,
        filters,
        flashes,
        permissions,
        pulse,
        request_limits,
        security,
        stores,
    )
    from app.web.request_log import log_setup, middleware
    from app.web.sign_in import proxy_header, second_step, single_sign_on

    sources: Mapping[str, str] = {}
    if settings is None:
        settings, sources = settings_of_process()
        log_setup.set_up(settings)
    app = AddressedFlask(__name__, **FOLDERS)
    app.config.from_mapping(security.flask_settings(settings))
    Bootstrap5(app)
    # Each of these may refuse a request, in this order: a strange host or site, stores that are away, a
    # person who may not, a body that is too large, a forged form.
    middleware.init_app(app, settings)
    security.init_app(app, settings)
    stores.init_app(app, settings, services, sources)
    single_sign_on.init_app(app, settings)
    proxy_header.init_app(app, settings)
    permissions.init_app(app)
    second_step.init_app(app)
    request_limits.init_app(app, settings)
    security.protect_forms(app)
    errors.init_app(app)
    filters.init_app(app)
    flashes.init_app(app)
    pulse.init_app(app)
    cli.init_app(app)
    _add_pages(app, settings)
    return app


def _add_pages(app: Flask, settings: Settings) -> None:
    """Add the pages, a room after the other, the API, and how all of it is sent."""
    from app.api import openapi
    from app.streams import response as streams
    from app.web.batches import create_views as many_new
    from app.web.batches import views as batches
    from app.web.bulk import pages as bulk_pages
    from app.web.bulk import views as bulk_views
    from app.web.create import views as create
    from app.web.delivery import compression, static_files
    from app.web.home import views as dashboard
    from app.web.logs import log_page
    from app.web.monitoring import views as monitoring
    from app.web.operations import views as operations
    from app.web.people import audit_views, notifications, profile, tokens, users
    from app.web.people import settings as settings_page
    from app.web.request_log import traces
    from app.web.sign_in import authenticator_app, passkeys, second_step, sign_in, single_sign_on
    from app.web.tasks import actions, downloads, exports, list_page, saved_views, task_page

    signing_in = (sign_in, second_step, passkeys, single_sign_on)
    people = (profile, authenticator_app, tokens, notifications, users, settings_page, audit_views)
    tasks = (list_page, task_page, actions, saved_views, downloads, exports, log_page)
    listed = (*tasks, bulk_views, bulk_pages, create, many_new, batches)
    rooms = (dashboard, *signing_in, *people, operations, monitoring, *listed)
    for blueprint in dict.fromkeys(room.blueprint for room in rooms):  # Modules may share one.
        app.register_blueprint(blueprint)
    passkeys.init_app(app)
    openapi.init_app(app, settings)
    streams.init_app(app)
    monitoring.init_app(app)
    traces.init_app(app, settings)  # What is refused before has no span.
    static_files.init_app(app)
    compression.init_app(app)
