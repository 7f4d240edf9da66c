"""The web server as in production: gunicorn, in processes of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from app.core.services import Services
from app.local.children import LocalProcess, free_port
from tests.rig.person import Person
from tests.rig.processes import ROOT
from tests.signing_in import link, link_over


@dataclass
class Web:
    """`gunicorn wsgi:app` on a port of its own, with the settings given and options of its command."""

    env: Mapping[str, str]
    log: Path
    options: tuple[str, ...] = ()
    port: int = field(default_factory=lambda: free_port(0))

    def __post_init__(self) -> None:
        env = {**os.environ, **self.env, "WEB_BIND": f"127.0.0.1:{self.port}"}
        config = ("--config", str(ROOT / "gunicorn.conf.py"))
        command = [sys.executable, "-m", "gunicorn", *config, "wsgi:app", *self.options]
        self.child = LocalProcess("web", command, log=self.log, ready=self.answers, env=env, cwd=ROOT)

    @property
    def address(self) -> str:
        """Without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    def start(self, within_s: float = 40) -> None:
        """Start it and wait until it answers. Raises ChildError."""
        self.child.start()
        self.child.wait_ready(within_s)

    def answers(self) -> bool:
        return Person(self.port, timeout_s=5).try_to_ask("GET", "/healthz").status == 200

    def person(self, services: Services | None = None) -> Person:
        """Somebody who is signed in as the local administrator, in a browser of their own."""
        person = Person(self.port)
        person.sign_in(link(services) if services else link_over({**os.environ, **self.env}))
        return person

    def processes(self) -> list[int]:
        """The serving processes, without their master."""
        try:
            return [one.pid for one in psutil.Process(self.child.pid).children()]
        except psutil.Error:
            return []

    def stop(self) -> None:
        self.child.kill()
