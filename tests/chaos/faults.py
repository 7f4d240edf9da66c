"""The faults C1 to C28, each so many times in a row on real stores and processes; prints a table with counts.

    python -m tests.chaos.faults [--times 50] [--only C6 C9] [--seed 1] [--store NAME] [--write FILE]

Rounds of a case share stores and workers, and run side by side where the case allows it; the slow ones run
less often, at least ten times. Exits with 1 when any round was not as required.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from pathlib import Path

from app.local.servers import LocalStores, stores
from tests.chaos import report
from tests.chaos.cases import (
    CASES,
    Case,
    Round,
    dying,
    hostile,
    importing,
    outages,
    queueing,
    racing,
    refusing,
    submitting,
)
from tests.chaos.rig import Rig

MODULES = (submitting, queueing, dying, outages, racing, hostile, refusing, importing)
HEADINGS = ("", "fault", "required", "passed", "slowest", "minutes", "MongoDB server")


def order(name: str) -> tuple[int, str]:
    return int(name[1:].rstrip("b")), name


def names() -> list[str]:
    return sorted(CASES, key=order)


def run(case: Case, servers: LocalStores, folder: Path, times: int, seed: int) -> list[Round]:
    """The rounds of one case; one that the rig could not even do has failed."""
    rig = Rig(servers, folder, seed, **case.settings)
    try:
        return case.run(rig, times)
    except Exception as error:
        traceback.print_exc()
        return [Round(False, 0, f"the case ended early: {type(error).__name__}: {error}"[:300])]
    finally:
        rig.close()


def row(case: Case, rounds: list[Round], minutes: float, server: str) -> list[str]:
    passed = sum(each.ok for each in rounds)
    slowest = max(each.seconds for each in rounds)
    return [
        case.name,
        case.title,
        case.required,
        f"{passed} / {len(rounds)}",
        f"{slowest:.1f} s" if slowest else "",
        f"{minutes:.1f}",
        server,
    ]


def main(argv: list[str] | None = None) -> int:
    parser = report.arguments(__doc__)
    parser.add_argument("--times", type=int, default=50, help="rounds of a case (%(default)s)")
    parser.add_argument("--only", nargs="+", choices=names(), metavar="CASE", help="such as C6")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(argv)
    wanted = [name for name in names() if name in (given.only or CASES)]
    table, failed = measure(given, wanted)
    text = report.markdown(HEADINGS, table)
    about = f"`--times {given.times} --seed {given.seed}`. {report.load()}"
    report.publish(f"{text}\n\n{about}", f"faults {given.store}", given.write)
    return 1 if failed else 0


def measure(given: argparse.Namespace, wanted: list[str]) -> tuple[list[list[str]], bool]:
    """The rows of the table, and whether any round was not as required."""
    table, failed = [], False
    with tempfile.TemporaryDirectory(prefix="faults-") as scratch:
        for number, name in enumerate(wanted):
            folder = Path(scratch) / str(number)
            with stores(folder / "stores", mongo=given.store) as servers:
                began = time.monotonic()
                case = CASES[name]
                rounds = run(case, servers, folder, case.rounds(given.times), given.seed)
                minutes = (time.monotonic() - began) / 60
                server = servers.mongo.kind.title if servers.mongo else "given"
            table.append(row(case, rounds, minutes, server))
            report.say(" | ".join(table[-1]))
            for wrong in [each for each in rounds if not each.ok][:5]:
                failed = True
                report.say(f"    {wrong.why}")
    return table, failed


if __name__ == "__main__":
    sys.exit(main())
