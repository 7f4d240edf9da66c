"""The periodic repairs, by whichever worker holds the leader lease in MongoDB.

Two leaders at once do no harm, since every repair is a compare-and-set; the lease only saves work.
What is repaired and how is in `app.core.queue.recovery`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pymongo
from pymongo.errors import DuplicateKeyError, OperationFailure, PyMongoError

from app.core import clock
from app.core.backup import IMPORT
from app.core.clock import utcnow
from app.core.errors import TaskQueueError
from app.core.mongo import is_away
from app.core.queue.lost_leases import LeaseWatch
from app.core.schema.indexes import create_indexes
from app.core.services import Services
from app.core.statistics.metrics import MAINTENANCE, REPAIRED
from app.core.statistics.minutes import LOOK_S
from app.core.tasks.store import LEASE
from workers.attempt.journal import journal_of, replay
from workers.notifier import Notifier

LEADER_LEASE = timedelta(seconds=15)
ROUND_S = 1.0
# Renewed every 10 s, a lease has 20 s left at least; 5 of them are for a supervisor's look that still waits.
CUT_OFF_S = LEASE.total_seconds() / 2
# A round takes a while where there is much to repair, never a lease: in that time its process stood still.
STOOD_STILL_S = LEASE.total_seconds()
INDEXES_WITHIN_S = 3600.0
INDEXES_AGAIN_S = 60.0
EVERY_S = {
    "mend": 5.0,
    "stage": 1.0,
    "push": 2.0,
    "batches": 2.0,
    "old_batches": 600.0,
    "recover": 1.0,
    "rescue": 2.0,
    "sweep": 10.0,
    "prune": 10.0,
    "audit": 60.0,
    "people": 600.0,
    "bulk": 600.0,
    "deliveries": 600.0,
    "look": LOOK_S,
    "count": 10.0,
    "live": 60.0,
    "samples": 600.0,
    "clock": clock.EVERY_S,
    "journal": 1.0,
}

log = logging.getLogger("workers.maintenance")


class Maintenance:
    """The repairs of one process; `run` is for a thread of its own."""

    def __init__(self, services: Services, name: str) -> None:
        self._services = services
        self._name = name
        self._leases = services.db.leases
        self._done: dict[str, float] = {}
        self._leases_seen = LeaseWatch(services.queries)
        self._journal = journal_of(services.settings)
        self._answered = self._rescue_from = float("-inf")
        self._stop = threading.Event()

    def run(self) -> None:
        """Repair until `stop`; a store that is away is waited for."""
        threading.Thread(target=self.prepare, name="indexes", daemon=True).start()
        threading.Thread(target=self.work_off_bulk, name="bulk", daemon=True).start()
        notifier = Notifier(self._services, lambda: self.lead("notifications"), self._stop)
        threading.Thread(target=notifier.run, name="notifications", daemon=True).start()
        while not self._stop.wait(ROUND_S):
            try:
                self.round()
            except Exception:  # a defect in one repair must not end all of them
                log.exception("Maintenance: a round failed; the next one follows.")
        self.resign()

    def stop(self) -> None:
        self._stop.set()

    def round(self) -> None:
        """One look at everything that is due now, if this process leads."""
        try:
            clock.require(self._services.db)  # Nothing is judged by this host's own clock.
            leads = self.lead()
            self._in_touch(CUT_OFF_S)
            self._all_due(self._own())
            if leads:
                self._all_due(self._repairs())
            self._in_touch(STOOD_STILL_S)
        except PyMongoError as error:
            self._say_waits(error)
        else:
            self._services.lasting.over(log, "round", "Maintenance goes on.")

    def _say_waits(self, error: PyMongoError) -> None:
        why = self._services.explain(error)
        if is_away(error):
            said = f"MongoDB does not answer ({type(error).__name__})."
        else:
            said = f"MongoDB answers, but refuses: {error}."
        self._services.lasting.warning(
            log, "round", why or type(error).__name__, "Maintenance waits: %s %s", said, why
        )

    def _in_touch(self, within_s: float) -> None:
        """MongoDB answers. One that was cut off cannot tell a dead worker from one that was cut off too, and
        one that has just started does not know: it waits a lease, in which the others renew theirs or write
        their journals. An answer that was late is no such cut: a living worker's lease outlasts it."""
        now = time.monotonic()
        if now - self._answered > within_s:
            self._rescue_from = now + LEASE.total_seconds()
        self._answered = now

    def prepare(self) -> None:
        """Make the indexes, until it worked or `stop`. To build one may take minutes, so it has a thread of
        its own, and repairs do without them meanwhile."""
        while not self._stop.is_set():
            try:
                with pymongo.timeout(INDEXES_WITHIN_S):
                    return create_indexes(self._services.db)
            except PyMongoError as error:
                why = self._services.explain(error)
                log.warning("An index could not be made, which is tried again in a minute: %s %s", why, error)
            self._stop.wait(INDEXES_AGAIN_S)

    def work_off_bulk(self) -> None:
        """Work off bulk operations until `stop`. They take their time, so they have a thread of their own: no
        repair waits for them. Each has a lease of its own, so every process may."""
        runner = self._services.bulk_runner(self._name)
        while not self._stop.wait(ROUND_S):
            try:
                clock.require(self._services.db)
                runner.turn(self._stop.is_set)
            except (PyMongoError, TaskQueueError) as error:
                why = self._services.explain(error) or str(error)
                self._services.lasting.warning(log, "bulk", why, "Bulk actions wait: %s", why)
            except Exception:
                log.exception("Bulk actions: a turn failed; the next one follows.")
            else:
                self._services.lasting.over(log, "bulk", "Bulk actions go on.")

    def _own(self) -> dict[str, Callable[[], object]]:
        """What every process does for itself, whichever leads."""
        return {
            "clock": self._keep_time,
            "journal": lambda: replay(self._services, self._journal),
            "rescue": self._rescue,
        }

    def lead(self, what: str = "maintenance") -> bool:
        """Take or keep a leader lease; returns whether this process has it."""
        now = utcnow()
        # Not held as a lease is: over, of no time at all, or of one further away than any lease.
        held = {"$gte": now, "$lte": now + 2 * LEADER_LEASE}
        free = {
            "_id": what,
            "$or": [
                {"holder": self._name},
                {"holder": {"$ne": IMPORT}, "until": {"$not": held}},
                {"holder": IMPORT, "until": {"$lt": now}},
            ],
        }
        try:
            self._leases.update_one(
                free, {"$set": {"holder": self._name, "until": now + LEADER_LEASE}}, upsert=True
            )
        except DuplicateKeyError:
            return False
        return True

    def resign(self) -> None:
        try:
            led = ["maintenance", "rescue", "notifications"]
            self._leases.delete_many({"_id": {"$in": led}, "holder": self._name})
        except PyMongoError:
            return  # it runs out by itself

    def _repairs(self) -> dict[str, Callable[[], object]]:
        recovery = self._services.recovery
        return {
            "mend": self._mend,
            "stage": recovery.stage,
            "push": recovery.push_due,
            "batches": self._finish_batches,
            "old_batches": self._services.batches.batches.prune,
            "recover": recovery.recover,
            "sweep": recovery.sweep,
            "prune": self._prune,
            "audit": self._prune_audit,
            "people": self._prune_people,
            "bulk": self._services.operations.prune,
            "deliveries": self._services.deliveries.prune,
            "look": self._services.minutes.look,
            "count": self._services.minutes.count,
            "live": self._services.live_tasks.count,
            "samples": self._prune_samples,
        }

    def _rescue(self) -> int:
        """Led by itself: the leader of the rest may have just started, and rescues nobody yet. It watches the
        leases meanwhile, so as to know when its time comes."""
        waits = time.monotonic() < self._rescue_from
        if not waits and not self.lead("rescue"):
            return 0
        lost = self._leases_seen.lost()
        return 0 if waits else self._services.recovery.rescue(lost)

    def _keep_time(self) -> None:
        """Where the database's clock was set, leases of both times stand side by side for a while."""
        moved = clock.synchronise(self._services.db)
        if abs(moved) > LEASE / 2:
            self._rescue_from = time.monotonic() + LEASE.total_seconds()
        if moved < -LEASE / 2:
            self._services.tasks.hurry()

    def _finish_batches(self) -> None:
        if finished := self._services.batches.recover():
            log.info("Maintenance: %d batches were finished or removed.", finished)

    def _mend(self) -> None:
        self._services.queues.mend()

    def _prune(self) -> int:
        self._services.catalog.forget_lost_workers()
        pruned = self._services.recovery.prune()
        self._services.queues.forget_lost_workers()
        return pruned

    def _prune_audit(self) -> None:
        if pruned := self._services.people.audit.prune():
            log.info("Maintenance: %d audit entries were past their retention.", pruned)

    def _prune_people(self) -> None:
        people = self._services.people
        people.sessions.prune()
        people.tokens.prune()

    def _prune_samples(self) -> None:
        self._services.minutes.prune()

    def _all_due(self, repairs: dict[str, Callable[[], object]]) -> None:
        for name, repair in repairs.items():
            if not self._stop.is_set():
                self._when_due(name, repair)

    def _when_due(self, name: str, repair: Callable[[], object]) -> None:
        """Raises PyMongoError when MongoDB is away; whatever else goes wrong keeps no other from its turn."""
        if time.monotonic() - self._done.get(name, float("-inf")) < EVERY_S[name]:
            return
        self._done[name] = time.monotonic()
        try:
            repaired = repair()
        except (TaskQueueError, OSError) as error:
            why = self._services.explain(error) or str(error)
            self._services.lasting.warning(log, name, why, "Maintenance, %s: %s", name, why)
            return
        except Exception as error:
            if is_away(error) and not isinstance(error, OperationFailure):  # that one is an answer
                raise
            log.exception("Maintenance, %s: it failed; the next repair follows.", name)
            return
        self._services.lasting.over(log, name, "Maintenance, %s: it works again.", name)
        self._services.meter.add(MAINTENANCE, name)
        if isinstance(repaired, int) and repaired:
            self._services.meter.add(REPAIRED, name, by=repaired)
            log.info("Maintenance, %s: %d tasks.", name, repaired)
