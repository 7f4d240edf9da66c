"""A model check of the table of states: everything that two workers and five faults can do to one task.

Breadth-first over all interleavings of the real `Tasks` and `Dispatcher` (over `tests.core.tasks.model`).
Each write is judged when it is made; afterwards every state must have a way to an end without another fault.
And a check that catches nothing proves nothing: without any one guard it must fail.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest

from app.core.tasks.states import Action, Priority, Status
from app.core.tasks.store import LEASE
from app.core.tasks.task import Task, parse_job_id
from tests.core.tasks.explore import Step, explore
from tests.core.tasks.model import WORKERS, Broken, World

FAULTS = 5
ERROR = {"kind": "error", "type": "ValueError", "message": "", "traceback": ""}


def steps(world: World) -> Iterator[Step]:
    """Everything that can happen in this state."""
    yield from of_workers(world)
    yield from repairs(world)
    yield from of_users(world)
    yield from faults(world)


def of_workers(world: World) -> Iterator[Step]:
    idle = [worker for worker in WORKERS if worker not in world.held]
    for job_id in sorted(set(world.queue.waiting)):
        for worker in idle:
            yield Step(f"{worker} takes {job_id[-1]}", claim, (worker, job_id))
            yield Step(f"{worker} takes {job_id[-1]} and lacks its type", defer, (job_id,), 1)
        if len(idle) == 2 and world.queue.waiting.count(job_id) > 1:
            yield Step("both take a doubled message", claim_together, (job_id,))
            yield Step("both take a doubled message, one lacks its type", put_off_too_late, (job_id,))
    for worker, held in world.held.items():
        for name, outcome in OUTCOMES.items():
            yield Step(f"{worker}: {name}", end, (worker, outcome))
        if world.task.cancel:
            yield Step(f"{worker} heeds the cancel", end, (worker, canceled))
        else:
            yield Step(f"{worker}: try again, canceled meanwhile", end, (worker, raced), 2)
            yield Step(f"{worker} heeds a cancel of the attempt before", end, (worker, canceled), 2)
        yield Step(f"{worker} stops", end, (worker, handed_back), 2)
        yield Step(f"{worker} dies", die, (worker,), 1)
        yield Step(f"{worker}'s process dies", end, (worker, crashed), 1)
        yield Step(f"{worker}'s outcome is delayed", delay, (worker,), 1)
        if is_current(world, held):
            yield Step("MongoDB forgets the claim", forget_claim, faults=2)
    for held in world.late:
        for name, outcome in OUTCOMES.items():
            yield Step(f"late: {name}", arrive, (held, outcome))


def claim(world: World, worker: str, job_id: str) -> None:
    world.queue.drop(job_id)
    named = parse_job_id(job_id)
    assert named
    before, world.acting = world.acting, named[1]
    if task := world.tasks.claim(*named, worker):
        world.held[worker] = task
    world.acting = before


def claim_together(world: World, job_id: str) -> None:
    """One reads the task, then the other claims it, then the first writes."""
    world.store.meanwhile = lambda: claim(world, "w2", job_id)
    claim(world, "w1", job_id)


def defer(world: World, job_id: str) -> None:
    world.queue.drop(job_id)
    named = parse_job_id(job_id)
    assert named
    if task := world.tasks.waiting(*named):
        world.acting = "defer"
        world.dispatch.defer(task, served=True)


def put_off_too_late(world: World, job_id: str) -> None:
    """One reads the task and lacks its type, then the other claims it, then the first writes."""
    world.store.meanwhile = lambda: claim(world, "w2", job_id)
    defer(world, job_id)


def end(world: World, worker: str, outcome: Callable[[World, Task], object]) -> None:
    world.acting = world.held.pop(worker)
    outcome(world, world.acting)


def die(world: World, worker: str) -> None:
    del world.held[worker]


def delay(world: World, worker: str) -> None:
    world.late += (world.held.pop(worker),)


def arrive(world: World, held: Task, outcome: Callable[[World, Task], object]) -> None:
    world.late = tuple(each for each in world.late if each is not held)
    world.acting = held
    outcome(world, held)


def canceled(world: World, task: Task) -> object:
    return world.tasks.end_canceled(task, "") or world.dispatch.release(task, "")


def handed_back(world: World, task: Task) -> object:
    return world.dispatch.release(task, "")


def crashed(world: World, task: Task) -> object:
    return world.dispatch.crashed(task, "")


def tried_again(world: World, task: Task) -> object:
    return world.dispatch.failed(task, ERROR, after_s=0)


def raced(world: World, task: Task) -> object:
    """A user cancels between the look at the flag and the write that schedules another attempt."""
    world.store.meanwhile = lambda: by_user(world, "cancel", lambda world: world.tasks.cancel(task.id, "bob"))
    return tried_again(world, task)


OUTCOMES: dict[str, Callable[[World, Task], object]] = {
    "succeeded": lambda world, task: world.tasks.succeed(task, 1),
    "failed": lambda world, task: world.dispatch.failed(task, ERROR, retry=False),
    "try again": tried_again,
}


def is_current(world: World, held: Task) -> bool:
    task = world.task
    return (task.status, task.attempt, task.worker) == (Status.RUNNING, held.attempt, held.worker)


def forget_claim(world: World) -> None:
    """As after a failover that lost a write: the attempt's number will be given again."""
    task = {**world.store.task, "status": "queued", "hint": "due", "attempt": world.task.attempt - 1}
    world.store.task = {name: value for name, value in task.items() if name not in ("lease", "cancel")}


def repairs(world: World) -> Iterator[Step]:
    task = world.task
    if task.hint == "due" or (task.hint == "sent" and task.job_id not in world.queue.waiting):
        yield Step("the sweep sends it", push, (task,))
    if task.status is Status.SCHEDULED:
        yield Step("it is staged", stage, (task,))
    if task.status is Status.RUNNING:
        lives = any(is_current(world, held) for held in world.held.values())
        yield Step("it is rescued", rescue, (task,), faults=int(lives))
        if lives:
            yield Step("it is renewed and rescued at once", rescue_too_late, (task,), 2)


def push(world: World, task: Task) -> None:
    world.acting = task
    world.dispatch.push([task])


def stage(world: World, task: Task) -> None:
    world.acting = "stage"
    world.tasks.stage(task)


def rescue(world: World, task: Task) -> None:
    world.acting, world.rescuing = task, True
    try:
        world.dispatch.lost(task, "")
    finally:
        world.rescuing = False


def rescue_too_late(world: World, task: Task) -> None:
    """The rescuer reads the task, then its worker renews the lease, then the rescuer writes."""
    lease = world.store.task["lease"]
    renewed = {**lease, "until": lease["until"] + LEASE}
    world.store.meanwhile = lambda: world.store.task.update(lease=renewed)
    world.store.task = dict(world.store.task)
    rescue(world, task)


def of_users(world: World) -> Iterator[Step]:
    for action in ACTS.keys() & world.task.actions:
        costs = 2 if action is Action.REPRIORITIZE else 1
        yield Step(f"Bob: {action.value}", by_user, (action.value, ACTS[action]), costs)
    if world.task.waited:
        yield Step(
            "Bob: undo", by_user, ("undo", lambda world: world.dispatch.tasks.undo_cancel(world.task)), 2
        )


ACTS: dict[Action, Callable[[World], object]] = {
    Action.CANCEL: lambda world: world.dispatch.cancel(world.task.id, "bob"),
    Action.RETRY: lambda world: world.dispatch.retry(world.task.id),
    Action.REPRIORITIZE: lambda world: world.dispatch.reprioritize(world.task.id, Priority.HIGH),
}


def by_user(world: World, name: str, act: Callable[[World], object]) -> None:
    before, world.acting = world.acting, name
    act(world)
    world.acting = before


def faults(world: World) -> Iterator[Step]:
    for job_id in sorted(set(world.queue.waiting)):
        yield Step("a message is lost", lose, (job_id,), 1)
        if world.queue.waiting.count(job_id) < 2:
            yield Step("a message is doubled", double, (job_id,), 1)
    if len(world.queue.waiting) > 1:
        yield Step("Redis is flushed", flush, faults=1)


def lose(world: World, job_id: str) -> None:
    world.queue.drop(job_id)


def flush(world: World) -> None:
    world.queue.waiting = ()


def double(world: World, job_id: str) -> None:
    world.queue.waiting = tuple(sorted([*world.queue.waiting, job_id]))


def explored(world: World, limit: int) -> int:
    return explore(world, limit, steps)


@pytest.mark.parametrize(
    ("limit", "states"), [(3, 3_000), pytest.param(FAULTS, 50_000, marks=pytest.mark.slow)]
)
def test_the_invariants_hold_whatever_happens(limit, states, clock):
    """All that three faults can do, and among the slow tests all that five can."""
    assert explored(World(), limit) > states


@pytest.mark.parametrize(
    ("guard", "broken"),
    [
        ("status", "a lease without a running task"),
        ("attempt", "not of the current attempt.*'s outcome is delayed.*late"),
        ("lease.worker", "not of the current attempt.*forgets the claim"),
        ("dispatch", "a stale message started the task"),
        ("cancel", "a canceled task was started"),
        ("cancel $ne", "nobody had asked for it.*heeds a cancel of the attempt before"),
        ("lease.until", "a renewed attempt was taken from its worker"),
    ],
)
def test_without_any_one_guard_they_do_not(guard, broken, clock):
    with pytest.raises(Broken, match=broken):
        explored(World(without=guard), FAULTS)


def a_loss_counts_as_a_crash(world: World) -> None:
    world.dispatch.lost = world.dispatch.crashed


def a_crash_counts_as_a_loss(world: World) -> None:
    world.dispatch.crashed = world.dispatch.lost


def losses_have_no_limit(world: World) -> None:
    world.dispatch.max_losses = 99


def a_loss_is_any_failure(world: World) -> None:
    world.dispatch.lost = lambda task, message: world.dispatch.tasks.reschedule(task, ERROR, task.created_at)


@pytest.mark.parametrize(
    ("wrong", "broken"),
    [
        (a_loss_counts_as_a_crash, "the loss of a worker was counted as a crash"),
        (a_crash_counts_as_a_loss, "a worker was counted as lost that was there"),
        (losses_have_no_limit, "not the limit of losses decided"),
        (a_loss_is_any_failure, "the loss of a worker used up an attempt"),
    ],
)
def test_with_the_wrong_count_they_do_not(wrong, broken, clock):
    world = World()
    wrong(world)
    with pytest.raises(Broken, match=broken):
        explored(world, FAULTS)


@pytest.mark.parametrize("repair", ["the sweep sends it", "it is staged", "it is rescued"])
def test_without_any_one_repair_something_is_stuck(repair, clock, monkeypatch):
    real = repairs
    others = lambda world: (step for step in real(world) if step.name != repair)  # noqa: E731
    monkeypatch.setattr(sys.modules[__name__], "repairs", others)
    with pytest.raises(Broken, match="stuck: "):
        explored(World(), 1)
