"""The floor: the least that can be done for a task, in a bare loop without any care.

Pop an id, read the document, write "running" and "succeeded", each guarded by the state it comes
from and as durable as everywhere else. No lease, no history, no log, no time limit, no task type.

    MONGODB_URI=... REDIS_URL=... python -m bench.floor
"""

from __future__ import annotations

import os
from typing import Any

from bson import ObjectId
from redis import Redis

from app.core import mongo
from app.core.clock import utcnow
from config import load

QUEUE = "bench:floor"
READY = "bench:floor:ready"


def main() -> None:
    """Wait for the first id, then go on until there is none."""
    settings = load(os.environ)
    tasks = mongo.connect(settings).tasks
    tasks.find_one({"_id": ObjectId()})
    redis: Any = Redis.from_url(settings.redis_url)
    redis.incr(READY)
    task_id = redis.blpop([QUEUE], 60)[1]
    while task_id is not None:
        run(tasks, ObjectId(task_id.decode()))
        task_id = redis.lpop(QUEUE)


def run(tasks: Any, task_id: ObjectId) -> None:
    """Two guarded writes around nothing."""
    found = tasks.find_one({"_id": task_id})
    begun = {"status": "running", "attempt": found["attempt"] + 1, "started_at": utcnow()}
    tasks.update_one({"_id": task_id, "status": "queued", "attempt": found["attempt"]}, {"$set": begun})
    ended = {"status": "succeeded", "finished_at": utcnow(), "result": {"number": found["params"]["number"]}}
    tasks.update_one({"_id": task_id, "status": "running", "attempt": begun["attempt"]}, {"$set": ended})


if __name__ == "__main__":
    main()
