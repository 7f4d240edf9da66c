"""A child process as its supervisor sees it: started, listened to, signalled and buried."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workers.attempt.child import CANNOT_LOAD, CLOSED_FILES
from workers.attempt.signals import STOP
from workers.handover import Sender

FOLDER = "worker-"
LOCK = "lock"


class ChildProcess:
    """One resident child in a session and process group of its own.

    Its folder is for its output and is the temporary folder of its tasks, so that nothing of theirs
    outlives it. ``ready`` is whether it has said that it takes tasks.
    """

    def __init__(
        self,
        name: str,
        secrets: Mapping[str, str],
        *,
        fresh: bool = False,
        skipped: Sequence[str] = (),
    ) -> None:
        """Start one that is handed the settings ``secrets`` and leaves out the ``skipped`` modules.

        ``fresh``: write no byte code, which is as old as its source by the second only.

        Raises OSError where the system has no room for it; nothing is left of it then.
        """
        self.ready = False
        self.told: float | None = None
        self._rest = b""
        bury_leftovers()
        with contextlib.ExitStack() as undo:
            self.folder, self._lock = _own_folder()
            undo.callback(self._remove_folder)
            self._reader, writer = os.pipe()
            os.set_blocking(self._reader, False)
            undo.callback(os.close, self._reader)
            try:
                self._sender = Sender()
                undo.callback(self._sender.close)
                self._popen = self._start(name, writer, fresh, skipped)
            finally:
                os.close(writer)
            undo.pop_all()
        self._sender.started()
        self._sender.send(secrets)

    def _start(self, name: str, writer: int, fresh: bool, skipped: Sequence[str]) -> subprocess.Popen[bytes]:
        python = [sys.executable, *(["-B"] if fresh else [])]
        about = [name, str(writer), str(self._sender.reader), str(self.folder), str(os.getpid()), *skipped]
        return subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [*python, "-m", "workers.attempt.child", *about],
            stdin=subprocess.DEVNULL,
            pass_fds=(writer, self._sender.reader),
            start_new_session=True,
        )

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

    def answer(self, content: Any) -> None:
        """Answer what it has asked for; one that does not listen is killed."""
        if not self._sender.send(content):
            self.signal(signal.SIGKILL)

    def signal(self, number: int) -> None:
        if self._popen.poll() is None:
            self._popen.send_signal(number)

    def stop(self) -> None:
        """Tell it to end, after its task if it has one; ``told`` is since when it knows."""
        self.told = self.told or time.monotonic()
        self.signal(STOP)

    def ended(self) -> str | None:
        """None while it lives; else how it ended, in words."""
        code = self._popen.poll()
        if code is None:
            return None
        if code < 0:
            return f"was killed by {_signal_name(-code)}"
        if code == CLOSED_FILES:
            return "lost files of its own that the task had closed, and ended,"
        return f"ended with exit code {code}"

    @property
    def cannot_load(self) -> bool:
        """Whether it was the task types: then time alone changes little."""
        return self._popen.poll() == CANNOT_LOAD

    def kill(self) -> None:
        """Kill it and everything of its group; what they wrote is there until `bury`."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()

    def bury(self) -> None:
        """Forget it, which was killed: remove its folder."""
        os.close(self._reader)
        self._sender.close()
        self._remove_folder()

    def _remove_folder(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)


def bury_leftovers() -> None:
    """Remove the folders of children whose supervisor was killed before it could bury them."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER}*"):
        if _has_lock(folder) and (lock := _locked(folder)) is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _has_lock(folder: Path) -> bool:
    try:
        return (folder / LOCK).is_file()
    except OSError:
        return False  # somebody else's


def _own_folder() -> tuple[Path, int | None]:
    """A new folder and its lock; it gets its name with the lock, or another would take it for left over."""
    made = Path(tempfile.mkdtemp(prefix=f"new-{FOLDER}"))
    lock = _locked(made)
    return made.rename(made.with_name(made.name.removeprefix("new-"))), lock


def _locked(folder: Path) -> int | None:
    """The lock of a folder, held until it is closed or its holder dies; None when another has it."""
    lock = None
    try:
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        if lock is not None:
            os.close(lock)
        return None
    return lock


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
