"""What a piece of work asks of the stores: commands to MongoDB, what came back, commands to Redis."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pymongo import MongoClient
from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

from app.core import mongo as db
from app.core.queue import connection
from app.core.services import Services, assemble
from app.local import LocalStores
from config import Settings

NOT_OURS = {"config|resetstat", "info", "auth", "hello", "client|setinfo"}


@dataclass
class Asked:
    """What was asked while it was counted."""

    mongo: Counter[str] = field(default_factory=Counter)
    """By command and collection."""
    redis: Counter[str] = field(default_factory=Counter)
    documents: int = 0
    """Documents that MongoDB returned."""
    commands: list[dict[str, Any]] = field(default_factory=list)
    """Each command to MongoDB as it was sent."""
    milliseconds: list[float] = field(default_factory=list)
    """What each command to MongoDB took."""
    seconds: float = 0.0

    def by_call(self, calls: int) -> list[float]:
        """Return the milliseconds of each of so many calls that sent the same commands."""
        size = len(self.milliseconds) // calls
        return [sum(self.milliseconds[at : at + size]) for at in range(0, size * calls, size or 1)] or [0.0]

    @property
    def figures(self) -> Counter[str]:
        """What must be the same whatever the backlog."""
        return self.mongo + self.redis + Counter({"documents returned": self.documents})


class Counting(CommandListener):
    """Listens to one client of MongoDB; counts while `asked` is set."""

    def __init__(self) -> None:
        self.asked: Asked | None = None

    def started(self, event: CommandStartedEvent) -> None:
        if self.asked is not None:
            name = event.command_name
            collection = event.command["collection" if name == "getMore" else name]
            self.asked.mongo[f"{name} {collection}"] += 1
            self.asked.commands.append(dict(event.command))

    def succeeded(self, event: CommandSucceededEvent) -> None:
        if self.asked is not None:
            cursor = event.reply.get("cursor", {})
            self.asked.documents += len(cursor.get("firstBatch", cursor.get("nextBatch", ())))
            self.asked.milliseconds.append(event.duration_micros / 1000)

    def failed(self, event: CommandFailedEvent) -> None:
        if self.asked is not None:
            self.asked.milliseconds.append(event.duration_micros / 1000)


@dataclass
class Counted:
    """The core over stores that nobody else uses, with its questions counted."""

    services: Services
    servers: LocalStores
    _listener: Counting

    @contextlib.contextmanager
    def count(self) -> Iterator[Asked]:
        """Count what the block asks."""
        redis = self.services.queues.redis
        asked = Asked()
        redis.config_resetstat()
        self._listener.asked = asked
        began = time.perf_counter()
        try:
            yield asked
        finally:
            asked.seconds = time.perf_counter() - began
            self._listener.asked = None
        for name, stats in redis.info("commandstats").items():
            if (command := name.removeprefix("cmdstat_")) not in NOT_OURS:
                asked.redis[command] = stats["calls"]


@contextlib.contextmanager
def connected(settings: Settings, servers: LocalStores) -> Iterator[Counted]:
    """The core over the stores, which the settings name; the connections are given back afterwards."""
    listener = Counting()
    client: MongoClient[db.Document] = MongoClient(
        settings.mongodb_uri, event_listeners=[listener], **db.client_options(settings)
    )
    redis = connection.connect(settings.redis_url, settings.redis_timeout_ms)
    services = assemble(settings, client.get_default_database("taskqueue"), redis)
    try:
        yield Counted(services, servers, listener)
    finally:
        services.close()
