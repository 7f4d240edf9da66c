"""Fifty programs send the same key while the web server is killed and started again: one task, one answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from app.core.people.roles import Role
from app.local.servers import LocalStores
from dtq.client import Client
from tests.rig.fleet import Fleet, fleet
from tests.rig.web import Web
from workers.types.task_modules import load

pytestmark = pytest.mark.real

PROGRAMS, EACH, KILLS = 50, 4, 4


@pytest.fixture
def crew(real_stores: LocalStores, tmp_path: Path) -> Iterator[Fleet]:
    rates = {"SIGN_IN_RATE_ADDRESS": "", "SUBMITS_PER_MINUTE": ""}
    with fleet(real_stores, "idempotency_killed", tmp_path, **rates) as made:
        yield made


def test_one_key_is_one_task_whatever_is_killed(crew: Fleet, web: Web) -> None:
    people = crew.services.people
    robot = people.users.person(people.users.add("Robot", Role.OPERATOR))
    _, token = people.tokens.create(robot, "CI", timedelta(days=1), None)
    echo = load(["tests.workers.samples"])["echo"].document()
    crew.services.catalog.publish([echo], "w1")
    together = threading.Barrier(PROGRAMS + 1)

    def program(number: int) -> list[tuple[str, str, dict]]:
        found = []
        with Client(web.address, token, timeout_s=10, retry_s=120) as client:
            together.wait()
            for turn in range(EACH):
                task = client.submit("echo", text=f"turn {turn}", idempotency_key=f"key {turn}")
                found.append((task.id, task.title, task.params))
                time.sleep(0.02 * (number % 5))
        return found

    with ThreadPoolExecutor(PROGRAMS) as pool:
        running = [pool.submit(program, number) for number in range(PROGRAMS)]
        together.wait()
        for pause_s in (0.2, 0.5, 0.1, 0.8)[:KILLS]:
            time.sleep(pause_s)
            web.child.kill()
            web.start()
        answers = [each.result(timeout=180) for each in running]

    assert all(answer == answers[0] for answer in answers)
    assert len({task_id for task_id, _, _ in answers[0]}) == EACH
    assert crew.services.db.tasks.count_documents({}) == EACH
