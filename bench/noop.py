"""A task type that does nothing, so that a benchmark measures what surrounds it."""

from __future__ import annotations

from dtq import Context, task


@task(title="Nothing", category="Bench", timeout_s=60)
def noop(ctx: Context, number: int = 0) -> dict[str, int]:
    """Return the number."""
    return {"number": number}
