"""The kill storm: tasks from people and programs while everything is killed; then an exact account.

    python -m tests.chaos.storm [short|full] [--seed 1] [--store NAME] [--no-control] [--write FILE]
        [--tasks N --kills N --flushes N --redis-kills N --mongo-kills N --both N --seconds N]

Afterwards the same faults of workers and Redis strike a plain RQ worker with the same tasks: it must show
losses, else the storm proves nothing. Exits with 1 on any violation, and when the control lost nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from app.core.queue import connection
from app.local.children import LocalProcess
from app.local.servers import LocalStores, stores
from tests.chaos import control, effects, report
from tests.chaos.checker import RECOVERY_S, Seen, Verdict, check
from tests.chaos.clients import Book, ByCode, ByForm, Crowd, wishes
from tests.chaos.keeper import Keeper, Marksman
from tests.chaos.plan import PRESETS, Fault, Size, faults
from tests.chaos.report import BenchError
from tests.chaos.rig import ROOT, Rig
from tests.chaos.watching import Watcher

FLEETS, WORKERS, BROWSERS = 2, 2, 4
MEASURED_S = 45.0  # so long after the last that ended, and after the time allowed, the rest is stuck


class Storm:
    """One storm over one rig: what strikes whom, and what was seen."""

    def __init__(self, rig: Rig, size: Size, seed: int, recovery_s: float) -> None:
        self.rig, self.size, self.chance = rig, size, random.Random(seed)
        self.keeper = Keeper()
        self.watcher = Watcher(rig.env)
        self.marksman = Marksman(self.keeper, self.chance, lambda: self.watcher.leader)
        self.struck: dict[str, int] = {}
        self.last_fault = 0.0
        self.recovery_s = recovery_s

    def run(self) -> Seen:
        """Start everything, let it storm, wait for calm. Must be called from a thread that stays."""
        try:
            self._start()
            book = Book(self.rig.folder / "acks")
            program = ByCode(self.rig.env)
            asks = [*(ByForm(self.port, lambda: dict(self.cookies)) for _ in range(BROWSERS)), program]
            wanted = wishes(self.size.tasks, self.size.seconds * 0.95, self.chance)
            crowd = Crowd(wanted, asks, book)
            self._storm(faults(self.size, self.chance), crowd)
            self._calm()
            program.close()
            assert not crowd.given_up, f"{len(crowd.given_up)} wishes were given up"
            return self._seen(book)
        finally:
            self.watcher.stop()
            self.keeper.stop()

    def _start(self) -> None:
        mongo, redis, web = self.rig.stores.mongo, self.rig.stores.redis, self.rig.serve()
        assert mongo and redis
        self.port, self.cookies = web.port, web.person().cookies
        self.keeper.children = {"mongo": mongo, "redis": redis, "web": web.child}
        for number in range(FLEETS):
            log = self.rig.folder / f"workers-{number}.log"
            command = [sys.executable, "-m", "workers", "-n", str(WORKERS)]
            fleet = LocalProcess(f"workers-{number}", command, log=log, env=self.rig.env, cwd=ROOT)
            self.keeper.start(fleet.name, fleet)
        self.watcher.until_ready(FLEETS * WORKERS)

    def _storm(self, planned: list[Fault], crowd: Crowd) -> None:
        began = time.monotonic()
        while planned or not crowd.over:
            self.keeper.check()
            while planned and planned[0].at_s <= time.monotonic() - began:
                if not self.strike(planned[0]):
                    break  # nobody of that kind lives just now
                planned.pop(0)
            time.sleep(0.05)

    def strike(self, fault: Fault) -> bool:
        """Whether it could be done; what was done is counted."""
        if fault.what == "flush":
            done = self.watcher.flush()
        elif fault.what in ("redis", "mongo", "both"):
            done = self._kill_stores(fault)
        else:
            done = self.marksman.shoot(fault.what)
        if done:
            self.struck[fault.what] = self.struck.get(fault.what, 0) + 1
            self.last_fault = time.time()
        return done

    def _kill_stores(self, fault: Fault) -> bool:
        names = ("redis", "mongo") if fault.what == "both" else (fault.what,)
        if not all(self.keeper.children[name].alive for name in names):
            return False
        for name in names:
            self.keeper.down(name, fault.down_s)
        return True

    def _calm(self) -> None:
        """Until nothing is alive any more, or the time is over and nothing has moved for a while."""
        live, moved = None, time.time()
        while live != 0 and time.time() < max(self.last_fault + self.recovery_s, moved) + MEASURED_S:
            self.keeper.check()
            time.sleep(1)
            now = self.watcher.live()
            if now != live:
                live, moved = now, time.time()
        time.sleep(1.5)  # for the last states to be seen

    def _seen(self, book: Book) -> Seen:
        return Seen(
            acks=book.acks(),
            effects=effects.read(self.rig.ledger),
            documents=self.watcher.documents(),
            finals=self.watcher.finals,
            faults=sum(self.struck.values()),
            last_fault=self.last_fault,
        )


def weather(
    size: Size, seed: int, servers: LocalStores, folder: Path, recovery_s: float = RECOVERY_S
) -> tuple[Verdict, dict[str, int]]:
    """One storm over our product: the verdict, and how often what was struck."""
    rig = Rig(servers, folder, seed, MONGODB_TIMEOUT_MS="2000")
    storm = Storm(rig, size, seed, recovery_s)
    try:
        verdict = check(storm.run(), recovery_s)
    finally:
        rig.close()
    return verdict, storm.struck


def rows(verdict: Verdict, struck: dict[str, int], lost: control.Loss | None) -> list[list[str]]:
    """The table: what was done, and what came of it."""
    stores_struck = ("flush", "redis", "mongo", "both")
    kills = sum(count for what, count in struck.items() if what not in stores_struck)
    table = [
        ["acknowledged tasks", f"{verdict.acknowledged:,}", f"{lost.acknowledged:,}" if lost else ""],
        ["SIGKILLs", f"{kills:,}", f"{lost.kills:,}" if lost else ""],
    ]
    names = ("FLUSHALL", "Redis killed", "MongoDB killed", "both killed")
    for name, what in zip(names, stores_struck, strict=True):
        table.append([name, str(struck.get(what, 0)), str(lost.struck.get(what, 0)) if lost else ""])
    table += [[kind, str(len(found)), _of_control(kind, lost)] for kind, found in verdict.violations.items()]
    ends = ", ".join(f"{count:,} {status}" for status, count in sorted(verdict.statuses.items()))
    table += [
        [
            "extra runs (allowed: one for each fault)",
            str(verdict.extra_runs),
            str(lost.extra) if lost else "",
        ],
        ["how they ended", ends, f"{lost.failed:,} failed" if lost else ""],
        ["the last end, after the last fault", f"{verdict.last_end_s:.0f} s", ""],
    ]
    return table


def _of_control(kind: str, lost: control.Loss | None) -> str:
    return f"**{lost.lost:,}**" if lost and kind == "lost" else ""


def arguments() -> argparse.ArgumentParser:
    parser = report.arguments(__doc__)
    parser.add_argument("preset", nargs="?", choices=PRESETS, default="short")
    for field in dataclasses.fields(Size):
        option = f"--{field.name.replace('_', '-')}"
        parser.add_argument(option, dest=field.name, type=float if field.name == "seconds" else int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-control", action="store_true", help="leave the plain RQ worker in peace")
    parser.add_argument("--folder", type=Path, help="keep data and logs there")
    return parser


def size_of(given: argparse.Namespace) -> Size:
    asked: dict[str, Any] = {field.name: getattr(given, field.name) for field in dataclasses.fields(Size)}
    return dataclasses.replace(
        PRESETS[given.preset], **{name: value for name, value in asked.items() if value is not None}
    )


def main(argv: list[str] | None = None) -> int:
    given = arguments().parse_args(argv)
    size = size_of(given)
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="storm-"))
        folder = given.folder.absolute() if given.folder else Path(scratch)
        servers = stack.enter_context(stores(folder / "stores", mongo=given.store))
        verdict, struck = weather(size, given.seed, servers, folder / "ours")
        with contextlib.closing(connection.connect(servers.redis_url, 5_000)) as redis:
            machine = report.machine(servers, str(redis.info("server")["redis_version"]))
        report.say(f"The storm took {time.monotonic() - began:.0f} s: {verdict}"[:3000])
        lost = None if given.no_control else control.weather(size, given.seed, folder / "control")
    table = report.markdown(["", "this", "plain RQ"], rows(verdict, struck, lost))
    took = f"`{given.preset} --seed {given.seed}`, {time.monotonic() - began:.0f} s."
    report.publish(f"{table}\n\n{took} {machine} {report.load()}", f"storm {given.store}", given.write)
    for kind, found in verdict.violations.items():
        for each in found[:5]:
            report.say(f"{kind}: {each}")
    if lost is not None and not lost.lost:
        raise BenchError(
            "The plain RQ worker lost nothing in this storm, so it proves nothing. Make it longer."
        )
    return 0 if verdict.ok else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as error:
        sys.exit(str(error))
