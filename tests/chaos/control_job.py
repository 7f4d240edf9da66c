"""What the control runs: the effect of `tests.chaos.samples.mark`, as a plain function."""

from __future__ import annotations

import time

from tests.chaos import effects


def mark(name: str, seconds: float) -> int:
    """Take some time, then have an effect."""
    time.sleep(seconds)
    effects.note(name, 1)
    return 1
