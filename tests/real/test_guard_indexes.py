"""On the server that uses an index only when it covers the whole filter, the indexes of `make up` do.

Everything that a worker, maintenance and the pages ask again and again is asked, and then explained.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from app.core.tasks.states import Priority
from app.core.tasks.task import NewTask
from app.local.kinds import WHEEL
from app.local.servers import stores
from bench.counted import Counted, connected
from bench.maintenance import patient_settings
from tests.real.test_indexes import stages
from tests.real.test_maintenance import asked_in_a_round, searches

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(WHEEL.find() is None, reason="This platform's wheel has no Rust server."),
]

LARGE = {"tasks", "logs", "words", "files.files", "files.chunks"}
UNSERVED = {
    # With two fields that have a range or several values, no index would be used.
    "tasks: _id ['$in'], status ['$in'] by []",  # Once per batch that is deleted, and the next one, too.
    "tasks: _id ['$in'], notice ['$exists'] by ['_id']",
    "tasks: _id, status, attempt, lease.worker, cancel, lease.until by []",  # Once per rescued task.
    "tasks: status, hint, priority, queued_at ['$gte'], $or by ['queued_at', '_id']",  # Redis lost its data.
    "words: _id ['$in'], at ['$gt'] by []",  # Once per day for a word, and for a new one.
}


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counted]:
    with (
        stores(tmp_path_factory.mktemp("guards"), mongo="wheel") as servers,
        connected(patient_settings(servers.addresses), servers) as made,
    ):
        yield made


def live_a_life(counted: Counted) -> None:
    """A task from its form to its end, with a look at each page's figures that has an index."""
    services = counted.services
    new = NewTask("noop", {}, "Nothing", Priority.HIGH, max_attempts=3)
    submitted = services.dispatch.submit(new).task
    services.stats.queues()
    services.queries.due_among([submitted.id])
    claimed = services.tasks.claim(submitted.id, submitted.dispatch, "somebody.1")
    assert claimed
    assert services.tasks.renew(claimed)
    assert services.tasks.report_progress(claimed, {"done": 1})
    services.logs.write_part(claimed.id, 1, 0, b"a line")
    services.logs.read(claimed.id, 1)
    services.files.of_task(claimed.id)
    assert services.tasks.succeed(claimed, None)
    services.tasks.cancel(claimed.id, "alice")


def without_guards(counted: Counted) -> None:
    for collection in map(counted.services.db.get_collection, LARGE):
        for name in collection.index_information():
            if name.startswith("guard_"):
                collection.drop_index(name)


def unserved(counted: Counted, asked: dict[str, tuple[str, dict[str, Any], dict[str, int]]]) -> set[str]:
    found = set()
    for title, (collection, query, order) in asked.items():
        cursor = counted.services.db[collection].find(query)
        plan = (cursor.sort(list(order.items())) if order else cursor).explain()["queryPlanner"]
        if collection in LARGE and "COLLSCAN" in set(stages(plan["winningPlan"])):
            found.add(title)
    return found


def test_what_is_asked_again_and_again_is_read_from_an_index(counted: Counted) -> None:
    asked = searches(asked_in_a_round(counted))
    with counted.count() as life:
        live_a_life(counted)
    asked |= searches(life)

    assert len(asked) > 20
    assert unserved(counted, asked) - UNSERVED == set()
    without_guards(counted)
    assert len(unserved(counted, asked) - UNSERVED) > 5
