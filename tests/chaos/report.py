"""How the rigs tell what they found: as the benchmarks do, and how busy the machine was."""

from __future__ import annotations

import os

from bench.report import BenchError, arguments, machine, markdown, publish, say


def load() -> str:
    """How many processes wanted to run, on how many cores: times are to be read with it."""
    minutes = os.getloadavg()
    return f"{os.cpu_count()} cores, shared; load {minutes[1]:.1f} (5 minutes), {minutes[2]:.1f} (15)."


__all__ = ["BenchError", "arguments", "load", "machine", "markdown", "publish", "say"]
