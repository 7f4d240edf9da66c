"""C24: a store that answers and does not take anything."""

from __future__ import annotations

import resource

from tests.chaos.cases import Round, case, judged
from tests.chaos.cases.submitting import filled, numbered
from tests.chaos.rig import Rig, back, succeeded_once, until
from tests.rig.person import Answer, Person


def sent(person: Person, form: dict[str, str]) -> Answer:
    """The answer, or one that says that none came."""
    return person.try_to_ask("POST", "/tasks/new/mark", form)


def full_memory(rig: Rig, person: Person, form: dict[str, str], number: int) -> Round:
    """Redis at maxmemory: the task is saved, and runs when there is room."""
    redis = rig.services.queues.redis
    redis.config_set("maxmemory", 1)
    answer = sent(person, form)
    page = person.ask("GET", answer.location).text if answer.location else answer.text
    redis.config_set("maxmemory", 0)
    tasks = rig.wait(numbered(rig, number), 20)
    said = "starts when it is back" in page
    ok = answer.status == 303 and said and len(tasks) == 1 and succeeded_once(tasks[0], rig.effects())
    return judged(ok, answer.seconds, 2, f"maxmemory: {answer.status}, said {said}, {tasks}")


def read_only(rig: Rig, person: Person, form: dict[str, str], number: int) -> Round:
    """MongoDB read-only: a clear refusal, and nothing is there."""
    rig.arm("inserting")
    answer = sent(person, form)
    ok = answer.status == 503 and "did not answer" in answer.text and not numbered(rig, number)
    return judged(ok, answer.seconds, 3, f"read-only: {answer.status}, {len(numbered(rig, number))} tasks")


def full_disk(rig: Rig, person: Person, form: dict[str, str], number: int) -> Round:
    """No byte more fits on MongoDB's disk (its largest file may not grow): refused, or really there."""
    mongo = rig.stores.mongo
    assert mongo and mongo.pid
    resource.prlimit(mongo.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    answer = sent(person, form)
    if mongo.alive:
        resource.prlimit(mongo.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    mongo.kill()
    back(mongo)
    until(lambda: person.ask("GET", "/tasks").status == 200, 20)
    there = [str(task.id) for task in numbered(rig, number)]
    ok = there == [answer.task] if answer.status == 303 else answer.status in (0, 503)
    return judged(ok, answer.seconds, 5, f"disk full: {answer.status} {answer.task}, there {there}")


@case(
    "C24",
    "disk full; Redis at maxmemory; MongoDB read-only",
    "a clear refusal, never a false “accepted”",
    of_the_web="inserting=readonly",
)
def refused(rig: Rig, times: int) -> list[Round]:
    web, rounds = rig.serve(), []
    rig.start(1)
    ways = (full_memory, read_only, full_disk)
    for number in range(times):
        person = web.person()
        rounds.append(ways[number % len(ways)](rig, person, filled(person, number), number))
    return rounds
