"""Processes that never outlive us, and the loop that keeps them running: with stand-ins, no servers."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from app.local.children import ChildError, LocalProcess, Register
from app.local.supervisor import Supervisor


def child(tmp_path: Path, code: str, name: str = "child") -> LocalProcess:
    return LocalProcess(name, [sys.executable, "-c", code], log=tmp_path / f"{name}.log", grace_s=5)


# Children


@pytest.mark.slow
def test_a_child_that_ends_early_is_quoted(tmp_path: Path) -> None:
    failing = LocalProcess(
        "web",
        [sys.executable, "-c", "raise SystemExit('no such thing')"],
        log=tmp_path / "log",
        ready=lambda: False,
    )
    failing.start()
    with pytest.raises(ChildError, match=r"web ended with code 1 before it was ready(.|\n)*no such thing"):
        failing.wait_ready(10)


def test_a_program_that_does_not_exist_is_quoted(tmp_path: Path) -> None:
    missing = LocalProcess("web", ["/no/such/program"], log=tmp_path / "log", ready=lambda: False)
    missing.start()
    with pytest.raises(ChildError, match="/no/such/program: No such file"):
        missing.wait_ready(10)


@pytest.mark.slow
def test_a_child_that_ignores_sigterm_is_killed_with_its_descendants(tmp_path: Path) -> None:
    marker = tmp_path / "pid"
    deaf = child(
        tmp_path,
        "import signal, subprocess, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "other = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        f"open({str(marker)!r}, 'w').write(str(other.pid)); time.sleep(600)",
    )
    deaf.grace_s = 0.2
    deaf.start()
    grandchild = psutil.Process(int(wait_for_text(marker)))
    deaf.stop()
    assert deaf.ending == "was killed by SIGKILL"
    assert gone(grandchild)


@pytest.mark.slow
def test_leftovers_of_a_killed_run_are_found_and_ended(tmp_path: Path) -> None:
    left = child(tmp_path, "import time; time.sleep(600)")
    left.start()
    Register(tmp_path / "children.json").write([left])
    assert Register(tmp_path / "children.json").bury_leftovers() == 1
    assert not left.alive
    assert Register(tmp_path / "children.json").bury_leftovers() == 0


def test_a_number_that_another_process_has_now_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "children.json").write_text(json.dumps({str(os.getpid()): 12345.0}))
    assert Register(tmp_path / "children.json").bury_leftovers() == 0


def test_a_slow_start_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.local.children.SLOW_S", 0.05)
    answers, said = iter([False, False, False, False, True]), []
    slow = LocalProcess("MongoDB", ["sleep", "60"], log=tmp_path / "log", ready=lambda: next(answers))
    slow.start()
    slow.wait_ready(10, slow=lambda: said.append("slow"))
    slow.kill()
    assert said == ["slow"]


@pytest.mark.parametrize("required", [True, False])
def test_a_child_that_others_can_do_without_is_only_reported(
    tmp_path: Path, required: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    never = LocalProcess(
        "workers",
        ["sleep", "60"],
        log=tmp_path / "log",
        ready=lambda: False,
        ready_within_s=0.05,
        required=required,
    )
    with Supervisor(tmp_path / "children.json") as supervisor:
        with pytest.raises(ChildError) if required else contextlib.nullcontext():
            supervisor.start([never])
        assert never.alive
    assert ("workers was not ready within 0.05 s" in capsys.readouterr().out) is not required


# The loop


def test_what_dies_is_started_again_after_growing_pauses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Supervisor(tmp_path / "children.json") as supervisor:
        flaky = child(tmp_path, "raise SystemExit(3)", "flaky")
        supervisor.start([flaky])
        now = time.monotonic()
        for later in (0, 0.6, 0.7, 1.8):  # dies; is started; dies again; is started again
            wait_until_ended(flaky)
            supervisor.check(now + later)
        wait_until_ended(flaky)
        supervisor.check(now + 1.9)
    said = capsys.readouterr().out
    assert [f"again in {pause} s" in said for pause in ("0.5", "1", "2")] == [True, True, True]
    assert "flaky ended with code 3" in said


def test_children_are_stopped_in_reverse_order(tmp_path: Path) -> None:
    order = tmp_path / "order"
    code = (
        "import signal, sys, time\n"
        "def stop(*_):\n    open({order!r}, 'a').write({name!r}); sys.exit()\n"
        "signal.signal(signal.SIGTERM, stop); print('ready', flush=True); time.sleep(600)"
    )
    children = [child(tmp_path, code.format(order=str(order), name=name), name) for name in "abc"]
    with Supervisor(tmp_path / "children.json") as supervisor:
        supervisor.start(children)
        for each in children:
            wait_for_text(each.log)
    assert order.read_text() == "cba"
    assert not (tmp_path / "children.json").exists()


def test_a_signal_ends_the_wait_and_the_loop(tmp_path: Path) -> None:
    with Supervisor(tmp_path / "children.json") as supervisor:
        never = LocalProcess("never", ["sleep", "600"], log=tmp_path / "log", ready=lambda: False)
        signal.raise_signal(signal.SIGTERM)
        supervisor.start([never])
        supervisor.watch()
        assert supervisor.stopping
    assert not never.alive


def test_one_wish_to_stop_may_come_twice_and_a_later_one_stops_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = child(
        tmp_path,
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True)\n"
        "while True: signal.pause()",
    )
    deaf.grace_s = 60
    with Supervisor(tmp_path / "children.json") as supervisor:
        supervisor.start([deaf])
        wait_for_text(deaf.log)
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        assert deaf.alive
        monkeypatch.setattr("app.local.supervisor.AGAIN_S", 0.0)
        signal.raise_signal(signal.SIGTERM)
        wait_until_ended(deaf)
        assert deaf.ending == "was killed by SIGKILL"


def wait_for_text(path: Path) -> str:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if path.exists() and (text := path.read_text()):
            return text
        time.sleep(0.01)
    raise AssertionError(f"nothing was written to {path}")


def wait_until_ended(process: LocalProcess) -> None:
    deadline = time.monotonic() + 10
    while process.alive and time.monotonic() < deadline:
        time.sleep(0.01)


def gone(process: psutil.Process) -> bool:
    """Dead, even if nobody has collected it yet."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.01)
    return False
