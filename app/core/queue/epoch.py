"""Whether Redis still holds what was pushed, and how far the repair of a loss has come.

A key that we once set is the epoch: where it is gone, Redis has lost its data, and `recovery` pushes every
hint again, place by place. Redis itself keeps how far that is, so any process resumes it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import Any

from redis import Redis

from app.core.queue.connection import translated

EPOCH = "dtq:epoch"
LOSS = "dtq:loss"

# The repair of a loss advances from one place to the next, unless the data were lost once more.
_ADVANCE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[2], ARGV[2])
return 1
"""


@dataclass(frozen=True)
class Redispatch:
    """Redis lost its data: up to which ``place`` everything is pushed again; ``loss`` names the loss.

    A repair resumes from there, and after another loss from the start.
    """

    loss: str
    place: str

    def __str__(self) -> str:
        return f"{self.loss} {self.place}"


class Epoch:
    """The key, and the repair after it was lost. Every method raises QueueUnavailable."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._advance = redis.register_script(_ADVANCE)

    def exists(self) -> bool:
        """Return whether Redis still holds what was pushed."""
        with translated(self._redis):
            return bool(self._redis.exists(EPOCH))

    def begin(self, token: str) -> None:
        with translated(self._redis):
            self._redis.set(EPOCH, token)

    def redispatch(self, start: str) -> Redispatch:
        """Return how far the repair of a loss has come; it begins here where it has not begun."""
        begun = Redispatch(secrets.token_hex(8), start)
        with translated(self._redis):
            if self._redis.type(LOSS) not in (b"string", b"none"):
                return self.restart(start)
            self._redis.set(LOSS, str(begun), nx=True)
            found: Any = self._redis.get(LOSS)
        loss, _, place = found.decode("utf-8", "replace").partition(" ") if found else ("", "", "")
        if loss and place:
            return Redispatch(loss, place)
        return begun if found is None else self.restart(start)

    def restart(self, start: str) -> Redispatch:
        """Begin the repair of a loss anew, where what Redis knows of it cannot be read."""
        begun = Redispatch(secrets.token_hex(8), start)
        with translated(self._redis):
            self._redis.set(LOSS, str(begun))
        return begun

    def advance(self, redispatch: Redispatch, place: str | None) -> None:
        """Record that everything up to this place is pushed again. With None all is, and a new epoch begins.

        Nothing changes when Redis lost its data since ``redispatch`` was read.
        """
        key, value = (LOSS, str(replace(redispatch, place=place))) if place else (EPOCH, redispatch.loss)
        with translated(self._redis):
            self._advance(keys=[LOSS, key], args=[str(redispatch), value])
