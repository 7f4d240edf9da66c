"""`make up` killed whole, again and again, while people create tasks through its pages.

    python -m tests.chaos.cuts [--times 20] [--rate 10] [--seed 1] [--write FILE]

`up` runs with nothing on PATH but the environment, so on the servers that it embeds. At a random moment under
load SIGKILL goes to it and to everything below it; then it is started again on the same data. Forms that got
no answer are sent again. At the end, promises, effects and documents are reconciled as after a storm; Ctrl-C
must then leave no process. Exits with 1 when anything is violated.
"""

from __future__ import annotations

import contextlib
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from pymongo.errors import PyMongoError

from app.core.services import Services
from app.local.children import free_port
from tests.chaos import effects, report
from tests.chaos.checker import Seen, Verdict, check
from tests.chaos.clients import QUEUES, SECONDS, Book, ByForm, Wish
from tests.chaos.watching import documents
from tests.real.test_power_cut import cut, services_of
from tests.real.test_up import REAL, Run, runs, started
from tests.rig.person import new_key
from tests.rig.processes import until
from tests.signing_in import cookies_over_http, link

CLIENTS = 2
LOAD_S = (0.5, 5.0)
"""How long it runs, ready and under load, before the next kill."""
WORKERS = 2
END_S = 180.0
READY_S = 600.0
STOP_S = 60.0


class Client:
    """Sends one form after the other until told to stop; each until it is promised a task."""

    def __init__(self, ask: ByForm, first: int, every_s: float, seed: int, book: Book) -> None:
        self._ask, self._numbers, self._every_s = ask, range(first, sys.maxsize, CLIENTS), every_s
        self._chance, self._book = random.Random(seed), book
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        for number in self._numbers:
            wish = Wish(number, self._chance.choice(QUEUES), self._chance.choice(SECONDS), 0.0)
            key = new_key()
            while (task := self._ask(wish, key)) is None:
                time.sleep(0.1)
            self._book.note(number, task)
            if self._stop.wait(self._every_s):
                return

    def stop(self) -> None:
        """Return once the last form is answered."""
        self._stop.set()
        self._thread.join(END_S)
        assert not self._thread.is_alive(), "a form was never answered"


@dataclass
class Cuts:
    """The program in one folder, killed and started again; times in seconds."""

    folder: Path
    seed: int
    rate: float
    port: int = field(default_factory=lambda: free_port(0))
    ready: list[float] = field(default_factory=list)
    finals: dict[str, tuple[str, float | None]] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    first_s: float = 0.0
    stop_s: float = 0.0
    last_cut: float = 0.0
    up_said: str = ""

    @property
    def settings(self) -> dict[str, str]:
        return {
            "TASK_MODULES": "tests.chaos.samples",
            "WEB_BIND": f"127.0.0.1:{self.port}",
            effects.LEDGER: str(self.folder / "effects"),
        }

    @contextlib.contextmanager
    def up(self) -> Iterator[tuple[Run, Services]]:
        """It runs and is ready; how long that took is noted."""
        began = time.monotonic()
        with started([*REAL, self.folder / "dtq"], self.folder / "dtq", **self.settings) as run:
            run.wait_for("Open http", READY_S)
            self.ready.append(time.monotonic() - began)
            self.up_said = run.output.read_text()
            with contextlib.closing(services_of(self.folder / "dtq")) as services:
                yield run, services

    def _form(self, number: int) -> ByForm:
        return ByForm(self.port, partial(self._cookies, number))

    def _cookies(self, number: int) -> dict[str, str]:
        """Return the cookies of a session that lasts over all cuts. Raises OSError while nothing runs."""
        with contextlib.closing(services_of(self.folder / "dtq")) as services:
            return cookies_over_http(self.port, link(services, name=f"client {number}"))

    def run(self, times: int) -> Verdict:
        """The whole of it."""
        chance, book = random.Random(self.seed), Book(self.folder / "book")
        began = time.monotonic()
        clients = [
            Client(
                ByForm(self.port, partial(self._cookies, number)),
                number,
                CLIENTS / self.rate,
                self.seed + number,
                book,
            )
            for number in range(CLIENTS)
        ]
        for number in range(times):
            with self.up() as (run, services):
                if not number:
                    until(lambda: services.db.tasks.find_one({"status": "succeeded"}), 60)  # noqa: B023 - called within this turn
                    self.first_s = time.monotonic() - began
                self._under_load(services, chance.uniform(*LOAD_S))
                cut(run)
                self.last_cut = time.time()
                self.left += self._left_over()
            report.say(f"cut {number + 1}: ready after {self.ready[-1]:.1f} s, {len(book.acks()):,} promised")
        with self.up() as (run, services):
            for client in clients:
                client.stop()
            until(lambda: not services.db.tasks.count_documents(_LIVE, limit=1), END_S)
            seen = self._seen(services, book, times)
            self._stop(run)
        return check(seen, recovery_s=END_S)

    def _under_load(self, services: Services, seconds: float) -> None:
        """Note final states that are there; they must stay as they are."""
        for document in documents(services.db.tasks):
            if document.status in ("succeeded", "failed", "canceled"):
                self.finals.setdefault(document.task, (document.status, document.finished_at))
        end = time.monotonic() + seconds
        running = {"status": "running", "priority": {"$in": [0, 1, 2]}}
        with contextlib.suppress(PyMongoError):
            until(lambda: services.db.tasks.find_one(running) or time.monotonic() > end + 30, 60)
        time.sleep(max(0.0, end - time.monotonic()))

    def _seen(self, services: Services, book: Book, times: int) -> Seen:
        return Seen(
            acks=book.acks(),
            effects=effects.read(self.folder / "effects"),
            documents=documents(services.db.tasks),
            finals=self.finals,
            faults=times * WORKERS,  # Each kill may meet an attempt of every worker.
            last_fault=self.last_cut,
        )

    def _stop(self, run: Run) -> None:
        """Ctrl-C, in a terminal's way: to the process that runs there."""
        began = time.monotonic()
        run.process.send_signal(signal.SIGINT)
        assert run.process.wait(STOP_S) == 0
        self.stop_s = time.monotonic() - began
        self.left += self._left_over(0.0)

    def _left_over(self, patience_s: float = 5.0) -> list[str]:
        """What runs although it has ended: whatever has the ledger in its environment."""
        end = time.monotonic() + patience_s
        while (
            left := [one for one in psutil.process_iter() if self._is_ours(one)]
        ) and time.monotonic() < end:
            time.sleep(0.1)
        return [" ".join(one.cmdline())[:200] for one in left]

    def _is_ours(self, process: psutil.Process) -> bool:
        with contextlib.suppress(psutil.Error):
            ours = process.environ().get(effects.LEDGER) == self.settings[effects.LEDGER]
            return ours and runs(process)
        return False


_LIVE: dict[str, Any] = {
    "status": {"$in": ["queued", "running", "scheduled"]},
    "priority": {"$in": [0, 1, 2]},
}


def rows(cuts: Cuts, verdict: Verdict, times: int) -> list[list[str]]:
    """The table: what was done, and what came of it."""
    again = sorted(cuts.ready[1:])
    ends = ", ".join(f"{count:,} {status}" for status, count in sorted(verdict.statuses.items()))
    return [
        ["all processes killed", f"{times} ×"],
        ["tasks acknowledged", f"{verdict.acknowledged:,}"],
        ["how they ended", ends],
        *([kind, str(len(found))] for kind, found in verdict.violations.items()),
        ["extra runs (allowed: one per worker and kill)", str(verdict.extra_runs)],
        ["processes left over", str(len(cuts.left))],
        ["ready, the first time", f"{cuts.ready[0]:.1f} s"],
        ["first task finished, from the first start", f"{cuts.first_s:.1f} s"],
        ["ready after a kill, median", f"{again[len(again) // 2]:.1f} s"],
        ["ready after a kill, at most", f"{again[-1]:.1f} s"],
        ["Ctrl-C, until all have ended", f"{cuts.stop_s:.1f} s"],
    ]


def main(argv: list[str] | None = None) -> int:
    parser = report.arguments(__doc__)
    parser.add_argument("--times", type=int, default=20, help="kills of everything (%(default)s)")
    parser.add_argument("--rate", type=float, default=10.0, help="forms per second (%(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="cuts-", ignore_cleanup_errors=True) as name:
        cuts = Cuts(Path(name), given.seed, given.rate)
        verdict = cuts.run(given.times)
    stores = " ".join(line for line in cuts.up_said.splitlines() if line.startswith(("MongoDB", "Redis")))
    table = report.markdown(["", ""], rows(cuts, verdict, given.times))
    about = f"`--times {given.times} --rate {given.rate:g} --seed {given.seed}`. {stores}. {report.load()}"
    report.publish(f"{table}\n\n{about}", "cuts", given.write)
    for kind, found in [*verdict.violations.items(), ("left over", cuts.left)]:
        for each in found[:5]:
            report.say(f"{kind}: {each}")
    return 0 if verdict.ok and not cuts.left else 1


if __name__ == "__main__":
    sys.exit(main())
