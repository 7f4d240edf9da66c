"""Hints for watchers: "this task has changed", on a Redis channel, with IDs and codes only.

Any of them may be lost or doubled: MongoDB holds the truth, and who hears of a change reads it there, with
their own rights. Without Redis nobody is told, nothing fails, and pages ask by themselves. What is told at
the same time goes out in one PUBLISH.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from bson import ObjectId
from redis import Redis
from redis.client import PubSub
from redis.exceptions import RedisError

from app.core.errors import QueueUnavailable
from app.core.tasks.task import Task

AGAIN_S = 5.0
"""So long nobody is told anything after Redis did not take a hint."""
MOST_TOLD = 200
"""Changes in one message, which then has some 20 KB."""
LONGEST = 64 * 1024
MOST_HELD = 5_000
PING_EVERY_S = 10.0
SILENT_S = 25.0
"""Of a Redis that says nothing for so long nobody hears anything any more."""

log = logging.getLogger("app.core.queue.changes")


class Code(str, Enum):
    """What has changed. The value is what a message holds."""

    STATUS = "status"
    """A task came into a status, into another queue, or is gone."""
    PROGRESS = "progress"
    LOG = "log"
    WORKERS = "workers"
    QUEUES = "queues"


@dataclass(frozen=True)
class Change:
    """One hint; ``owner`` and ``private`` of a task say who may know of it (`Rights.may_know`).

    ``owner`` is empty where the teller does not know it.
    """

    code: Code
    task: str = ""
    owner: str = ""
    private: bool = False

    @classmethod
    def of(cls, code: Code, task: Task) -> Change:
        return cls(code, str(task.id), task.owner, task.private)

    def packed(self) -> list[Any]:
        """Return it as it is sent."""
        return [self.code.value, self.task, self.owner, int(self.private)]


def parse(message: str | bytes) -> list[Change]:
    """Return the changes that a message names; what is none of ours is skipped."""
    try:
        found = json.loads(message) if len(message) <= LONGEST else []
    except ValueError:
        return []
    return unpacked(found)


def unpacked(found: Any) -> list[Change]:
    """Return the changes of a list of packed ones; what is none of ours is skipped."""
    changes = [_change(packed) for packed in found[:MOST_TOLD]] if isinstance(found, list) else []
    return [change for change in changes if change]


def _change(packed: Any) -> Change | None:
    match packed:
        case [str(code), str(task), str(owner), 0 | 1 as private] if code in _CODES and _is_id(task):
            return Change(Code(code), task, owner, bool(private))
    return None


_CODES = frozenset(code.value for code in Code)


def _is_id(text: str) -> bool:
    return not text or ObjectId.is_valid(text)


class Changes:
    """Tells of changes, and never fails. ``send`` may be replaced, as in a child, which has a supervisor.

    What is told waits for `flush` where ``at_once`` is False, and what is the same is told once.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._held: dict[Change, None] = {}
        self._lock = threading.Lock()
        self._again_at = 0.0
        self.at_once = True
        self.send: Callable[[list[Change]], None] = self._publish

    @property
    def channel(self) -> str:
        """Return the name of the channel: unlike keys, channels are shared by all databases of a Redis."""
        number = self._redis.connection_pool.connection_kwargs.get("db") or 0
        return f"dtq:changes:{number}"

    def tasks(self, code: Code, tasks: Iterable[Task]) -> None:
        """Tell that tasks have changed."""
        self.tell(Change.of(code, task) for task in tasks)

    def tell(self, changes: Iterable[Change]) -> None:
        """Tell of changes: at once, or with the next `flush`."""
        with self._lock:
            self._held.update(dict.fromkeys(changes))
            while len(self._held) > MOST_HELD:  # a hint may be lost; memory may not
                del self._held[next(iter(self._held))]
        if self.at_once:
            self.flush()

    @property
    def waiting(self) -> bool:
        """Whether there is something to flush."""
        return bool(self._held)

    def flush(self) -> None:
        """Send what is held."""
        with self._lock:
            held, self._held = list(self._held), {}
        if held:
            self.send(held)

    def _publish(self, changes: list[Change]) -> None:
        if time.monotonic() < self._again_at:
            return
        try:
            for at in range(0, len(changes), MOST_TOLD):
                some = [change.packed() for change in changes[at : at + MOST_TOLD]]
                self._redis.publish(self.channel, json.dumps(some))
        except (RedisError, OSError) as error:
            self._again_at = time.monotonic() + AGAIN_S
            log.debug("A hint was lost: %s", error)

    def listen(self, wait_s: float = 1.0) -> Iterator[list[Change]]:
        """Yield what anybody tells from now on; nothing (an empty list) when it begins and every ``wait_s``.

        Raises QueueUnavailable when Redis is away.
        """
        try:
            with self._redis.pubsub() as pubsub:  # type: ignore[no-untyped-call]  # redis types it not at all
                pubsub.subscribe(self.channel)
                yield from self._heard(pubsub, wait_s)
        except (RedisError, OSError) as error:
            raise QueueUnavailable(f"Redis tells of no changes: {error}") from error

    def _heard(self, pubsub: PubSub, wait_s: float) -> Iterator[list[Change]]:
        heard = pinged = time.monotonic()
        while True:
            message = pubsub.get_message(timeout=wait_s)
            now = time.monotonic()
            if message is not None:
                heard = now
            elif now - heard > SILENT_S:
                raise TimeoutError(f"it said nothing for {SILENT_S:g} s")
            if now - pinged >= PING_EVERY_S:
                pinged = now
                pubsub.ping()
            kind = message["type"] if message else "subscribe"
            if kind in ("message", "subscribe"):
                yield parse(message["data"]) if message and kind == "message" else []
