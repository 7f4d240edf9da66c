"""Breadth-first over everything that can happen to one task: each state once, by its cheapest way."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.core.tasks.model import FINAL, Broken, Saved, World


@dataclass(frozen=True)
class Step:
    """Something that can happen now; ``faults`` is what it costs: what is rarer, or a race, costs two."""

    name: str
    act: Callable[..., object]
    about: tuple[Any, ...] = ()
    faults: int = 0

    def do(self, world: World) -> None:
        self.act(world, *self.about)


Steps = Callable[[World], Iterator[Step]]


def explore(world: World, limit: int, steps: Steps) -> int:
    """Visit every state; returns how many there are. Raises Broken with the way to what is wrong."""
    first = world.key()
    spent, saved = {first: 0}, {first: world.save()}
    before: dict[Saved, set[Saved]] = defaultdict(set)
    way: dict[Saved, tuple[Saved, str]] = {}
    todo = deque([first])
    while todo:
        state = todo.popleft()
        world.load(saved[state])
        for step in list(steps(world)):
            cost = spent[state] + step.faults
            if cost > limit:
                continue
            world.load(saved[state])
            try:
                step.do(world)
            except Broken as broken:
                raise Broken(f"{broken}: {' | '.join([*told(way, state), step.name])}") from None
            reached = world.key()
            if not step.faults:
                before[reached].add(state)
            if cost < spent.get(reached, limit + 1):
                spent[reached], saved[reached], way[reached] = cost, world.save(), (state, step.name)
                todo.append(reached) if step.faults else todo.appendleft(reached)
    for stuck in spent.keys() - with_a_way_to_an_end(saved, before):
        raise Broken(f"stuck: {' | '.join(told(way, stuck))}")
    return len(spent)


def with_a_way_to_an_end(saved: dict[Saved, Saved], before: dict[Saved, set[Saved]]) -> set[Saved]:
    found = {state for state, (task, *_) in saved.items() if task["status"] in FINAL}
    todo = list(found)
    while todo:
        new = before[todo.pop()] - found
        found |= new
        todo += new
    return found


def told(way: dict[Saved, tuple[Saved, str]], state: Saved) -> list[str]:
    names = []
    while state in way:
        state, name = way[state]
        names.append(name)
    return names[::-1]
