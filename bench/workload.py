"""Task types of the soak and of the outages: what usual tasks do, in small."""

from __future__ import annotations

import time
from typing import Annotated

from pydantic import Field

from dtq import Context, Fail, Retry, task

LINES = 200


@task(title="Nothing", category="Bench", timeout_s=60, max_attempts=5)
def nothing(ctx: Context) -> dict[str, int]:
    """Return at once."""
    return {"attempt": ctx.attempt}


@task(title="Nap", category="Bench", timeout_s=600, max_attempts=5)
def nap(ctx: Context, seconds: Annotated[float, Field(ge=0, le=3600)] = 0.2) -> str:
    """Sleep, and say how far it is."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        ctx.progress(seconds - left, seconds, "napping")
        time.sleep(min(left, 0.1))
    return "rested"


@task(title="Refuse", category="Bench", timeout_s=60, max_attempts=5)
def refuse(ctx: Context) -> None:
    """Fail for good."""
    raise Fail("This fails on purpose.")


@task(title="Try again", category="Bench", timeout_s=60, max_attempts=9)
def again(ctx: Context) -> str:
    """Fail once, then succeed."""
    if ctx.attempt == 1:
        raise Retry("This fails once on purpose.", after_s=1)
    return "done"


@task(title="Talk", category="Bench", timeout_s=60, max_attempts=5)
def talk(ctx: Context) -> int:
    """Print some lines."""
    for number in range(LINES):
        print(f"line {number} of {LINES}, as long as lines of a log are")
    return LINES


@task(title="Write a file", category="Bench", timeout_s=60, max_attempts=5)
def write(ctx: Context) -> dict[str, object]:
    """Keep a file of some kilobytes."""
    path = ctx.work_dir / "numbers.csv"
    path.write_text("".join(f"{number},{number * number}\n" for number in range(1_000)))
    return {"file": ctx.save_file(path, "numbers.csv")}


MIX = {"nothing": 40, "nap": 20, "refuse": 10, "again": 10, "talk": 10, "write": 10}
"""How many of a hundred tasks are of each type."""
