"""Processes that are started again when they die, as `make up` does; and what of them can be shot."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable

from app.local.children import LocalProcess
from tests.chaos.rig import children_of

PAUSE_S = 0.5


class Keeper:
    """Children by name; all is done from one thread, on whose life theirs depend."""

    def __init__(self) -> None:
        self.children: dict[str, LocalProcess] = {}
        self._due: dict[str, float] = {}

    def start(self, name: str, child: LocalProcess, ready_s: float = 40) -> None:
        self.children[name] = child
        child.start()
        child.wait_ready(ready_s)

    def check(self) -> None:
        """Start again what died, after a pause."""
        now = time.monotonic()
        for name, child in self.children.items():
            if child.alive:
                continue
            if name not in self._due:
                self._due[name] = now + PAUSE_S
            elif now >= self._due[name]:
                del self._due[name]
                child.kill()  # what it started may have outlived it
                child.start()

    def down(self, name: str, seconds: float) -> None:
        """Kill one with everything below it; it stays down for so long."""
        self.children[name].kill()
        self._due[name] = time.monotonic() + seconds

    def stop(self) -> None:
        for child in reversed(list(self.children.values())):
            child.kill()


class Marksman:
    """Chooses a process of a kind and sends it SIGKILL."""

    def __init__(self, keeper: Keeper, chance: random.Random, leader: Callable[[], int | None]) -> None:
        self._keeper, self._chance, self._leader = keeper, chance, leader
        self.shot: dict[str, int] = {}

    def shoot(self, kind: str) -> bool:
        """Whether there was one to shoot."""
        found = self._found(kind)
        if not found:
            return False
        try:
            os.kill(self._chance.choice(found), signal.SIGKILL)
        except ProcessLookupError:
            return False
        self.shot[kind] = self.shot.get(kind, 0) + 1
        return True

    def _found(self, kind: str) -> list[int]:
        if kind == "maintenance leader":
            leader = self._leader()
            return [leader] if leader else []
        if kind in ("web master", "web process"):
            return self._of("web") if kind == "web master" else self._below(self._of("web"))
        fleets = self._of("workers")
        if kind == "fleet":
            return fleets
        supervisors = self._below(fleets)
        return supervisors if kind == "worker" else self._below(supervisors)

    def _of(self, prefix: str) -> list[int]:
        named = [child for name, child in self._keeper.children.items() if name.startswith(prefix)]
        return [child.pid for child in named if child.alive and child.pid]

    def _below(self, pids: list[int]) -> list[int]:
        return sorted(child for pid in pids for child in children_of(pid))
