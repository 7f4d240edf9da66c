"""Output caught at the file descriptor, and copied to the logs in parts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from bson import ObjectId

from app.core.logs import HEAD_PARTS, PART, TAIL_PARTS
from app.core.mask import Mask
from app.core.services import Services
from workers.capture import Capture, LogWriter


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
