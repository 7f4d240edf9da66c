"""Task types that do nothing useful, slowly: for trying the queue, its progress, its stop and its retries."""

import time
from typing import Annotated

from pydantic import Field

from dtq import Context, task

NAP_S = 0.2  # The longest time that goes by before a request to stop is seen.


@task(title="Count slowly", category="Demo", timeout_s=4000, max_attempts=2, priority="low")
def count_slowly(
    ctx: Context,
    seconds: Annotated[
        float, Field(ge=0, le=3600, title="Seconds", description="How long it takes in all.")
    ] = 10.0,
    steps: Annotated[
        int, Field(ge=1, le=1000, title="Steps", description="Progress moves once a step; each is logged.")
    ] = 10,
    fail_at_step: Annotated[
        int | None,
        Field(
            ge=1,
            title="Fail at step",
            description="Fails on purpose when this step is reached, on every attempt. "
            "Empty, or beyond the last step: never.",
        ),
    ] = None,
) -> dict[str, float]:
    """Count to a number in a number of seconds.

    Nothing is computed: it is there to watch priorities, progress, logs, cancellation and retries at
    work. The result holds `steps` (how many were counted), `seconds` (how long it really took) and
    `attempt` (which one succeeded).
    """
    began = time.monotonic()
    for step in range(1, steps + 1):
        _sleep_until(ctx, began + seconds * step / steps)
        if step == fail_at_step:
            raise RuntimeError(f"Step {step} failed, as you asked.")
        ctx.log(f"Step {step} of {steps}.")
        ctx.progress(step, steps, f"Step {step} of {steps}")
    return {"steps": steps, "seconds": round(time.monotonic() - began, 3), "attempt": ctx.attempt}


def _sleep_until(ctx: Context, moment: float) -> None:
    """Wait for a moment of the monotonic clock, so that delays do not add up, in short naps."""
    ctx.check_canceled()
    while (left := moment - time.monotonic()) > 0:
        time.sleep(min(left, NAP_S))
        ctx.check_canceled()
