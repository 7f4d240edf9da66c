"""How large a storm is, and which fault comes when: decided by a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass

# Of a hundred SIGKILLs.
TARGETS = {
    "web process": 15,
    "web master": 5,
    "fleet": 5,
    "worker": 30,
    "child": 35,
    "maintenance leader": 10,
}
DOWN_S = (0.5, 3.0)


@dataclass(frozen=True)
class Size:
    """So many of each, spread over so many seconds."""

    tasks: int
    kills: int
    flushes: int
    redis_kills: int
    mongo_kills: int
    both: int
    seconds: float

    @property
    def faults(self) -> int:
        return self.kills + self.flushes + self.redis_kills + self.mongo_kills + self.both


PRESETS = {
    "short": Size(tasks=600, kills=24, flushes=2, redis_kills=2, mongo_kills=1, both=1, seconds=50),
    "full": Size(tasks=10_000, kills=300, flushes=10, redis_kills=10, mongo_kills=5, both=5, seconds=900),
}


@dataclass(frozen=True)
class Fault:
    """What happens ``at_s`` seconds after the beginning; a store stays down for ``down_s``."""

    at_s: float
    what: str
    down_s: float = 0.0


def faults(size: Size, chance: random.Random) -> list[Fault]:
    """Every fault in order of time; kills of stores do not follow each other at once."""
    kills = chance.choices(list(TARGETS), list(TARGETS.values()), k=size.kills)
    of_stores = ["flush"] * size.flushes + ["redis"] * size.redis_kills
    of_stores += ["mongo"] * size.mongo_kills + ["both"] * size.both
    chance.shuffle(of_stores)
    apart = size.seconds / max(1, len(of_stores))
    placed = [
        Fault((place + chance.uniform(0.1, 0.7)) * apart, what, chance.uniform(*DOWN_S))
        for place, what in enumerate(of_stores)
    ]
    placed += [Fault(chance.uniform(0, size.seconds), what) for what in kills]
    return sorted(placed, key=lambda fault: fault.at_s)
