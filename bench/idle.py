"""What the program costs while nothing happens: processor time of the web and of a worker without tasks.

    python -m bench.idle [--store NAME] [--seconds 60] [--most 1.0]

Nobody looks at a page. Exits with 1 where a role uses more of a core than `--most` percent.
"""

from __future__ import annotations

import time
from argparse import Namespace

from bench import report
from bench.rig import Rig, running

SETTLE_S = 20.0
"""After the start, for what is done once."""


def used_s(rig: Rig) -> dict[str, float]:
    """Processor seconds so far, by role."""
    used = {}
    for role, processes in rig.roles().items():
        times = [process.cpu_times() for process in processes]
        used[role] = sum(one.user + one.system for one in times)
    return used


def run(given: Namespace) -> bool:
    with running(given.store, 1, WEB_CONCURRENCY="1") as rig:
        time.sleep(SETTLE_S)
        before, began = used_s(rig), time.monotonic()
        time.sleep(given.seconds)
        after, lasted_s = used_s(rig), time.monotonic() - began
        percent = {role: (after[role] - before[role]) / lasted_s * 100 for role in before}
        about = report.machine(rig.stores, str(rig.services.queues.redis.info("server")["redis_version"]))
    rows = [[role, f"{value:.2f}"] for role, value in percent.items()]
    table = report.markdown(["while nothing happens", "percent of a core"], rows)
    report.publish(f"{table}\n\n{given.seconds:g} s. {about}", f"idle {given.store.name}", given.write)
    return all(value <= given.most for value in percent.values())


def main() -> None:
    parser = report.arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--most", type=float, default=1.0, help="percent of a core per role")
    report.finish(run, parser)


if __name__ == "__main__":
    main()
