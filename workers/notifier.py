"""The thread of a worker process that makes deliveries of what has happened, and sends them.

It has no part in repairs, so a slow receiver delays none. What happened is worked off by the process that has
the leader lease, as one suffices; every process sends.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from pymongo.errors import PyMongoError

from app.core import clock
from app.core.errors import TaskQueueError
from app.core.services import Services

ROUND_S = 0.5
BUSY_S = 0.05
QUIET_S = 2.0
QUIET_AFTER_S = 30.0
"""After so long without anything to tell, it looks every `QUIET_S`: two queries each cost what little an idle
fleet costs."""
LOOK_EVERY_S = 10.0

log = logging.getLogger("workers.notifier")


class Notifier:
    """``leads`` takes or keeps the lease; the thread ends with ``stop``."""

    def __init__(self, services: Services, leads: Callable[[], bool], stop: threading.Event) -> None:
        self._services, self._leads, self._stop = services, leads, stop
        self._sender, self._conditions = services.sender(), services.conditions()
        self._looked = float("-inf")

    def run(self) -> None:
        """Tell and send until the end; a store that is away is waited for."""
        wait_s, told_at = ROUND_S, time.monotonic()
        while not self._stop.wait(wait_s):
            if self.turn():
                wait_s, told_at = BUSY_S, time.monotonic()
            else:
                wait_s = QUIET_S if time.monotonic() - told_at >= QUIET_AFTER_S else ROUND_S

    def turn(self) -> int:
        """Do what is due now; returns how much that was."""
        try:
            clock.require(self._services.db)
            done = self._tell() + self._sender.turn()
        except (PyMongoError, TaskQueueError) as error:
            why = self._services.explain(error) or str(error)
            self._services.lasting.warning(log, "notifications", why, "Notifications wait: %s", why)
        except Exception:
            log.exception("Notifications: a turn failed; the next one follows.")
        else:
            self._services.lasting.over(log, "notifications", "Notifications go on.")
            return done
        return 0

    def _tell(self) -> int:
        outbox, looks = self._services.outbox, time.monotonic() - self._looked >= LOOK_EVERY_S
        waiting = bool(self._services.queries.noticed(1))
        if not (waiting or looks) or not self._leads():
            return 0
        if looks:
            self._looked = time.monotonic()
            self._conditions.look()
        return outbox.empty() if waiting else 0
