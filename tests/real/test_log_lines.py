"""LOG_FORMAT=json: what real processes write, line by line."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from app.core.tasks.states import Status
from app.local.children import free_port
from app.local.servers import LocalStores
from tests.real.clones import answers
from tests.rig.fleet import fleet
from tests.rig.processes import ROOT, gone, stop, until
from tests.signing_in import cookie_header, cookies_over_http, link_over

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


def web_environment(stores: LocalStores, port: int, **given: str) -> dict[str, str]:
    return {
        **os.environ, **stores.addresses, "REDIS_URL": f"redis://127.0.0.1:{free_port(0)}/0",
        "ENVIRONMENT": "local", "FLASK_SKIP_DOTENV": "1", "WEB_BIND": f"127.0.0.1:{port}", "FLASK_APP": "app",
        "SECRET_KEY": "tests-only", **given,
    }  # fmt: skip


GUNICORN = ["gunicorn", "wsgi:app"]


@contextmanager
def serving(command: list[str], env: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], cwd=ROOT, env=env, stdout=output, stderr=output
        )
    try:
        until(lambda: "REDIS_URL" in log.read_text() or "Running on" in log.read_text(), 30)
        yield
    finally:
        process.terminate()
        process.wait(30)


def test_lines_of_the_web_server_are_json_too(real_stores: LocalStores, tmp_path: Path) -> None:
    port, log = free_port(0), tmp_path / "web.log"
    command = ["gunicorn", "--access-logfile", "-", "wsgi:app"]
    env = web_environment(real_stores, port, LOG_FORMAT="json")
    with serving(command, env, log):
        assert urlopen(f"http://127.0.0.1:{port}/healthz").status == 200
        cookies = cookie_header(cookies_over_http(port, link_over(env)))
        asked = Request(f"http://127.0.0.1:{port}/tasks?q=hidden%0A", headers={"Cookie": cookies})
        answer = urlopen(asked)  # noqa: S310 - our own address
        body = answer.read()
        until(lambda: answer.headers["X-Request-Id"] in log.read_text())

    written = lines(log.read_text())
    assert {"gunicorn.error", "gunicorn.access", "app"} <= {line["logger"] for line in written}
    lines_of_requests = [line for line in written if line["logger"] == "app.access"]
    (line,) = [line for line in lines_of_requests if line["path"].startswith("/tasks")]
    assert not any("link/" in line["path"] and "…" not in line["path"] for line in lines_of_requests)
    assert (line["method"], line["path"], line["status"]) == ("GET", "/tasks?…", 200)
    assert (line["bytes"], line["address"], line["person_name"]) == (len(body), "127.0.0.1", "local")
    assert line["request_id"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize("server", ["gunicorn", "flask"])
def test_text_lines_of_the_web_server_cannot_be_forged(
    server: str, real_stores: LocalStores, tmp_path: Path
) -> None:
    port, log = free_port(0), tmp_path / "web.log"
    command = GUNICORN if server == "gunicorn" else ["flask", "run", "--port", str(port)]
    with serving(command, web_environment(real_stores, port), log):
        until(lambda: answers(f"http://127.0.0.1:{port}"))
        with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
            asked = b"GET /x%0D%0A2026-11-27%20forged%1b[2K HTTP/1.1\r\nHost: localhost\r\n"
            client.sendall(asked + b"Connection: close\r\n\r\n")
            while client.recv(4_096):
                pass
        until(lambda: "forged" in log.read_text())

    (line,) = [line for line in log.read_text().splitlines() if "forged" in line]
    assert " app.access: GET /x%0D%0A2026-11-27%20forged%1B%5B2K 404 " in line
    assert line.endswith("]") and "[request " in line


@pytest.mark.parametrize("command", [GUNICORN, ["flask", "run"]], ids=["gunicorn", "flask run"])
def test_start_up_errors_are_json_too(command: list[str], real_stores: LocalStores) -> None:
    env = web_environment(real_stores, free_port(0), LOG_FORMAT="json", MONGODB_TIMEOUT_MS="soon")
    ran = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 1
    (line,) = lines(ran.stderr)
    assert line["level"] == "critical" and "MONGODB_TIMEOUT_MS" in line["message"]
