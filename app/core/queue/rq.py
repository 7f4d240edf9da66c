"""The three RQ queues: the only module of the core that touches RQ.

A message is a hint, "this task is ready": an RQ job whose id names the task and the dispatch. Its
payload is never read, so a forged one can do no more than make a worker look at a task. Jobs are
serialized as JSON; nothing here pickles.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, Protocol

from bson import ObjectId
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import RedisError, ResponseError
from rq import Queue
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer
from rq.worker_registration import REDIS_WORKER_KEYS, WORKERS_BY_QUEUE_KEY, clean_worker_registry

from app.core.mongo import Document
from app.core.queue.connection import translated
from app.core.queue.epoch import EPOCH, LOSS, Epoch
from app.core.store_errors import causes
from app.core.tasks.states import Priority
from app.core.tasks.task import Task

FUNCTION = "workers.run"
WAKE = "dtq:wake"
WRONG_TYPE = "WRONGTYPE"
ASIDE = "dtq:damaged:"
ASIDE_S = 86_400
PROBE = "dtq-probe"
SEARCH_LIMIT = 5_000_000  # places that Redis may search to revoke hints: some 50 ms
# For a message that a stock RQ worker popped and died with: while its hash is there, it seems to wait.
# One that waits for longer than this is sent again beside the old one, which does no harm.
JOB_TTL_S = 3600
FEW = 20
GONE, ENDLESS = -2, -1  # What Redis says of the time that a key has left.

log = logging.getLogger("app.core.queue.rq")

# Pops in priority order and removes the job's hash in the same step, so a hint is either waiting
# whole or gone. When there is nothing, answers with the place in the wake stream to wait from, so
# that a push between this look and the wait is not missed.
# A queue whose key holds something other than a list does not stop the others; any other refusal is one.
_TAKE = """
for i = 1, #KEYS - 1 do
  local id = redis.pcall('LPOP', KEYS[i])
  if type(id) == 'string' then
    redis.call('DEL', ARGV[1] .. id)
    return {1, id}
  end
  if type(id) == 'table' and id.err then
    local held = redis.call('TYPE', KEYS[i]).ok
    if held == 'list' or held == 'none' then return id end
  end
end
local last = redis.call('XREVRANGE', KEYS[#KEYS], '+', '-', 'COUNT', 1)
return {0, last[1] and last[1][1] or '0-0'}
"""

# Makes the hashes of many jobs: the fields that they share come once, then three values for each.
_ADD = """
local same = {}
for i = 5, 4 + ARGV[4] do same[#same + 1] = ARGV[i] end
for i = 5 + ARGV[4], #ARGV, 3 do
  local key = ARGV[1] .. ARGV[i]
  redis.call('HSET', key, unpack(same))
  redis.call('HSET', key, 'description', ARGV[3] .. ' ' .. ARGV[i + 1], 'data', ARGV[i + 2])
  redis.call('EXPIRE', key, ARGV[2])
end
"""


class Due(Protocol):
    """What a hint is made of; a `Task` is one."""

    @property
    def id(self) -> ObjectId: ...
    @property
    def type(self) -> str: ...
    @property
    def priority(self) -> Priority: ...
    @property
    def timeout_s(self) -> int: ...
    @property
    def job_id(self) -> str: ...


@dataclass(frozen=True)
class Hint:
    """A task that waits, as little of it as a hint needs."""

    id: ObjectId
    type: str
    priority: Priority
    timeout_s: int
    job_id: str

    @classmethod
    def of(cls, document: Document) -> Hint:
        """Return the hint of a task that was written by this process."""
        task_id, dispatch = document["_id"], document["dispatch"]
        priority = Priority(document["priority"])
        return cls(task_id, document["type"], priority, document["timeout_s"], f"{task_id}-{dispatch}")


class Queues:
    """High, medium and low. Every method raises QueueUnavailable when Redis does not answer.

    ``epoch`` says whether what was pushed is still there.
    """

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self._queues = {
            priority: Queue(priority.word, connection=redis, serializer=JSONSerializer)
            for priority in Priority
        }
        self._keys = [*(queue.key for queue in self._queues.values()), WAKE]
        self._take = redis.register_script(_TAKE)
        self.epoch = Epoch(redis)

    def push(self, tasks: Sequence[Due]) -> None:
        """Put a hint for each task at the end of its queue, in order, and wake the workers that wait."""
        if not tasks:
            return
        with translated(self.redis), self.redis.pipeline() as pipe:
            if len(tasks) > FEW:
                self._add_many(pipe, tasks)
            else:
                for task in tasks:
                    self._queues[task.priority].enqueue_job(self._job(task), pipeline=pipe)
            pipe.xadd(WAKE, {"n": len(tasks)}, maxlen=1, approximate=False)
            try:
                pipe.execute()
            except ResponseError:  # A hash without its entry, or an unmarked one, would seem to wait.
                self.redis.delete(*(Job.key_for(task.job_id) for task in tasks))
                raise

    def _add_many(self, pipe: Pipeline, tasks: Sequence[Due]) -> None:
        """Add what `enqueue_job` of RQ would, in a fraction of the time: what jobs share is sent once."""
        alike: dict[tuple[Priority, str, int], list[Due]] = {}
        for task in tasks:
            alike.setdefault((task.priority, task.type, task.timeout_s), []).append(task)
        for some in alike.values():
            same = [part for pair in self._queued(some[0]).items() for part in pair]
            own = [part for task in some for part in (task.job_id, str(task.id), self._data(task))]
            given = [Job.redis_job_namespace_prefix, JOB_TTL_S, some[0].type, len(same), *same, *own]
            pipe.eval(_ADD, 0, *given)
        for priority in {task.priority for task in tasks}:
            queue = self._queues[priority]
            pipe.sadd(Queue.redis_queues_keys, queue.key)
            pipe.rpush(queue.key, *(task.job_id for task in tasks if task.priority is priority))

    def _queued(self, task: Due) -> dict[Any, Any]:
        """Return the hash of a job that waits."""
        job = self._job(task)
        job.origin, job.enqueued_at = self._queues[task.priority].name, job.created_at
        return {**job.to_dict(), "status": JobStatus.QUEUED.value}

    def _data(self, task: Due) -> bytes:
        called: tuple[Any, ...] = (FUNCTION, None, (str(task.id),), {})
        packed: bytes = JSONSerializer.dumps(called)  # type: ignore[no-untyped-call]  # rq types it not
        return zlib.compress(packed)

    def _job(self, task: Due) -> Job:
        return Job.create(
            FUNCTION,
            args=(str(task.id),),
            id=task.job_id,
            connection=self.redis,
            serializer=JSONSerializer,
            description=f"{task.type} {task.id}",
            timeout=task.timeout_s,
            ttl=JOB_TTL_S,
            result_ttl=0,
            failure_ttl=0,
        )

    def take(self, wait_s: float, paused: Collection[Priority] = ()) -> str | None:
        """The id of the next message, high before medium before low; None when none came in ``wait_s``.

        Nothing is taken from the ``paused`` queues.
        """
        keys = [queue.key for priority, queue in self._queues.items() if priority not in paused]
        with translated(self.redis):
            found, value = self._take(keys=[*keys, WAKE], args=[Job.redis_job_namespace_prefix])
            if found:
                return str(value.decode("utf-8", "replace"))
            if wait_s > 0:
                self.redis.xread({WAKE: value}, block=max(1, int(wait_s * 1000)))
        return None

    def remove(self, tasks: Sequence[Task]) -> None:
        """Take back hints that nobody has taken yet.

        To find each, Redis searches its queue; many in long queues stay there, empty, until they are taken.
        """
        search = len(tasks) == 1 or len(tasks) * max(self.depths().values()) <= SEARCH_LIMIT
        with translated(self.redis), self.redis.pipeline() as pipe:
            for task in tasks:
                if search:
                    pipe.lrem(self._queues[task.priority].key, 1, task.job_id)
                pipe.delete(Job.key_for(task.job_id))
            pipe.execute()

    def missing(self, tasks: Sequence[Task]) -> list[Task]:
        """Those of the tasks whose hint is not waiting in Redis.

        We wrote no hash that never expires: such a message waits only if its queue lists it.
        """
        with translated(self.redis), self.redis.pipeline(transaction=False) as pipe:
            for task in tasks:
                pipe.ttl(Job.key_for(task.job_id))
            left_s = dict(zip((task.job_id for task in tasks), pipe.execute(), strict=True))
            doubtful = [task for task in tasks if left_s[task.job_id] == ENDLESS]
            for task in doubtful:
                pipe.lpos(self._queues[task.priority].key, task.job_id)
            stale = {
                task.job_id for task, place in zip(doubtful, pipe.execute(), strict=True) if place is None
            }
        return [task for task in tasks if left_s[task.job_id] == GONE or task.job_id in stale]

    def depths(self) -> dict[Priority, int]:
        """How many hints wait in each queue."""
        with translated(self.redis), self.redis.pipeline(transaction=False) as pipe:
            for queue in self._queues.values():
                pipe.llen(queue.key)
            found = pipe.execute(raise_on_error=False)
        with translated(self.redis):
            return {
                priority: self._depth(priority, depth)
                for priority, depth in zip(Priority, found, strict=True)
            }

    def _depth(self, priority: Priority, found: Any) -> int:
        """Return the answer about a queue; one whose key is not a list is empty. Raises any other error."""
        if not isinstance(found, Exception):
            return int(found)
        if not isinstance(found, RedisError) or causes.redis_code(found) != WRONG_TYPE:
            raise found
        _name_once(self._queues[priority].key)
        return 0

    def place(self, task: Task, paused: Collection[Priority] = ()) -> int | None:
        """The task's place in the whole line, 1 being next; None when its hint is not waiting.

        What waits in the ``paused`` queues is not before it.
        """
        with translated(self.redis), self.redis.pipeline(transaction=False) as pipe:
            for priority in Priority:
                if priority < task.priority and priority not in paused:
                    pipe.llen(self._queues[priority].key)
            pipe.lpos(self._queues[task.priority].key, task.job_id)
            *before, place = pipe.execute()
        return None if place is None else sum(before) + int(place) + 1

    def mend(self) -> int:
        """Put keys of a wrong type aside, for a day; return how many.

        They hold nothing that we wrote, and keep a queue, or all of them, from working. A queue whose hints
        are gone with its key is a loss: a new epoch pushes them again, which does the others no harm.
        """
        kinds = {**dict.fromkeys(self._keys, "list"), WAKE: "stream", Queue.redis_queues_keys: "set"}
        with translated(self.redis), self.redis.pipeline(transaction=False) as pipe:
            for key in kinds:
                pipe.type(key)
            found = {key: kind.decode() for key, kind in zip(kinds, pipe.execute(), strict=True)}
            wrong = [key for key, kind in found.items() if kind not in (kinds[key], "none")]
            for key in wrong:
                self.redis.rename(key, ASIDE + key)
                self.redis.expire(ASIDE + key, ASIDE_S)
                log.error(
                    "The key %s in Redis was a %s, not a %s, and stopped the queue: it is now %s, for a day.",
                    key, found[key], kinds[key], ASIDE + key,
                )  # fmt: skip
            if set(wrong) & set(self._keys[:-1]):
                hints = self.redis.scan_iter(f"{Job.redis_job_namespace_prefix}*", count=1_000)
                for some in iter(lambda: list(islice(hints, 1_000)), []):
                    self.redis.delete(*some)
                self.redis.delete(EPOCH, LOSS)
        return len(wrong)

    def forget_lost_workers(self) -> None:
        """Drop workers from RQ's register that were killed before they could leave it."""
        with translated(self.redis):
            for queue in self._queues.values():
                self._forget_unnamed(WORKERS_BY_QUEUE_KEY % queue.name)
                clean_worker_registry(queue)
            self._forget_unnamed(REDIS_WORKER_KEYS)

    def _forget_unnamed(self, key: str) -> None:
        """Drop what is no worker's key from a set of RQ, which would read it as one, and begin it anew where
        it is no set."""
        if self.redis.type(key) not in (b"set", b"none"):
            self.redis.delete(key)
            return
        members: Any = self.redis.smembers(key)
        if unnamed := [member for member in members if not _names_a_worker(member)]:
            self.redis.srem(key, *unnamed)

    def answers(self) -> bool:
        try:
            return bool(self.redis.ping())
        except (RedisError, OSError):
            return False

    def require_usable(self) -> None:
        """Try, without a trace, what the queue needs: its script, its keys, each kind of its commands.

        Raises QueueUnavailable with the cause, also where another user than the web's would be let do less.
        """
        queues, hint = [queue.key for queue in self._queues.values()], Job.key_for(PROBE)
        worker = f"rq:worker:{PROBE}"
        with translated(self.redis):
            self._take(keys=[f"rq:queue:{PROBE}", WAKE], args=[Job.redis_job_namespace_prefix])
            with self.redis.pipeline() as pipe:  # nobody sees what comes and goes in one transaction
                for key in (hint, worker):
                    pipe.hset(key, "probe", "")
                    pipe.expire(key, 1)
                    pipe.ttl(key)
                    pipe.hgetall(key)
                    pipe.delete(key)
                for queue in queues:
                    pipe.lpos(queue, PROBE)
                    pipe.llen(queue)
                pipe.rpush(f"rq:queue:{PROBE}", PROBE)
                pipe.lrem(f"rq:queue:{PROBE}", 1, PROBE)
                pipe.sadd(f"rq:workers:{PROBE}", worker)
                pipe.smembers(f"rq:workers:{PROBE}")
                pipe.srem(f"rq:workers:{PROBE}", worker)
                pipe.xadd(f"{WAKE}:{PROBE}", {"n": 0}, maxlen=1, approximate=False)
                pipe.delete(f"{WAKE}:{PROBE}")
                pipe.set(f"{EPOCH}:{PROBE}", PROBE)
                pipe.delete(f"{EPOCH}:{PROBE}")
                for key in (EPOCH, LOSS, "rq:queues", "rq:workers"):
                    pipe.exists(key)
                    pipe.type(key)
                pipe.execute()
            self.redis.xread({WAKE: "$"}, count=1)


def _names_a_worker(member: bytes) -> bool:
    try:
        return member.decode().startswith("rq:worker:")
    except UnicodeDecodeError:
        return False


@lru_cache(maxsize=100)
def _name_once(key: str) -> None:
    log.error(
        "The key %s in Redis is not a list, so nothing of its priority runs until a worker puts it aside; "
        "or delete it (DEL %s).",
        key,
        key,
    )


def raw_job(redis: Redis, job_id: str) -> dict[Any, Any]:
    """A job's hash as Redis holds it; for tests and diagnosis."""
    found: Any = redis.hgetall(Job.key_for(job_id))
    return dict(found)
