"""A machine for the stateful tests: two people, two workers and all faults over the real core in memory.

Hypothesis chooses what happens next. After each step every task is compared with how it was before, by
its document: which changes are legal is said here and by the table of states, not by the code's guards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

from bson import ObjectId
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from app.core.errors import Conflict, NotFound, QueueUnavailable
from app.core.queue.lost_leases import LeaseWatch
from app.core.services import Services
from app.core.tasks.states import ENDED, TRANSITIONS, Action, Priority
from app.core.tasks.task import NewTask, Task, parse_job_id
from tests.core.conftest import Clock

Document = dict[str, Any]
PEOPLE, WORKERS = ("alice", "bob"), ("w1", "w2")
ERROR = {"kind": "error", "type": "ValueError", "message": "It did not work.", "traceback": ""}
FINAL = {status.value for status in ENDED}
LEGAL = {
    (source.value, row.target.value) for row in TRANSITIONS.values() if row.target for source in row.sources
}
UNTIL_QUIET = 60
NEVER = datetime.max.replace(tzinfo=timezone.utc)

WAYS: dict[str, Callable[[Services, Task], Any]] = {
    "succeeds": lambda core, task: core.tasks.succeed(task, {"rows": 3}),
    "fails": lambda core, task: core.dispatch.failed(task, dict(ERROR)),
    "fails for good": lambda core, task: core.dispatch.failed(task, dict(ERROR), retry=False),
    "asks for another attempt": lambda core, task: core.dispatch.failed(task, dict(ERROR), after_s=0),
    "heeds a cancel": lambda core, task: (
        core.tasks.cancel_requested(task) and core.tasks.end_canceled(task, "Canceled.")
    ),
    "is released": lambda core, task: core.dispatch.release(task, "The worker stops."),
    "died": lambda core, task: core.dispatch.crashed(task, "Its process died."),
}


class Away:
    """Redis does not answer."""

    @property
    def epoch(self) -> Away:
        return self

    def __getattr__(self, name: str) -> Any:
        def fail(*args: Any, **given: Any) -> None:
            raise QueueUnavailable("The queue (Redis) did not answer.")

        return fail


class Machine(RuleBasedStateMachine):
    """``core`` and ``clock`` are set by the test; the stores are emptied at the start of each run."""

    core: Services
    clock: Clock

    @initialize()
    def empty(self) -> None:
        for name in self.core.db.list_collection_names():
            self.core.db[name].delete_many({})
        self.core.queues.redis.flushall()
        self.core.dispatch.queues = self.core.recovery.queues = self.core.queues
        self.watch = LeaseWatch(self.core.queries, lambda: self.clock.now.timestamp())
        self.known: dict[ObjectId, Document] = {}
        self.keys: dict[tuple[str, str], ObjectId] = {}
        self.taken: dict[str, str] = {}
        self.held: dict[str, Task] = {}
        self.ghosts: list[Task] = []
        self.finished: set[tuple[ObjectId, int]] = set()
        self.left_an_end: set[ObjectId] = set()
        self.gone: set[ObjectId] = set()

    # People

    @rule(
        person=st.sampled_from(PEOPLE),
        key=st.sampled_from(["", "form-1", "form-2"]),
        priority=st.sampled_from(Priority),
        attempts=st.integers(1, 3),
        later=st.booleans(),
    )
    def submit(self, person: str, key: str, priority: Priority, attempts: int, later: bool) -> None:
        run_at = self.clock.now + timedelta(seconds=5) if later else None
        new = NewTask("count", {}, "Count", priority, person, max_attempts=attempts,
                      run_at=run_at, submission_key=key or None)  # fmt: skip
        made = self.core.dispatch.submit(new)
        before = self.keys.get((person, key)) if key else None
        if before is None or before in self.gone:
            assert made.created
            self.known[made.task.id] = self._document(made.task.id) or {}
            self.keys[person, key] = made.task.id
        else:
            assert (made.created, made.task.id) == (False, before), "one form made two tasks"

    @precondition(lambda self: self.known)
    @rule(data=st.data(), action=st.sampled_from([Action.CANCEL, Action.RETRY, Action.REPRIORITIZE]))
    def act(self, data: st.DataObject, action: Action) -> None:
        task = self._any(data)
        do = {
            Action.CANCEL: lambda: self.core.dispatch.cancel(task.id, "bob"),
            Action.RETRY: lambda: self.core.dispatch.retry(task.id),
            Action.REPRIORITIZE: lambda: self.core.dispatch.reprioritize(task.id, Priority.HIGH),
        }[action]
        try:
            do()
        except Conflict:
            assert action not in task.actions, "a button that does nothing"
            return
        assert action in task.actions, "done without a button"
        if action is Action.RETRY:
            self.left_an_end.add(task.id)

    @precondition(lambda self: any(each.get("status") in FINAL for each in self.known.values()))
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        task = self._any(data)
        try:
            self.core.dispatch.delete(task.id)
            assert task.status.ended
            self._forget(task.id)
        except Conflict:
            assert not task.status.ended

    def _forget(self, task_id: ObjectId) -> None:
        del self.known[task_id]
        self.gone.add(task_id)

    # Workers

    @precondition(lambda self: self._idle())
    @rule(data=st.data())
    def take(self, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from(self._idle()))
        job_id = self.core.queues.take(0)
        if job_id is not None:
            self.taken[worker] = job_id

    @precondition(lambda self: self.taken)
    @rule(data=st.data(), kept=st.booleans())
    def claim(self, data: st.DataObject, kept: bool) -> None:
        worker = data.draw(st.sampled_from(sorted(self.taken)))
        named = parse_job_id(self.taken.pop(worker))
        assert named
        was = self._document(named[0]) or {}
        task = self.core.tasks.claim(*named, worker)
        if task is not None:
            assert (was["status"], was["dispatch"]) == ("queued", named[1]), "started by a stale message"
            self.held[worker] = task

    @precondition(lambda self: self.held)
    @rule(data=st.data(), way=st.sampled_from(list(WAYS)))
    def end(self, data: st.DataObject, way: str) -> None:
        worker = data.draw(st.sampled_from(sorted(self.held)))
        self._end(self.held.pop(worker), way)

    @precondition(lambda self: self.ghosts)
    @rule(data=st.data(), way=st.sampled_from(list(WAYS)))
    def end_late(self, data: st.DataObject, way: str) -> None:
        ghost = data.draw(st.sampled_from(self.ghosts))
        self._end(ghost, way)

    def _end(self, task: Task, way: str) -> None:
        was = self._document(task.id) or {}
        current = (was.get("status"), was.get("attempt")) == ("running", task.attempt)
        if WAYS[way](self.core, task):
            assert current, f"an attempt that is over {way}"
            assert (task.id, task.attempt) not in self.finished, "an attempt ended twice"
            self.finished.add((task.id, task.attempt))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        task = self.held[data.draw(st.sampled_from(sorted(self.held)))]
        was = self._document(task.id) or {}
        current = (was.get("status"), was.get("attempt")) == ("running", task.attempt)
        assert self.core.tasks.renew(task) == current

    @precondition(lambda self: self.held or self.taken)
    @rule(data=st.data())
    def vanish(self, data: st.DataObject) -> None:
        """A worker is killed, or cut off and comes back with its outcome later."""
        worker = data.draw(st.sampled_from(sorted(self.held.keys() | self.taken.keys())))
        self.taken.pop(worker, None)
        if task := self.held.pop(worker, None):
            self.ghosts.append(task)

    # Time, repair and Redis

    @rule(seconds=st.sampled_from([1, 6, 31, 31, 1000, 31 * 24 * 3600]))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds=seconds)

    @rule()
    def prune(self) -> None:
        """What has ended goes when its time is over, and nothing else does."""
        over = [each["_id"] for each in self.known.values() if each.get("expire_at", NEVER) <= self.clock.now]
        assert self.core.recovery.prune() == len(over)
        for task_id in over:
            self._forget(task_id)

    @rule(piece=st.sampled_from(["stage", "push_due", "recover", "sweep", "rescue", "rescue"]))
    def repair(self, piece: str) -> None:
        try:
            self._repair(piece)
        except QueueUnavailable:
            assert isinstance(self.core.dispatch.queues, Away)

    def _repair(self, piece: str) -> None:
        if piece == "rescue":
            self.core.recovery.rescue(self.watch.lost())
        else:
            getattr(self.core.recovery, piece)()

    @rule(goes=st.booleans())
    def redis(self, goes: bool) -> None:
        away: Any = Away()
        self.core.dispatch.queues = self.core.recovery.queues = away if goes else self.core.queues

    @rule()
    def flush(self) -> None:
        self.core.queues.redis.flushall()

    # What must hold

    @invariant()
    def every_change_is_legal(self) -> None:
        for task_id in self.known:
            after = self._document(task_id)
            assert after is not None, "an accepted task is not there"
            self._compare(self.known[task_id], after)
            self.known[task_id] = after
        self.left_an_end.clear()

    def _compare(self, before: Document, after: Document) -> None:
        was, now = before["status"], after["status"]
        assert was == now or (was, now) in LEGAL, f"{was} to {now} is not in the table"
        if was in FINAL and after["_id"] not in self.left_an_end:
            assert after == before, "an end changed without a user's retry"
        claimed = (was, now) == ("queued", "running")
        assert after["attempt"] == before["attempt"] + claimed, "the attempt changed without a claim"
        assert after["attempt"] <= after["max_attempts"], "more attempts than allowed"
        assert after["dispatch"] >= before["dispatch"], "a dispatch came again"
        assert (now == "running") == ("lease" in after), "a lease without a running task, or none"
        assert (now == "queued") == (after.get("hint") in ("due", "sent")), "nobody would push it"
        assert (now in FINAL) == ("expire_at" in after), "kept forever, or not long enough"

    def teardown(self) -> None:
        """Redis is back and no worker lives: everything that was accepted ends by itself."""
        if not hasattr(self, "known"):
            return
        self.core.dispatch.queues = self.core.recovery.queues = self.core.queues
        self.ghosts += self.held.values()
        self.held.clear()
        for _ in range(UNTIL_QUIET):
            if not list(self._live()):
                return
            self.clock.advance(seconds=1000)
            for piece in ("stage", "push_due", "recover", "rescue", "sweep"):
                self._repair(piece)
            self._work()
        raise AssertionError(f"stuck: {list(self._live())}")

    def _work(self) -> None:
        while (job_id := self.core.queues.take(0)) is not None:
            named = parse_job_id(job_id)
            if named and (task := self.core.tasks.claim(*named, "w3")):
                self._end(task, "heeds a cancel" if self.core.tasks.cancel_requested(task) else "succeeds")

    def _live(self) -> Iterator[Document]:
        for task_id in self.known:
            document = self._document(task_id)
            assert document is not None, "an accepted task is not there"
            if document["status"] not in FINAL:
                yield document

    def _idle(self) -> list[str]:
        return [worker for worker in WORKERS if worker not in self.held and worker not in self.taken]

    def _any(self, data: st.DataObject) -> Task:
        task_id = data.draw(st.sampled_from(sorted(self.known)))
        try:
            return self.core.tasks.get(task_id)
        except NotFound:
            raise AssertionError("an accepted task is not there") from None

    def _document(self, task_id: ObjectId) -> Document | None:
        return self.core.db.tasks.find_one({"_id": task_id})
