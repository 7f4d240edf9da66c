"""`GET /metrics`, and handing on what a web process has counted."""

from __future__ import annotations

import time

from flask import Blueprint, Flask, Response, request
from prometheus_client.exposition import choose_encoder

from app.core import mongo as database
from app.core.services import Services
from app.core.statistics.metrics import STORE
from app.extensions import services
from app.http.permission import requires
from app.web.monitoring.exposition import registry
from app.web.platform.pulse import live

blueprint = Blueprint("monitoring", __name__)


@blueprint.get("/metrics")
@requires("metrics.read")
def metrics() -> Response:
    """The figures of all processes, in the format that the scraper asks for."""
    core = services()
    _time_stores(core)
    core.meter.flush()
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    text = encode(registry(core, live().pulse(), core.meter.read()))
    return Response(text, content_type=content_type, headers={"Cache-Control": "no-store"})


def _time_stores(core: Services) -> None:
    """Count how long the stores take to answer; of one that does not, there is no time."""
    began = time.monotonic()
    if database.answers(core.db):
        core.meter.observe(STORE, time.monotonic() - began, "mongodb", "web")
    began = time.monotonic()
    if live().ask_queue(core.queues.depths) is not None:
        core.meter.observe(STORE, time.monotonic() - began, "redis", "web")


def init_app(app: Flask) -> None:
    """After an answer, hand on what was counted; nobody waits for a Redis that was just found away."""

    @app.after_request
    def hand_on(response: Response) -> Response:
        core: Services | None = app.extensions.get("services")
        if core and live().may_ask_queue:
            core.meter.flush_if_due()
        return response
