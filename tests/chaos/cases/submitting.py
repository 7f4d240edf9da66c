"""Faults while somebody creates a task: the web server dies, Redis is away, the button is clicked often."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from app.core.tasks.task import Task
from tests.chaos.cases import Round, case, judged
from tests.chaos.rig import Rig, back, frozen, succeeded_once
from tests.rig.person import LOST, Person

CLICKS = 20


def numbered(rig: Rig, number: int) -> list[Task]:
    """The tasks that were made of one form."""
    return rig.services.queries.find({"params.number": number}, [("_id", 1)], 10)


def filled(person: Person, number: int) -> dict[str, Any]:
    """A form as somebody has filled it in."""
    return {**person.open("mark"), "title": f"round {number}", "p-number": str(number)}


def lost(do: Callable[[], object]) -> bool:
    """Whether no answer came."""
    with contextlib.suppress(*LOST):
        do()
        return False
    return True


@case("C1", "web killed before the insert is acknowledged", "0 or 1 task, never 2 when resubmitted")
def killed_at_the_insert(rig: Rig, times: int) -> list[Round]:
    web, rounds = rig.serve(), []
    rig.start(1)
    for number in range(times):
        person, point = web.person(), rig.chance.choice(["inserting", "inserted"])
        form = filled(person, number)
        rig.arm(point)
        killed = lost(lambda: person.send("mark", form))  # noqa: B023 - called within this turn of the loop
        before = len(numbered(rig, number))
        answer = person.insist("mark", form)
        after = numbered(rig, number)
        ok = killed and before == (point == "inserted") and len(after) == 1
        seen = f"{point}: answered {not killed}, {before} and then {len(after)} tasks, {answer.status}"
        rounds.append(judged(ok and answer.task == str(after[0].id), 0, 1, seen))
    ended = rig.wait(rig.services.queries.find({}, [("_id", 1)], times * 2), 30)
    done = rig.effects()
    return [
        each if succeeded_once(task, done) else Round(False, 0, f"task {task.status.value}")
        for each, task in zip(rounds, ended, strict=True)
    ]


def killed_at(rig: Rig, point: str, times: int) -> list[Task]:
    """Each form is sent once, and the web server dies at a point after the insert; the tasks then."""
    web = rig.serve()
    rig.start(1)
    for number in range(times):
        person = web.person()
        form = filled(person, number)
        rig.arm(point)
        assert lost(lambda: person.send("mark", form)), f"{point} was not reached"  # noqa: B023 - called within this turn of the loop
        while lost(lambda: person.ask("GET", "/healthz")):  # noqa: B023 - called within this turn of the loop
            pass
    made = [numbered(rig, number) for number in range(times)]
    assert all(len(each) == 1 for each in made), made
    return rig.wait([each[0] for each in made], 30)


@case("C2", "web killed between insert and push", "starts within 10 s")
def killed_before_the_push(rig: Rig, times: int) -> list[Round]:
    tasks = killed_at(rig, "inserted", times)
    done = rig.effects()
    return [
        judged(
            succeeded_once(task, done), (task.started_at - task.created_at).total_seconds(), 10, task.status
        )
        if task.started_at
        else Round(False, 30, "never started")
        for task in tasks
    ]


@case("C3", "web killed after the push, before the mark", "one run")
def killed_before_the_mark(rig: Rig, times: int) -> list[Round]:
    tasks = killed_at(rig, "pushed", times)
    done = rig.effects()
    return [
        judged(
            succeeded_once(task, done) and task.attempt == 1, 0, 1, f"{task.status}, {task.attempt} attempts"
        )
        for task in tasks
    ]


@case(
    "C4",
    "Redis down, or hung, at enqueue",
    "answered within 1 s, “saved”; runs when Redis is back",
)
def redis_away(rig: Rig, times: int) -> list[Round]:
    web, rounds = rig.serve(), []
    redis = rig.stores.redis
    assert redis
    rig.start(1)
    for number in range(times):
        person = web.person()
        form = filled(person, number)
        if number % 2:
            redis.kill()
            answer = person.send("mark", form)
            page = person.ask("GET", answer.location).text
            back(redis)
        else:
            with frozen([redis.pid or 0]):
                answer = person.send("mark", form)
                page = person.ask("GET", answer.location).text
        (task,) = rig.wait(numbered(rig, number), 20)
        said = "starts when it is back" in page
        ok = answer.status == 303 and said and succeeded_once(task, rig.effects())
        rounds.append(judged(ok, answer.seconds, 1, f"{answer.status}, said {said}, {task.status}"))
    return rounds


@case("C15", "submit clicked 20 times at once; back and refresh; two tabs", "one task for one form")
def clicked_often(rig: Rig, times: int) -> list[Round]:
    web, rounds = rig.serve(), []
    rig.start(1)
    for number in range(times):
        person = web.person()
        form, tab = filled(person, number), filled(person, number)
        with ThreadPoolExecutor(CLICKS) as pool:
            same = [Person(web.port, dict(person.cookies)) for _ in range(CLICKS)]
            clicks = [pool.submit(browser.send, "mark", form) for browser in same]
        answers = [click.result() for click in clicks] + [person.send("mark", form) for _ in range(2)]
        one = {answer.task for answer in answers}
        other = Person(web.port, dict(person.cookies)).send("mark", tab).task
        ended = rig.wait(numbered(rig, number), 20)
        statuses = {answer.status for answer in answers}
        ok = statuses == {303} and len(one) == 1 and {str(task.id) for task in ended} == {*one, other}
        ok = ok and len(ended) == 2 and all(succeeded_once(task, rig.effects()) for task in ended)
        rounds.append(
            judged(ok, max(each.seconds for each in answers), 20, f"{statuses}, {len(ended)} tasks")
        )
    return rounds
