"""Child processes that never outlive us: start, wait until ready, stop, bury.

What lives here: one child (:class:`LocalProcess`), the record of children that a killed parent may have
left (:class:`Register`), and free ports. What the children are for is none of this module's
business.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import psutil

DIES_WITH_PARENT = [sys.executable, "-I", "-S", str(Path(__file__).parents[1] / "core" / "parent_death.py")]

LOG_MAX_BYTES = 10_000_000
SLOW_S = 3.0
"""A start that takes longer than this is worth a line."""


class ChildError(RuntimeError):
    """A child ended or did not answer in time; the message quotes the end of its log."""


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


_claims: dict[int, int] = {}


def claim(port: int) -> bool:
    """Keep a port from other programs of this user that claim it, as long as this process lives.

    Between the look whether a port is free and the server's own bind are seconds, in which another start
    would find it free as well. The descriptor of a lock is the claim: it goes with the process, however
    that ends.
    """
    import fcntl  # Here, so that Windows can be told in a sentence what it lacks.

    if port not in _claims:
        path = Path(tempfile.gettempdir()) / f"dtq-{os.getuid()}-port-{port}.lock"
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError:
            return True  # Without a folder for locks nobody can claim; the bind itself decides.
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        _claims[port] = descriptor
    return True


def free_port(usual: int) -> int:
    """``usual`` if it can be claimed and nothing listens there on loopback, else one of the system's."""
    if usual and is_free("127.0.0.1", usual) and claim(usual):
        return usual
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class LocalProcess:
    """One program in a session and process group of its own, its output in a log file."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        log: Path,
        ready: Callable[[], bool] = lambda: True,
        why: Callable[[], str] = lambda: "",
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        grace_s: float = 10,
        ready_within_s: float = 60,
        required: bool = True,
    ) -> None:
        """``required`` is false where the others are of use even while this one is not ready."""
        self.name = name
        self.argv = list(argv)
        self.log = log
        self.grace_s = grace_s
        self.ready_within_s = ready_within_s
        self.required = required
        self._ready = ready
        self._why = why
        self._env = env
        self._cwd = cwd
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        code = self._process.poll() if self._process else None
        if code is None:
            return "is running" if self._process else "was not started"
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"

    def start(self) -> None:
        """Start it; :meth:`wait_ready` says when it can be used."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        _turn_over(self.log)
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(
                [*DIES_WITH_PARENT, str(os.getpid()), *self.argv],
                env=self._env,
                cwd=self._cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in our terminal is for us: we stop children in order.
            )

    def wait_ready(
        self,
        timeout_s: float,
        unless: Callable[[], bool] = lambda: False,
        slow: Callable[[], None] = lambda: None,
    ) -> None:
        """Return once it is ready, or once ``unless`` says that nobody waits for it any more.

        ``slow`` is called once when it takes more than `SLOW_S`. Raises ChildError when it ends before, and
        after ``timeout_s``.
        """
        started = time.monotonic()
        said = False
        while not unless() and not self._ready():
            waited = time.monotonic() - started
            if not self.alive:
                raise ChildError(f"{self.name} {self.ending} before it was ready. {self.last_words()}")
            if waited > timeout_s:
                late = f"{self.name} was not ready within {timeout_s:g} s. {self._why()}".rstrip()
                raise ChildError(f"{late} {self.last_words()}")
            if waited > SLOW_S and not said:
                said = True
                slow()
            time.sleep(0.03)

    def last_words(self, lines: int = 12) -> str:
        """The end of what it wrote since it was started, to be shown to a person."""
        with contextlib.suppress(OSError):
            written = self.log.read_bytes()[self._log_start :].decode(errors="replace")
            tail = written.splitlines()[-lines:]
            if tail:
                return f"The end of {self.log}:\n" + "\n".join(f"    {line}" for line in tail)
        return f"It wrote nothing to its log, {self.log}."

    def stop(self) -> None:
        """Ask it to end, wait up to its grace, then kill what is left of it."""
        if self._process is None:
            return
        family = self._family()
        if self.alive:
            self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(self.grace_s)
        self._bury(family)

    def kill(self) -> None:
        """Kill it and its descendants now, as a crash would."""
        if self._process is not None:
            self._bury(self._family())

    def _family(self) -> list[psutil.Process]:
        """It and its descendants, while it still lives to tell (they may have left its group)."""
        with contextlib.suppress(psutil.Error):
            first = psutil.Process(self._process.pid) if self._process and self.alive else None
            return [first, *first.children(recursive=True)] if first else []
        return []

    def _bury(self, family: list[psutil.Process]) -> None:
        if self._process is None:
            return
        self.kill_group()
        kill_all(family)
        self._process.wait()

    def kill_group(self) -> None:
        """SIGKILL to all of its process group, without waiting; fit for a signal handler."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)


def kill_all(processes: Iterable[psutil.Process]) -> None:
    """SIGKILL; psutil makes sure that a number was not given to another process meanwhile."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()


def _turn_over(log: Path) -> None:
    """Keep one old log when the present one has grown."""
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > LOG_MAX_BYTES:
            log.replace(log.with_suffix(".old.log"))


class Register:
    """Which children are ours, on disk, for the next start to find what a killed parent left.

    On Linux the kernel leaves none; elsewhere, and in the moments before it acts, this finds them.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, children: Iterable[LocalProcess]) -> None:
        """Record number and time of birth: together they name one process forever."""
        born: dict[str, float] = {}
        for child in children:
            with contextlib.suppress(psutil.Error):
                if child.pid is not None:
                    born[str(child.pid)] = psutil.Process(child.pid).create_time()
        self._path.write_text(json.dumps(born))

    def bury_leftovers(self) -> int:
        """Kill what is recorded and still alive, with its descendants. Returns how many there were."""
        left = [process for process in self._recorded() if process.is_running()]
        for process in left:
            with contextlib.suppress(psutil.Error):
                kill_all([*process.children(recursive=True), process])
        psutil.wait_procs(left, timeout=5)
        self.clear()
        return len(left)

    def clear(self) -> None:
        """There are none any more."""
        self._path.unlink(missing_ok=True)

    def _recorded(self) -> Iterable[psutil.Process]:
        with contextlib.suppress(OSError, ValueError):
            for pid, born in json.loads(self._path.read_text()).items():
                with contextlib.suppress(psutil.Error):
                    process = psutil.Process(int(pid))
                    if abs(process.create_time() - born) < 1:
                        yield process
