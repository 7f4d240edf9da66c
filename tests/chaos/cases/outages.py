"""MongoDB away at each moment of an attempt, a worker that was stopped, the whole host going down."""

from __future__ import annotations

import time

from app.core.tasks.states import Status
from app.core.tasks.task import Task
from tests.chaos.cases import Round, case, judged
from tests.chaos.effects import Effect
from tests.chaos.rig import Rig, back, frozen, shoot, succeeded_once, survivors, tree, until

HANGS = "popped=hang:1,ran=hang:1"
STOPPED_S = 60.0
WRITE_S = 8.0
"""Longer than a worker waits for one write: then it knows that MongoDB is away."""


def mongo_away(rig: Rig, seconds: float) -> None:
    mongo = rig.stores.mongo
    assert mongo
    mongo.kill()
    time.sleep(seconds)
    back(mongo)


def at_the_claim(rig: Rig, seconds: float) -> list[Task]:
    task = rig.new()
    rig.arm("popped", task.job_id)
    rig.push([task])
    until(lambda: f"popped {task.job_id}" in rig.fired())
    mongo_away(rig, seconds)
    return [task]


def at_the_finish(rig: Rig, seconds: float) -> list[Task]:
    task = rig.new()
    rig.arm("ran", task.id)
    rig.push([task])
    until(lambda: f"ran {task.id}" in rig.fired())
    mongo_away(rig, seconds)
    return [task]


def at_the_renewal(rig: Rig, seconds: float) -> list[Task]:
    tasks = [rig.new(params={"seconds": seconds + 12}) for _ in range(2)]
    rig.push(tasks)
    for task in tasks:
        rig.running(task)
    time.sleep(8)
    mongo_away(rig, seconds)
    return tasks


def killed_at_the_finish(rig: Rig, seconds: float) -> list[Task]:
    """The task has had its effect, MongoDB is away, and then the worker dies, too: the journal knows."""
    task = rig.new()
    rig.arm("ran", task.id)
    rig.push([task])
    until(lambda: f"ran {task.id}" in rig.fired())
    assert rig.stores.mongo
    worker = rig.worker_of(rig.running(task))
    rig.stores.mongo.kill()
    time.sleep(max(WRITE_S, seconds / 2))
    shoot(*tree(worker))
    time.sleep(seconds / 2)
    back(rig.stores.mongo)
    return [task]


def _outage(rig: Rig, number: int, seconds: float) -> Round:
    ways = (at_the_claim, at_the_finish, at_the_renewal, killed_at_the_finish)
    way = ways[number % len(ways)]
    tasks = rig.wait(way(rig, seconds), 90)
    done = rig.effects()
    bad = [
        f"{task.status.value}, {task.attempt} attempts, {len(done.get(str(task.id), []))} runs"
        for task in tasks
        if not succeeded_once(task, done) or task.attempt != 1
    ]
    return judged(not bad, 0, 1, f"{way.__name__}, away {seconds:g} s: {bad}")


@case(
    "C10",
    "MongoDB away 5 s at claim, renewal, finish",
    "nothing lost, no mass rescue; outcomes written later",
    DTQ_FAILPOINTS=HANGS,
    MONGODB_TIMEOUT_MS="2000",
)
def mongodb_away(rig: Rig, times: int) -> list[Round]:
    rig.start(3)
    return [_outage(rig, number, 5.0) for number in range(times)]


@case("C10b", "MongoDB away 60 s at claim, renewal, finish", "the same", share=0.1, DTQ_FAILPOINTS=HANGS)
def mongodb_away_long(rig: Rig, times: int) -> list[Round]:
    rig.start(3)
    return [_outage(rig, number, 60.0) for number in range(min(times, 10))]


@case("C12", "worker stopped 60 s, then continued", "its old attempt is refused and killed", share=0.1)
def worker_stopped(rig: Rig, times: int) -> list[Round]:
    rig.start(5)
    rounds: list[Round] = []
    while len(rounds) < times:
        tasks = [
            rig.new("mark_after_steps", params={"steps": 500}) for _ in range(min(2, times - len(rounds)))
        ]
        rig.push(tasks)
        families = [tree(rig.worker_of(rig.running(task))) for task in tasks]
        with frozen(pid for family in families for pid in family):
            time.sleep(STOPPED_S)
            taken = [rig.task(task).attempt for task in tasks]
        # What is left of its steps, some 20 s, must not come to an effect.
        killed = [survivors(family[1:], 20) == [] for family in families]
        ended, done = rig.wait(tasks, 60), rig.effects()
        for task, attempt, gone in zip(ended, taken, killed, strict=True):
            runs = done.get(str(task.id), [])
            ok = succeeded_once(task, done) and attempt == 2 and runs[0].attempt == 2 and gone
            seen = f"{task.status}, attempt {attempt}, {len(runs)} runs, old child gone {gone}"
            rounds.append(judged(ok, 0, 1, seen))
    return rounds


@case("C13", "both stores killed; host restarted", "all end")
def host_restarted(rig: Rig, times: int) -> list[Round]:
    rounds_of: list[list[Task]] = []
    for _ in range(times):
        process = rig.start(2)
        rounds_of.append([rig.new(params={"seconds": rig.chance.choice([0.0, 0.5, 20.0])}) for _ in range(6)])
        rig.push(rounds_of[-1])
        time.sleep(rig.chance.uniform(0.2, 1.5))
        shoot(*tree(process.pid))
        rig.stores.kill()
        rig.stores.start()
        rig.services.db.workers.delete_many({})
    rig.start(4)
    # Two of a round's tasks last 20 s, on four workers, after a lease has run out; and as much again.
    ended = rig.wait([task for tasks in rounds_of for task in tasks], 60 + 20 * times)
    final = {task.id: task for task in ended if _ended_well(task, rig.effects())}
    return [
        judged(all(task.id in final for task in tasks), 0, 1, [rig.task(task).status for task in tasks])
        for tasks in rounds_of
    ]


def _ended_well(task: Task, done: dict[str, list[Effect]]) -> bool:
    """Succeeded with its effect, however often it went down with its host."""
    return task.status is Status.SUCCEEDED and str(task.id) in done
