"""What it costs per task to see that the state of the process is as before, and to see it part by part.

    python -m bench.process_state [--times 2000]

CPU time, the least of five rounds: what is done after each attempt that has changed nothing.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
import timeit
from collections.abc import Callable
from contextvars import copy_context

from workers.attempt.orphans import end_strays_of_task
from workers.attempt.signals import Signals
from workers.process_state.left_threads import Threads
from workers.process_state.state import ProcessState


def microseconds(call: Callable[[], object], times: int) -> float:
    rounds = timeit.repeat(call, number=times, repeat=5, timer=time.process_time)
    return min(rounds) / times * 1e6


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", type=int, default=2000)
    times = parser.parse_args().times
    for name in ("workers.attempt.child", "dtq_library"):  # with the loggers and modules of a child
        importlib.import_module(name)
    signals, state, threads = Signals(), ProcessState(), Threads()
    costs = {
        "state of the process": microseconds(state.restore, times),
        "signals and timers": microseconds(lambda: signals.running(False), times),
        "threads": microseconds(threads.left, times),
        "processes": microseconds(end_strays_of_task, times),
        "a copy of the context": microseconds(lambda: copy_context().run(int), times),
    }
    for name, cost in costs.items():
        print(f"{name:<24} {cost:7.1f} µs")
    print(f"{'together':<24} {sum(costs.values()):7.1f} µs")
    print("\nOf the state of the process:")
    for name, cost in sorted(
        state.costs(lambda call: microseconds(call, times)).items(), key=lambda each: -each[1]
    ):
        print(f"  {name:<38} {cost:7.1f} µs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
