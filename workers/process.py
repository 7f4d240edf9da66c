"""A child process as its supervisor sees it: started, listened to, signalled and buried."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from workers.child import CANNOT_LOAD, CANNOT_START


class ChildProcess:
    """One resident child in a session and process group of its own, with a folder for its output."""

    def __init__(self, name: str, *, fresh: bool = False) -> None:
        """``fresh``: write no byte code, which is as old as its source by the second only."""
        self.folder = Path(tempfile.mkdtemp(prefix="worker-"))
        self._reader, writer = os.pipe()
        os.set_blocking(self._reader, False)
        command = [
            sys.executable,
            *(["-B"] if fresh else []),
            "-m",
            "workers.child",
            name,
            str(writer),
            str(self.folder),
            str(os.getpid()),
        ]
        self._popen = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command, stdin=subprocess.DEVNULL, pass_fds=(writer,), start_new_session=True
        )
        os.close(writer)
        self._rest = b""

    @property
    def pid(self) -> int:
        return self._popen.pid

    def fileno(self) -> int:
        """What to wait on for its lines."""
        return self._reader

    def lines(self) -> list[dict[str, Any]]:
        """What it said since the last time, oldest first."""
        while True:
            try:
                said = os.read(self._reader, 65536)
            except BlockingIOError:
                break
            if not said:
                break
            self._rest += said
        *whole, self._rest = self._rest.split(b"\n")
        return [json.loads(line) for line in whole]

    def signal(self, number: signal.Signals) -> None:
        if self._popen.poll() is None:
            self._popen.send_signal(number)

    def ended(self) -> str | None:
        """None while it lives; else how it ended, in words."""
        code = self._popen.poll()
        if code is None:
            return None
        if code < 0:
            return f"was killed by {_signal_name(-code)}"
        return f"ended with exit code {code}"

    @property
    def cannot_start(self) -> bool:
        """Whether it ended because its task types or its stores are not usable."""
        return self._popen.poll() in (CANNOT_START, CANNOT_LOAD)

    @property
    def cannot_load(self) -> bool:
        """Whether it was the task types: then time alone changes little."""
        return self._popen.poll() == CANNOT_LOAD

    def bury(self) -> None:
        """Kill it and everything it started, and remove its folder."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()
        os.close(self._reader)
        shutil.rmtree(self.folder, ignore_errors=True)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
