"""The stores of the web process: how they are connected, made ready, and found by a view."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

import pymongo
from flask import Flask, request
from flask_pymongo import PyMongo
from pymongo.errors import PyMongoError

from app.core import clock
from app.core import mongo as database
from app.core.errors import DatabaseUnavailable, UnsupportedDatabase
from app.core.queue import connection
from app.core.schema import indexes, version
from app.core.services import Services, assemble
from app.core.sign_in.first_start import say_first_link
from app.core.store_errors.advice import reason, unusable
from app.extensions import advice_about
from app.web.platform.permissions import LIBRARY_ROUTES
from app.web.platform.security import PROBES
from config import Settings

INDEXES_WITHIN_S = 60


def connect(app: Flask, settings: Settings) -> Services:
    """The core over MongoDB by Flask-PyMongo, and Redis; neither is talked to yet."""
    with database.parsed():
        mongo = PyMongo(app, settings.mongodb_uri, **database.client_options(settings))
        assert mongo.cx is not None  # noqa: S101 - made by the line above
        db = mongo.cx.get_default_database("taskqueue")
    return assemble(settings, db, connection.connect(settings.redis_url, settings.redis_timeout_ms))


class Readiness:
    """Makes MongoDB ready before the first page that needs it, and measures its clock now and then."""

    def __init__(self, db: database.Mongo) -> None:
        self._db = db
        self._due = 0.0

    def ensure(self) -> None:
        """Raises DatabaseUnavailable when MongoDB cannot be used, UnsupportedDatabase when it has another
        format; the next request tries again."""
        if time.monotonic() < self._due:
            return
        first = not self._due
        if not database.answers(self._db):
            cause = database.why_away(self._db)
            raise DatabaseUnavailable(unusable("MONGODB_URI", cause), cause)
        version.require(self._db)
        if first:
            with database.creating_indexes(self._db), pymongo.timeout(INDEXES_WITHIN_S):
                indexes.create_indexes(self._db)
        clock.synchronise(self._db)
        self._due = time.monotonic() + clock.EVERY_S


def _ensure(readiness: Readiness) -> None:
    if request.endpoint and request.endpoint not in PROBES and request.endpoint not in LIBRARY_ROUTES:
        readiness.ensure()


def warn(app: Flask, error: BaseException) -> None:
    """Say in the log, once a minute, why a store cannot be used; nothing where the error is of none."""
    core: Services = app.extensions["services"]
    if why := core.explain(error):
        core.lasting.warning(app.logger, "", why, "%s", why)


def announce(app: Flask) -> None:
    """Say in the log of a server that starts what is wrong with its stores.

    In a thread, as a store that is away takes its time.
    """
    core: Services = app.extensions["services"]

    def look() -> None:
        for trouble in core.troubles():
            warn(app, trouble)
        try:
            version.require(core.db)
        except UnsupportedDatabase as error:
            app.logger.error("%s No page is served until then.", error)
        except PyMongoError:  # Said above.
            pass

    threading.Thread(target=look, name="stores", daemon=True).start()


def say_bootstrap_link(app: Flask) -> None:
    """Write the link by which the first administrator is made into the log, where there are no users."""
    core: Services = app.extensions["services"]

    def say(path: str) -> None:
        app.logger.warning(
            "There are no users yet. Make the first administrator by this link, which works once, for 24 "
            "hours: %s at the address of this server",
            core.settings.web_prefix + path,
        )

    say_first_link(core.db, core.administration, say, local=False)


def init_app(app: Flask, settings: Settings, given: Services | None, sources: Mapping[str, str]) -> None:
    app.extensions["sources"] = sources
    app.extensions["services"] = given or connect(app, settings)
    if given is None:
        readiness = Readiness(app.extensions["services"].db)
        app.before_request(lambda: _ensure(readiness))
    app.context_processor(
        lambda: {"environment": settings.environment, "advice_about": advice_about, "reason_of": reason}
    )
