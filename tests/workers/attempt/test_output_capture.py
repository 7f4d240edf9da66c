"""Output caught at the file descriptor, and copied to the logs in parts."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from bson import ObjectId

from app.core.files.attempt_logs import HEAD_PARTS, PART, TAIL_PARTS
from app.core.secrets.redaction import Mask
from app.core.services import Services
from workers.attempt import output_capture
from workers.attempt.output_capture import Capture, LogWriter


def test_everything_is_caught_and_given_back(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with Capture(tmp_path / "log"):
        os.write(1, b"raw\n")
        subprocess.run([sys.executable, "-c", "import sys; print('child', file=sys.stderr)"], check=True)
    os.write(1, b"after\n")

    assert (tmp_path / "log").read_text() == "raw\nchild\n"
    assert capfd.readouterr().out == "after\n"


def test_a_growing_output_is_copied_as_it_grows(services: Services, tmp_path: Path) -> None:
    task_id, path = ObjectId(), tmp_path / "log"
    writer = LogWriter(services.logs, path, task_id, 1, Mask())
    for line in ("one\n", "two\n"):
        with path.open("a") as output:
            output.write(line)
        writer.write()

    assert services.logs.read(task_id, 1).text == "one\ntwo\n"


def test_its_lines_have_times_of_bounded_number(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output_capture, "MOST_TIMES", 3)
    path, task_id = tmp_path / "log", ObjectId()
    writer = LogWriter(services.logs, path, task_id, 1, Mask())
    with path.open("wb", buffering=0) as output:
        for number in range(6):
            output.write(b"line %d\n" % number)
            writer.write(ended=number == 5)
    lines = services.logs.lines(task_id, 1)
    times = [line.at for line in lines.between(0, len(lines))]
    assert len(times) == 6 and all(times) and times == sorted(times)  # type: ignore[type-var]
    assert len(services.db.logs.find_one()["times"]) == 4  # type: ignore[index]
    LogWriter(services.logs, path, task_id, 1, Mask()).write(ended=True)  # as the other one
    assert [line.at for line in services.logs.lines(task_id, 1).between(0, 6)] == times


def test_of_a_huge_output_head_and_tail_are_kept(services: Services, tmp_path: Path) -> None:
    task_id, path = ObjectId(), tmp_path / "log"
    writer = LogWriter(services.logs, path, task_id, 1, Mask())
    with path.open("ab") as output:
        for _ in range(4):
            output.write(b"head" * (PART * 8 // 4))
            output.flush()
            writer.write()
        output.write(b"the end")
        output.flush()
        writer.write()

    log = services.logs.read(task_id, 1)
    assert log.text.startswith("headhead") and log.text.endswith("the end") and "left out" in log.text
    assert services.db.logs.count_documents({"task": task_id}) == HEAD_PARTS + TAIL_PARTS
    assert not log.complete and log.size == 32 * PART + 7


def test_a_missing_file_is_no_error(services: Services, tmp_path: Path) -> None:
    LogWriter(services.logs, tmp_path / "gone", ObjectId(), 1, Mask()).write()

    assert services.db.logs.count_documents({}) == 0


LEFT = """
    import ctypes, io, logging, os, sys
    from pathlib import Path
    from workers.attempt.output_capture import Capture
    from workers.attempt.limits import OpenFiles
    libc, files = ctypes.CDLL(None), OpenFiles()
    logging.basicConfig(stream=sys.stderr)

    def wrap(name):
        stream = getattr(sys, name)
        setattr(sys, name, io.TextIOWrapper(stream.buffer))

    LEAVE = {
        "buffered by C": lambda: libc.printf(b"of Alice"),
        "closed": lambda: (sys.stdout.close(), sys.stderr.close()),
        "replaced": lambda: (setattr(sys, "stdout", io.StringIO()), setattr(sys, "stderr", None)),
        "wrapped": lambda: (wrap("stdout"), wrap("stderr")),
        "detached": lambda: (sys.stdout.detach(), sys.stderr.detach()),
        "closed below": lambda: (os.close(0), os.close(1), os.close(2)),
        "input closed": lambda: (sys.stdin.close(), sys.meta_path.clear()),
        "input replaced": lambda: setattr(sys, "stdin", None),
    }
    for name, leave in LEAVE.items():
        with Capture(Path("alice.log")), files.spared():
            print("Alice:", name)
            leave()
        with Capture(Path("bob.log")), files.spared():
            assert sys.stdin.read() == "" and sys.stdin.fileno() == 0
            print("Bob: out", flush=True)
            print("Bob: error", file=sys.stderr)
            logging.warning("Bob: logged")
    logging.warning("the child's own")
"""


@pytest.mark.slow
def test_whatever_a_task_does_to_its_output_the_next_has_its_own(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": os.getcwd(), "PYTHONUNBUFFERED": ""}  # it would unbuffer C, too
    code = textwrap.dedent(LEFT)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL)  # fmt: skip

    bob = ["Bob: out", "Bob: error", "WARNING:root:Bob: logged"] * 8
    assert (tmp_path / "bob.log").read_text().splitlines() == bob, done.stderr
    assert (tmp_path / "alice.log").read_text().count("Alice") == 9
    assert done.stderr == "WARNING:root:the child's own\n"
