"""C16, people and workers at the same moment; C17 and C25, hosts that disagree about the time."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from app.core.clock import utcnow
from app.core.errors import Conflict
from app.core.services import Services, connect
from app.core.tasks.states import WAITING, Status
from app.core.tasks.task import NewTask, Task
from config import load
from tests.chaos.cases import Round, case, judged
from tests.chaos.rig import Rig, succeeded_once

RACES = 20
SET_S = 20.0  # of which a worker would have to be seen not to renew for 15
CLOCKS = Path(__file__).resolve().parents[1] / "skewed"


def at_once(*doings: Callable[[], object]) -> list[object]:
    """What each returned; all begin at the same moment."""
    ready = threading.Barrier(len(doings))
    found: list[object] = [None] * len(doings)

    def do(place: int) -> None:
        ready.wait()
        with suppress(Conflict):
            found[place] = doings[place]()

    threads = [threading.Thread(target=do, args=(place,)) for place in range(len(doings))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def attempt_of(services: Services, task: Task, how: str) -> bool:
    """One worker's way with a task: claim it and end it; returns whether both took effect."""
    mine = services.tasks.claim(task.id, task.dispatch, f"racer.{how}")
    if mine is None:
        return False
    if how == "dies":
        held = {"_id": task.id, "status": "running", "attempt": mine.attempt}
        services.db.tasks.update_one(held, {"$set": {"lease.until": mine.started_at}})
        return False
    if how == "fails":
        return (
            services.dispatch.failed(mine, {"kind": "error", "type": "E", "message": "no", "traceback": ""})
            is not None
        )
    return services.tasks.succeed(mine, how)


def rescued(leader: Services, task: Task) -> bool:
    """The end of a rescue: a lease is run out, as far as who holds it can tell."""
    found = leader.tasks.get(task.id)
    over = found.status is Status.RUNNING and found.lease and found.lease["until"] < utcnow()
    return bool(over and leader.recovery.rescue([found]))


def race(sides: list[Services], how: str) -> str:
    """One task, claimed by two workers, canceled and rescued at the same moment; what was illegal."""
    one, two, person, leader = sides
    new = NewTask("mark", {}, "race", max_attempts=1)
    task, _ = one.tasks.insert(new)
    ends = at_once(
        lambda: attempt_of(one, task, how),
        lambda: attempt_of(two, task, how),
        lambda: person.dispatch.cancel(task.id, "bob") is None,
        lambda: rescued(leader, task),
    )
    first = person.tasks.get(task.id)
    again = at_once(
        lambda: one.tasks.succeed(first, "late") if first.worker else False,
        lambda: rescued(leader, task),
        lambda: person.dispatch.cancel(task.id, "bob") is None,
    )
    if first.status is Status.RUNNING:  # asked to cancel: its supervisor ends it
        one.dispatch.failed(first, {"kind": "error", "type": "E", "message": "no", "traceback": ""})
    if person.tasks.get(task.id).status in WAITING:  # its worker was lost, and it moved while it was canceled
        person.dispatch.cancel(task.id, "bob")
    last = person.tasks.get(task.id)
    return _illegal(first, last, [*ends[:2], again[0]])


def _illegal(first: Task, last: Task, ends: list[object]) -> str:
    took = sum(bool(end) for end in ends)
    if not last.status.ended:
        return f"not ended: {last.status.value}"
    if first.status.ended and first.status is not last.status:
        return f"changed from {first.status.value} to {last.status.value}"
    if took > 1 or last.attempt > 1:
        return f"{took} ends were accepted, {last.attempt} attempts"
    if last.status is Status.SUCCEEDED and not took:
        return "succeeded, although no end was accepted"
    return ""


@case("C16", "cancel racing claim, finish, rescue (20 times a round)", "one legal outcome")
def cancel_races(rig: Rig, times: int) -> list[Round]:
    sides = [connect(load(rig.env)) for _ in range(4)]
    rounds = []
    ways = itertools.cycle(["succeeds", "fails", "dies"])
    for _ in range(times):
        wrong = [problem for _ in range(RACES) if (problem := race(sides, next(ways)))]
        rounds.append(judged(not wrong, 0, 1, wrong))
    for side in sides:
        side.close()
    return rounds


@case("C17", "clock one hour off on a worker host", "nothing stuck, nothing early")
def clock_off(rig: Rig, times: int) -> list[Round]:
    rounds = []
    path = os.pathsep.join([str(CLOCKS), os.environ.get("PYTHONPATH", "")])
    rig.start(1)
    for offset in ("3600", "-3600"):
        rig.env.update(PYTHONPATH=path, CHAOS_CLOCK=offset)
        rig.start(1)
    for _ in range(times):
        when = utcnow() + timedelta(seconds=3)
        later = [rig.new(run_at=when) for _ in range(6)]
        held = [rig.new(params={"seconds": 13.0}) for _ in range(2)]
        rig.push(held)
        ended, done = rig.wait([*later, *held], 60), rig.effects()
        early = [
            task for task in ended[:6] if task.started_at and task.started_at < when - timedelta(seconds=0.2)
        ]
        wrong = [task for task in ended if not succeeded_once(task, done) or task.attempt != 1]
        real = [effect.at - when.timestamp() for task in later for effect in done.get(str(task.id), [])]
        truth = all(after > -0.2 for after in real if abs(after) < 1800)
        seen = f"{len(early)} early, {[(task.status.value, task.attempt) for task in wrong]}"
        rounds.append(
            judged(not early and not wrong and truth, max(real, key=abs, default=0) % 3600, 3600, seen)
        )
    return rounds


@case(
    "C25",
    "clock of one of two hosts set by an hour, forward or back",
    "no task taken from a healthy worker; nothing early, late or stuck",
)
def clock_set(rig: Rig, times: int) -> list[Round]:
    """Three tasks run on two workers of each host, so on both, while the clock of one is set."""
    wall = rig.folder / "clock"
    set_clock(wall, 0)
    rig.start(2)
    path = os.pathsep.join([str(CLOCKS), os.environ.get("PYTHONPATH", "")])
    rig.env.update(PYTHONPATH=path, CHAOS_CLOCK_FILE=str(wall))
    rig.start(2)
    offsets = itertools.cycle([3600, 0, -3600, 0, 3600, -3600])
    return [_while_it_is_set(rig, wall, next(offsets)) for _ in range(times)]


def set_clock(wall: Path, off_s: float) -> None:
    """Set the clock of a host that runs; a reader sees the old one or the new one."""
    new = wall.with_suffix(".new")
    new.write_text(f"{off_s}", encoding="ascii")
    new.replace(wall)


def _while_it_is_set(rig: Rig, wall: Path, off_s: float) -> Round:
    held = [rig.new(params={"seconds": SET_S}, max_attempts=1) for _ in range(3)]
    rig.push(held)
    for task in held:
        rig.running(task)
    when = utcnow() + timedelta(seconds=rig.chance.uniform(4, 12))
    later = rig.new(run_at=when)
    time.sleep(rig.chance.uniform(0, 2))
    set_clock(wall, off_s)
    ended, done = rig.wait([*held, later], 90), rig.effects()
    wrong = [
        task for task in ended if not succeeded_once(task, done) or (task.attempt, task.losses) != (1, 0)
    ]
    started = ended[-1].started_at
    late_s = (started - when).total_seconds() if started else 999.0
    # What the task itself says of the time has hours in it, where it ran on the host whose clock was set.
    said = [effect.at - when.timestamp() for effect in done.get(str(later.id), [])]
    really_s = min(((off + 1800) % 3600 - 1800 for off in said), default=999.0)
    seen = (
        f"set to {off_s:+g} s: {[(task.status.value, task.attempt) for task in wrong]}, late {late_s:.1f} s, "
    )
    ok = not wrong and min(late_s, really_s) > -0.2
    return judged(ok, max(late_s, really_s), 5, f"{seen}{really_s:.1f} s")
