"""LOG_FORMAT=json: what real processes write, line by line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from app.core.tasks.states import Status
from app.local.children import free_port
from app.local.servers import LocalStores
from tests.real.fleet import ROOT, fleet, gone, stop, until

pytestmark = pytest.mark.real


def lines(text: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in text.splitlines()]
    for line in found:
        assert {"time", "level", "logger", "message"} <= line.keys()
        written = datetime.fromisoformat(line["time"])
        assert abs(datetime.now(timezone.utc) - written) < timedelta(minutes=10)
        assert line["level"] in ("debug", "info", "warning", "error", "critical")
    return found


def test_lines_of_a_worker_name_task_attempt_and_worker(real_stores: LocalStores, tmp_path: Path) -> None:
    modules = "tests.workers.samples,tests.workers.complaining"
    with fleet(real_stores, "log_lines", tmp_path, LOG_FORMAT="json", TASK_MODULES=modules) as crew:
        process = crew.start()
        complained, left = crew.submit("complain"), crew.submit("orphan")
        assert crew.ended(complained).status is Status.SUCCEEDED
        assert crew.ended(left).status is Status.SUCCEEDED
        taken = crew.running(crew.submit("doze", params={"seconds": 60}))
        crew.services.db.tasks.update_one({"_id": taken.id}, {"$inc": {"attempt": 1}})
        until(lambda: " is killed" in crew.log.read_text(), 30)
        (worker,) = {one.name for one in crew.services.catalog.workers()}
        (printed,) = lines(crew.services.logs.read(complained.id, 1).text)
        stop(process)
        until(lambda: gone(process.pid))
        written = lines(crew.log.read_text())

    about = {"worker": worker, "task": str(complained.id), "attempt": 1}
    assert (
        printed.items()
        >= {"level": "error", "logger": "sample", "message": "It was wrong.", "shelf": 7}.items()
    )
    assert printed.items() >= about.items()
    assert printed["traceback"].startswith("Traceback (most recent call last)")
    assert printed["traceback"].endswith("RuntimeError: a\nreason")
    assert {line["worker"] for line in written if "worker" in line} == {worker}
    (of_child,) = [line for line in written if "processes running" in line["message"]]
    assert (of_child["logger"], of_child["task"], of_child["attempt"]) == (
        "workers.attempt.child", str(left.id), 1)  # fmt: skip
    (of_supervisor,) = [line for line in written if " is killed" in line["message"]]
    assert (of_supervisor["logger"], of_supervisor["task"], of_supervisor["worker"]) == (
        "workers.supervisor.attempt_monitor", str(taken.id), worker)  # fmt: skip
    assert all("task" not in line for line in written if " takes high, medium, low" in line["message"])


def test_lines_of_the_web_server_are_json_too(real_stores: LocalStores, tmp_path: Path) -> None:
    port = free_port(0)
    env = {
        **os.environ, **real_stores.addresses, "REDIS_URL": f"redis://127.0.0.1:{free_port(0)}/0",
        "ENVIRONMENT": "local", "FLASK_SKIP_DOTENV": "1", "WEB_BIND": f"127.0.0.1:{port}",
        "SECRET_KEY": "tests-only", "LOG_FORMAT": "json",
    }  # fmt: skip
    log = tmp_path / "web.log"
    command = [sys.executable, "-m", "gunicorn", "--access-logfile", "-", "wsgi:app"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=output)
    try:
        until(lambda: "Listening at" in log.read_text() and "REDIS_URL" in log.read_text(), 30)
        assert urlopen(f"http://127.0.0.1:{port}/healthz").status == 200
        until(lambda: "/healthz" in log.read_text())
    finally:
        process.terminate()
        process.wait(30)

    loggers = {line["logger"] for line in lines(log.read_text())}
    assert {"gunicorn.error", "gunicorn.access", "app"} <= loggers
