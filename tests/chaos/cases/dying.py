"""Workers that die: after the pop, after the claim, in mid-task, before the finish; poison."""

from __future__ import annotations

import time
from collections.abc import Callable

from app.core.tasks.states import Status
from app.core.tasks.task import Task
from tests.chaos.cases import Round, case, judged
from tests.chaos.effects import Effect
from tests.chaos.rig import Rig, children_of, shoot, succeeded_once, survivors, tree, until

BATCH = 25
HOSTED = 4


def batches(times: int, size: int) -> list[int]:
    """So many rounds as batches of at most ``size``, which run at the same time."""
    return [min(size, times - begun) for begun in range(0, times, size)]


def armed(rig: Rig, point: str, count: int, detail: Callable[[Task], object], **given: object) -> list[Task]:
    """Tasks at each of which the worker will meet a fail-point, pushed."""
    tasks = [rig.new(**given) for _ in range(count)]
    for task in tasks:
        rig.arm(point, detail(task))
    rig.push(tasks)
    return tasks


def after_the_fault(rig: Rig, task: Task, fired: str) -> float:
    """Seconds from the fault until the effect; as long as we waited when there was none."""
    found = rig.effects().get(str(task.id))
    at = rig.fired().get(fired)
    return found[-1].at - at if found and at else 999.0


@case("C6", "worker killed after the pop, before the claim", "runs within 20 s")
def killed_after_the_pop(rig: Rig, times: int) -> list[Round]:
    rig.start(2)
    rounds = []
    for size in batches(times, BATCH):
        tasks = rig.wait(armed(rig, "popped", size, lambda task: task.job_id), 120)
        done = rig.effects()
        for task in tasks:
            seconds = after_the_fault(rig, task, f"popped {task.id}-1")
            rounds.append(judged(succeeded_once(task, done) and task.attempt == 1, seconds, 20, task.status))
    return rounds


@case("C7", "worker killed after the claim, before the start", "runs within 45 s")
def killed_after_the_claim(rig: Rig, times: int) -> list[Round]:
    rig.start(2)
    tasks = rig.wait(armed(rig, "claimed", times, lambda task: task.id), 240)
    done = rig.effects()
    return [
        judged(succeeded_once(task, done), after_the_fault(rig, task, f"claimed {task.id}"), 45, task.status)
        for task in tasks
    ]


def _kill_in_mid_task(rig: Rig, task: Task, how: str) -> tuple[float, list[int]]:
    """When it was killed, and what still ran of it 2 s later."""
    supervisor = rig.worker_of(task)
    family = tree(supervisor)
    at = time.time()
    victims = {"parent": [supervisor], "child": children_of(supervisor), "group": family}[how]
    shoot(*victims)
    return at, survivors(victims if how == "child" else family)


@case(
    "C8",
    "killed in mid-task: parent, child, whole group",
    "runs within 45 s (child: 2 s); none survives 2 s",
)
def killed_in_mid_task(rig: Rig, times: int) -> list[Round]:
    rig.start(4)
    rounds = []
    for size in batches(times, 2):
        tasks = [rig.new("mark_first", params={"seconds": 4.0}) for _ in range(size)]
        rig.push(tasks)
        faults = []
        for task in tasks:
            how = ("child", "parent", "group")[(len(rounds) + len(faults)) % 3]
            until(lambda: rig.effects().get(str(task.id)))  # noqa: B023 - called within this turn of the loop
            faults.append((how, *_kill_in_mid_task(rig, rig.running(task), how)))
        for task, (how, at, left) in zip(rig.wait(tasks, 90), faults, strict=True):
            found = rig.effects()[str(task.id)]
            seconds = found[-1].at - at if len(found) == 2 else 999.0
            ok = task.status is Status.SUCCEEDED and not left
            rounds.append(
                judged(ok, seconds, 2 if how == "child" else 45, f"{how}: {task.status}, left {left}")
            )
        until(lambda: sum(bool(one.types) for one in rig.services.catalog.workers()) >= 3, 30)
    return rounds


@case("C9", "killed after the effect, before the finish is written", "at most one extra run")
def killed_before_the_finish(rig: Rig, times: int) -> list[Round]:
    rig.start(2)
    tasks = rig.wait(armed(rig, "ran", times, lambda task: task.id), 180)
    done, rounds = rig.effects(), []
    for task in tasks:
        runs = len(done.get(str(task.id), []))
        ok = task.status is Status.SUCCEEDED and 1 <= runs <= 2 and f"ran {task.id}" in rig.fired()
        rounds.append(judged(ok, 0, 1, f"{task.status}, {runs} runs"))
    return rounds


@case("C11", "finish applied, reply lost", "sending it again changes nothing")
def reply_lost(rig: Rig, times: int) -> list[Round]:
    process = rig.start(2)
    tasks = rig.wait(armed(rig, "ended", times, lambda task: task.id), 120)
    until(lambda: all(f"ended {task.id}" in rig.fired() for task in tasks))
    time.sleep(2)  # for the second time it is sent
    done, rounds = rig.effects(), []
    for task in map(rig.task, tasks):
        ok = succeeded_once(task, done) and task.attempt == 1 and len(task.history) == 1
        rounds.append(judged(ok and process.poll() is None, 0, 1, f"{task.status}, {len(task.history)} ends"))
    return rounds


@case(
    "C23",
    "a task that kills its worker three times",
    "failed as poison; neighbors unharmed",
    share=0.2,
    MAX_WORKER_LOSSES="3",
)
def poisonous(rig: Rig, times: int) -> list[Round]:
    rig.start(3)
    rounds = []
    for size in batches(times, 5):
        victims = ["supervisor" if number == 4 else "child" for number in range(size)]
        bad = [rig.submit("poison", params={"victim": victim}, max_attempts=10) for victim in victims]
        of_a_host = {task.id for task in bad if task.params["victim"] == "supervisor"}
        good = [rig.submit("mark", max_attempts=20) for _ in range(size)]
        ended, neighbors = rig.wait(bad, 180), rig.wait(good, 180)
        done = rig.effects()
        for task, neighbor in zip(ended, neighbors, strict=True):
            said = str(task.error and task.error["message"])
            counts = (task.crashes, task.losses)
            ok = task.status is Status.FAILED and counts == ((0, 3) if task.id in of_a_host else (3, 0))
            ok = ok and succeeded_once(neighbor, done)
            rounds.append(judged(ok, 0, 1, f"{task.status}, {counts}, {said}; {neighbor.status}"))
    return rounds


@case(
    "C26",
    "host killed three times under the same tasks",
    "all succeed with `max_attempts=1`, 3 losses, no crash; starts spread",
)
def host_dies_three_times(rig: Rig, times: int) -> list[Round]:
    """A round is a task; those of a batch share the host. What is killed first is any of its processes."""
    rounds: list[Round] = []
    for size in batches(times, HOSTED):
        tasks = [rig.new(params={"seconds": 900.0}, max_attempts=1, timeout_s=900) for _ in range(size)]
        rig.push(tasks)
        for death in range(1, 4):
            processes = tree(rig.start(size).pid)
            until(lambda: all(_runs(rig, task, death) for task in tasks), 240)  # noqa: B023 - called here
            time.sleep(rig.chance.uniform(0.5, 2.0))
            processes = tree(processes[0])
            shoot(*(processes if death % 2 else reversed(processes)))
            rig.services.db.workers.delete_many({})
        mine = {"_id": {"$in": [task.id for task in tasks]}}
        rig.services.db.tasks.update_many(mine, {"$set": {"params.seconds": 0.0}})
        last, at = rig.start(size), time.time()
        ended, done = rig.wait(tasks, 150), rig.effects()
        starts = [task.started_at.timestamp() for task in ended if task.started_at]
        spread = len(starts) < 4 or max(starts) - min(starts) > 1.0
        rounds += [_judged_after_three(task, done, at, spread) for task in ended]
        shoot(*tree(last.pid))
        rig.services.db.workers.delete_many({})
    return rounds


def _runs(rig: Rig, task: Task, attempt: int) -> bool:
    now = rig.task(task)
    return (now.status, now.attempt) == (Status.RUNNING, attempt)


def _judged_after_three(task: Task, done: dict[str, list[Effect]], at: float, spread: bool) -> Round:
    """In time, from when the last host works: a lease, a wait of up to 20 s after a third loss, a run."""
    counts = (task.attempt, task.crashes, task.losses, task.attempts_chosen)
    ok = succeeded_once(task, done) and counts == (4, 0, 3, 1) and spread
    found = done.get(str(task.id))
    seconds = found[-1].at - at if found else 999.0
    return judged(ok, seconds, 75, f"{task.status}, {counts}, spread {spread}, {task.error}")
