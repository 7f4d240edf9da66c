"""A batch whose web server is killed while it is created: all of its tasks or none, and each once."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.core.people.roles import Role
from app.core.services import Services
from app.local.servers import LocalStores
from tests.core.params.schemas import schema_of
from tests.rig.fleet import Fleet, fleet
from tests.rig.processes import until
from tests.rig.web import Web
from tests.web.create.creating import publish

pytestmark = pytest.mark.real

TASKS = 1_200  # two parts
POINTS = ("batch_part", "batch_whole", "batch_inserted")


@pytest.fixture
def crew(real_stores: LocalStores, tmp_path: Path) -> Iterator[Fleet]:
    with fleet(real_stores, "batch_killed", tmp_path) as made:
        yield made


def test_kill_9_of_the_web_at_each_moment(crew: Fleet, tmp_path: Path) -> None:
    services, tokens = crew.services, tmp_path / "tokens"
    publish(services, "count", title="Count", schema=schema_of(number=(int, ...)))
    for point in POINTS:
        (tokens / point).mkdir(parents=True)
    failing = {
        "DTQ_FAILPOINTS": ",".join(f"{point}=kill@2" for point in POINTS[::2]) + ",batch_whole=kill",
        "DTQ_FAILPOINTS_FOLDER": str(tokens),
    }
    web = Web({**crew.env, **failing}, tmp_path / "web.log")
    try:
        web.start()
        token = _token(services)
        for number, point in enumerate(POINTS, 1):
            (tokens / point / "once").touch()
            assert _send(web, token, point) is None, "its process was killed before it answered"
            until(lambda number=number: len((tokens / "fired").read_text().splitlines()) >= number, 20)
            # As if the lease of the dead had passed.
            services.db.batches.update_many({"state": {"$ne": "ready"}}, {"$set": {"lease": {}}})
            services.batches.recover()
            expected = 0 if point == "batch_part" else TASKS
            assert _tasks(services, point) == expected
            again = until(lambda point=point: _send(web, token, point), 30)
            assert again["created"] == TASKS == _tasks(services, point)
        assert services.db.tasks.count_documents({}) == TASKS * len(POINTS)
        assert services.db.batch_parts.count_documents({}) == 0
        # A hint may be there twice, and does nothing the second time; none is missing.
        waiting = services.queries.find({"status": "queued"}, [("_id", 1)], TASKS * len(POINTS))
        assert len(waiting) == TASKS * len(POINTS) <= sum(services.queues.depths().values())
        assert services.queues.missing(waiting) == []
    finally:
        web.stop()


def _token(services: Services) -> str:
    people = services.people
    user = people.users.add("Robot", Role.OPERATOR)
    _, token = people.tokens.create(people.users.person(user), "CI", timedelta(days=1), None)
    return token


def _send(web: Web, token: str, key: str) -> dict[str, Any] | None:
    """Send the batch of a key; None where no answer came."""
    tasks = [{"type": "count", "params": {"number": number}} for number in range(TASKS)]
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Idempotency-Key": key,
    }
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=60)
    with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection):
        body = json.dumps({"tasks": tasks, "title": key})
        connection.request("POST", "/api/v1/tasks/batch", body, headers)
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status == 201, text
        found: dict[str, Any] = json.loads(text)
        return found
    return None


def _tasks(services: Services, title: str) -> int:
    batch = services.db.batches.find_one({"title": title}, {"_id": 1})
    return services.db.tasks.count_documents({"batch": batch["_id"]}) if batch else 0
