"""Worker processes: one supervisor for each of them, and the signals for all.

SIGTERM or Ctrl-C once: every worker finishes its task, or releases it after STOP_GRACE_S. Twice: at once.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping

import pymongo
from pymongo.errors import PyMongoError

from app.core.errors import UnsupportedDatabase
from app.core.parent_death import die_with
from app.core.schema import version
from app.core.services import Services, connect
from config import SettingReach, Settings
from workers.attempt.orphans import adopt, end_strays
from workers.handover import Sender
from workers.log_setup import set_up
from workers.maintenance import Maintenance
from workers.store_timeouts import patient
from workers.supervisor.supervisor import TaskWorker

log = logging.getLogger("workers")
RESTART_AFTER_S = 1.0
ASK_WITHIN_S = 5.0
UNSUPPORTED = 3
"""The exit code of a worker process for which the database has the wrong format: it is not started again."""
STOPPED = 4
"""The exit code of a worker process that an operator has stopped: it is not started again either."""


def supervise(settings: Settings, reload: bool, *, replaces: int | None = None, alone: bool = True) -> None:
    """Be the supervisor of one worker process until told to stop.

    ``replaces`` is the process that died in its place: if an operator had asked that one to stop, this one
    does. ``alone``, without a fleet, it stays when an operator stops it: whatever keeps the service running
    would start one that ended again.
    """
    services = connect(patient(settings))
    name = f"{socket.gethostname()}.{os.getpid()}"
    set_up(settings, name)
    threading.Thread(target=say_troubles, args=(services,), name="stores", daemon=True).start()
    require_version(services)
    if replaces and asked_to_stop(services, f"{socket.gethostname()}.{replaces}"):
        log.info("Worker %s does not start: an operator has stopped the one before it.", name)
        sys.exit(STOPPED)
    worker = TaskWorker(name, services, reload=reload)
    maintenance = Maintenance(services, name)
    thread = threading.Thread(target=maintenance.run, name="maintenance", daemon=True)
    thread.start()
    log.info("Worker %s takes high, medium, low, in that order.", name)
    worker.work()
    if worker.asked_to_stop and alone:
        log.info("Worker %s has stopped, as an operator has asked. Start the service again to use it.", name)
    while worker.asked_to_stop and alone and not worker.signaled:
        time.sleep(RESTART_AFTER_S)
    maintenance.stop()
    thread.join(timeout=5)
    if worker.asked_to_stop and not worker.signaled:
        sys.exit(STOPPED)


def asked_to_stop(services: Services, name: str) -> bool:
    """Return whether an operator had asked a worker to stop; False while MongoDB does not say."""
    try:
        return services.catalog.asked_to_stop(name)
    except PyMongoError:
        return False


def require_version(services: Services) -> None:
    """Wait until MongoDB answers, and end this process where the database has another format."""
    while True:
        try:
            with pymongo.timeout(ASK_WITHIN_S):
                return version.require(services.db)
        except UnsupportedDatabase as error:
            log.error("%s", error)
            sys.exit(UNSUPPORTED)
        except PyMongoError:  # Why is said by `say_troubles`.
            time.sleep(RESTART_AFTER_S)


def say_troubles(services: Services) -> None:
    """Say what is wrong with the stores; in a thread of its own, as a store that is away takes its time."""
    for trouble in services.troubles():
        why = services.explain(trouble)
        services.lasting.warning(log, "", why, "%s", why)


class Fleet:
    """Several supervisors as processes; one that dies is started again, unless an operator has stopped it."""

    def __init__(self, size: int, reload: bool, secrets: Mapping[str, str]) -> None:
        """``secrets`` are the settings that each of them is handed over a pipe."""
        self._size = size
        self._secrets = secrets
        self._options = ["--reload"] if reload else []
        self._processes: list[subprocess.Popen[bytes]] = []
        self._stopping = self._unsupported = False
        self._told: set[int] = set()

    def run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        adopts = adopt()
        while not self._stopping or self._processes:
            codes = [process.poll() for process in self._processes]
            if UNSUPPORTED in codes:
                self._unsupported = True
                self._stop(signal.SIGTERM, None)
            self._size -= codes.count(STOPPED)
            looked_at = list(zip(self._processes, codes, strict=True))
            dead = [process.pid for process, code in looked_at if code not in (None, STOPPED)]
            self._processes = [process for process, code in looked_at if code is None]
            while not self._stopping and len(self._processes) < self._size:
                replaces = ["--replaces", str(dead.pop())] if dead else []
                self._processes.append(_start([*self._options, *replaces], self._secrets))
            if self._stopping:  # it may have come while one was started
                self._tell([process for process in self._processes if process.pid not in self._told])
            if adopts:  # what a worker that was killed has left
                end_strays({process.pid for process in self._processes})
            time.sleep(RESTART_AFTER_S / 4 if self._stopping else RESTART_AFTER_S)
        if self._unsupported:
            sys.exit(UNSUPPORTED)

    def _stop(self, number: int, frame: object) -> None:
        self._stopping = True
        self._tell(self._processes)

    def _tell(self, processes: Iterable[subprocess.Popen[bytes]]) -> None:
        for process in processes:
            self._told.add(process.pid)
            if process.poll() is None:
                process.terminate()


def _start(options: list[str], secrets: Mapping[str, str]) -> subprocess.Popen[bytes]:
    with contextlib.closing(Sender()) as sender:
        about = ["--parent", str(os.getpid()), "--handover", str(sender.reader)]
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "workers", *about, *options],
            pass_fds=(sender.reader,),
            start_new_session=True,
        )
        sender.started()
        sender.send(secrets)
    return process


def run(
    settings: Settings, processes: int, *, reload: bool, parent: int | None, replaces: int | None = None
) -> None:
    """Be a fleet of so many processes, or the one supervisor of it that ``parent`` has started."""
    set_up(settings)
    if parent:
        die_with(parent)
        supervise(settings, reload, replaces=replaces, alone=False)
    elif processes == 1:
        supervise(settings, reload)
    else:
        Fleet(processes, reload, settings.secrets_for(SettingReach.SUPERVISOR)).run()
