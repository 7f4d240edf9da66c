"""A browser, and everything a person would have behind it: stores, web server and workers, as processes."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from app import create_app
from app.core.services import Services
from app.local.servers import stores
from config import Settings
from tests.plugins.chromium import Chromium
from tests.rig.fleet import Fleet, fleet
from tests.rig.web import Web
from tests.signing_in import link

TASK = re.compile(r"/tasks/[0-9a-f]{24}$")  # the address of a task's page


def whole(app: Any) -> Any:
    """The application with answers in one piece: Werkzeug leaves a file open when a browser is gone."""

    def call(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        with closing(app(environ, start_response)) as pieces:
            return [b"".join(pieces)]

    return call


@pytest.fixture
def address(chromium: Chromium, settings: Settings, services: Services) -> Iterator[str]:
    """A web server over stores in memory, without workers; the address has no slash at its end."""
    server = make_server("127.0.0.1", 0, whole(create_app(settings, services)), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    chromium.sign_in(server.server_port, link(services))
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class Site(Fleet):
    """A fleet with a web server in front of it; ``address`` has no slash at its end."""

    web: Web
    address = ""

    def serve(self) -> None:
        self.web = Web(self.env, self.log.with_name("web.log"))
        self.env["WEB_BIND"] = f"127.0.0.1:{self.web.port}"
        self.address = self.web.address
        self.web.start()

    def close(self) -> None:
        self.web.stop()
        super().close()


@pytest.fixture(scope="module")
def site(chromium: Chromium, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Stores from the wheels, gunicorn, and one worker with the built-in task types."""
    folder: Path = tmp_path_factory.mktemp("site")
    with ExitStack() as stack:
        started = stack.enter_context(stores(folder))
        made = stack.enter_context(
            fleet(started, "site", folder, Site, TASK_MODULES="dtq_library", SECRET_KEY="tests-only")
        )
        made.serve()
        chromium.sign_in(made.web.port, link(made.services))
        made.start()
        yield made


@contextmanager
def unbroken(context: Any) -> Iterator[Any]:
    """A page of a fresh profile; a broken script and a violation of the policy fail the test."""
    opened = context.new_page()
    broken: list[str] = []
    opened.on("pageerror", lambda error: broken.append(str(error)))
    opened.on(
        "console", lambda said: broken.append(said.text) if "Content Security Policy" in said.text else None
    )
    yield opened
    context.close()
    assert broken == []


@pytest.fixture
def page(chromium: Any, site: Site) -> Iterator[Any]:
    with unbroken(chromium.new_context(base_url=site.address, accept_downloads=True)) as opened:
        yield opened
