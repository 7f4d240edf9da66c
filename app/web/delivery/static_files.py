"""Static files: addresses that change with their content, so that browsers keep them for good."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from flask import Flask, Response, g, request, url_for

FOREVER = "public, max-age=31536000, immutable"


def static_version(folder: Path) -> str:
    """Return a hash of all static files, a folder in their addresses that relative imports inherit."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def init_app(app: Flask) -> None:
    """Serve static files also below their version, which is any word: an old page still gets its files.

    Below the current one they never change. Below another one they may be those of another server while a
    new version is installed on several, and are cached as briefly as without a version.
    """
    folder = Path(app.static_folder or "")
    version = static_version(folder)

    def static_url(name: str) -> str:
        current = static_version(folder) if app.debug else version
        return url_for("static", version=current, filename=name)

    @app.url_value_preprocessor
    def drop_version(endpoint: str | None, values: dict[str, Any] | None) -> None:
        if endpoint == "static" and values:
            g.static_version = values.pop("version", None)

    @app.after_request
    def keep(response: Response) -> Response:
        if request.endpoint == "static" and g.get("static_version") == version and not app.debug:
            response.headers["Cache-Control"] = FOREVER
        return response

    app.add_url_rule("/static/v-<version>/<path:filename>", endpoint="static")
    app.add_template_global(static_url)
