"""The settings in force and the identity providers, to be read: both are changed where the server starts."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, current_app, render_template

from app.core.single_sign_on.providers import Provider
from app.extensions import services
from app.web.platform.permissions import requires
from config import in_force

blueprint = Blueprint("settings", __name__)


@blueprint.get("/settings")
@requires("settings.read")
def index() -> str:
    single_sign_on = current_app.extensions.get("single_sign_on")
    providers: Mapping[str, Provider] = getattr(single_sign_on, "providers", {})
    return render_template(
        "people/settings.html",
        rows=in_force(services().settings, current_app.extensions["sources"]),
        providers=list(providers.values()),
    )
