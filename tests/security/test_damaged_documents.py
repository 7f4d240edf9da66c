"""Documents that no version of ours writes: every page opens, and every healthy task gets its turn.

With DTQ_SECURITY=full, each wrong value; else some of them.
"""

from __future__ import annotations

import os
from datetime import timedelta

import pytest

from app.core.clock import utcnow
from app.core.queue import recovery
from app.core.tasks.states import Status
from app.web.platform.permissions import LIBRARY_ROUTES
from tests.browser.seeded import submit
from tests.core.damage import MISSING, WRONG, every
from tests.security.world import World

pytestmark = pytest.mark.slow

CHOSEN = (
    list(WRONG) if os.environ.get("DTQ_SECURITY") == "full" else ["missing", "null", "text", "a document"]
)
OTHERS = ("workers", "task_types", "users", "sessions", "audit", "files.files", "logs", "api_tokens", "links")


@pytest.fixture
def world(app, client, services):
    return World(app, client, services)


def damage_others(services, value):
    """Put beside each document of the other collections one for each field, with that field damaged."""
    count = 0
    for name in set(OTHERS) & set(services.db.list_collection_names()):
        found = list(services.db[name].find().limit(3))
        services.db[name].drop_indexes()
        for document in found:
            for field in document.keys() - {"_id"}:
                broken = {**document, "_id": f"{document['_id']}-{field}"}
                broken |= {key: broken["_id"] for key in ("name", "name_key") if key in broken}
                broken[field] = value
                if value is MISSING:
                    del broken[field]
                services.db[name].insert_one(broken)
                count += 1
    return count


@pytest.mark.parametrize("wrong", CHOSEN)
def test_every_page_opens_and_every_healthy_task_is_queued(wrong, world, services, monkeypatch, figure):
    monkeypatch.setattr(recovery, "REPAIR_S", 60)
    healthy = submit(services, title="Healthy")
    due = submit(services, title="Due", run_at=utcnow() + timedelta(seconds=60))
    services.db.tasks.drop_indexes()
    damaged = list(every(WRONG[wrong]))
    services.db.tasks.insert_many(damaged)
    others = damage_others(services, WRONG[wrong])
    paths = [
        route.path
        for route in world.routes()
        if route.method == "GET" and route.endpoint not in LIBRARY_ROUTES
    ]
    paths += [f"/tasks/{document['_id']}" for document in damaged] + ["/tasks?limit=200", "/tasks?q=count"]
    broken = [f"{status} {path}" for path in paths if (status := _status(world.client, path)) >= 500]
    assert broken == []
    services.db.tasks.update_one({"_id": due.id}, {"$set": {"run_at": utcnow() - timedelta(seconds=1)}})
    for repair in ("stage", "push_due", "recover", "sweep"):
        getattr(services.recovery, repair)()
    waiting = [services.tasks.get(task.id) for task in (healthy, due)]
    delayed = [task.title for task in waiting if task.status is not Status.QUEUED]
    delayed += [task.title for task in services.queues.missing(waiting)]
    assert delayed == []
    figure(
        damaged_documents=len(damaged) + others,
        pages_opened_beside_damage=len(paths),
        pages_with_5xx_beside_damage=len(broken),
        healthy_tasks_delayed=len(delayed),
    )


def _status(client, path):
    answer = client.get(path)
    answer.close()
    return answer.status_code
