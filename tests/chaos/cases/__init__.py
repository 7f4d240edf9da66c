"""The faults C1 to C28, a function each: makes its fault happen so many times, says how each round went."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos.rig import Rig


@dataclass(frozen=True)
class Round:
    """How one round went: ``seconds`` is what the requirement bounds, ``why`` says what was wrong."""

    ok: bool
    seconds: float = 0.0
    why: str = ""


@dataclass(frozen=True)
class Case:
    """One fault. ``share`` of the rounds asked for are run, at least ten, where one lasts over a minute."""

    name: str
    title: str
    required: str
    run: Callable[[Rig, int], list[Round]]
    share: float
    settings: dict[str, str]

    def rounds(self, times: int) -> int:
        return times if times <= 10 else max(10, round(times * self.share))


CASES: dict[str, Case] = {}


def case(
    name: str, title: str, required: str, *, share: float = 1.0, **settings: str
) -> Callable[[Callable[[Rig, int], list[Round]]], Callable[[Rig, int], list[Round]]]:
    """Put a function into the table; ``settings`` are those of its rig."""

    def put(run: Callable[[Rig, int], list[Round]]) -> Callable[[Rig, int], list[Round]]:
        CASES[name] = Case(name, title, required, run, share, settings)
        return run

    return put


def judged(ok: bool, seconds: float, bound: float, seen: object) -> Round:
    """A round that must be right and in time; ``seen`` is told when it is not."""
    in_time = seconds <= bound
    why = "" if ok and in_time else f"{seen}" if not ok else f"{seconds:.1f} s, more than {bound:g}: {seen}"
    return Round(ok and in_time, seconds, why)
