"""`python -m bench.following`: how soon 200 held answers come, and what they cost the list meanwhile.

    python -m bench.following [--store NAME] [--callers 200] [--write docs/explanation/benchmarks.md]

All callers wait for the same task (`GET /api/v1/tasks/{id}?wait=60`), with one token, on one web process. The
control is the same server and the same task while nobody waits, in turns with it. Takes three minutes.
"""

from __future__ import annotations

import argparse
import selectors
import socket
import time
from dataclasses import dataclass, field
from datetime import timedelta, timezone

from app.core.people.roles import Role
from app.core.tasks.states import Priority
from app.core.tasks.task import NewTask, Task
from bench import report
from bench.report import BenchError, percentile, rounded
from bench.rig import Customer, Rig, running, wait
from bench.streams import threads

MARK = "following"
NAP_S = 16.0
TAKEN_S = 6.0
"""Within so long the web process has taken the requests of all callers."""
MOST_LATE_S, MOST_RATIO = 0.3, 1.5


class Callers:
    """Many requests that wait for one task, on connections that one thread reads."""

    def __init__(self, rig: Rig, token: str, task: Task, count: int) -> None:
        self._selector = selectors.DefaultSelector()
        self._sockets = [socket.create_connection(("127.0.0.1", rig.port), timeout=30) for _ in range(count)]
        head = (
            f"GET /api/v1/tasks/{task.id}?wait=60 HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {token}\r\n\r\n"
        )
        for sock in self._sockets:
            sock.sendall(head.encode())
            self._selector.register(sock, selectors.EVENT_READ, sock)
        self.early = 0

    def look_for_early(self) -> None:
        """Count those that were answered before their task had ended."""
        self.early = len(self._selector.select(0))

    def answered(self, within_s: float) -> list[float]:
        """Return when each was answered, as seconds of the clock. Raises BenchError."""
        found: list[float] = []
        ends = time.monotonic() + within_s
        while len(found) < len(self._sockets) and time.monotonic() < ends:
            for key, _ in self._selector.select(1.0):
                head, now = key.data.recv(65536), time.time()
                if not head.startswith(b"HTTP/1.1 200 ") or b'"succeeded"' not in head:
                    raise BenchError(f"A caller was answered: {head[:80]!r}")
                self._selector.unregister(key.data)
                found.append(now)
        if len(found) != len(self._sockets):
            raise BenchError(f"{len(self._sockets) - len(found)} callers got no answer.")
        return found

    def close(self) -> None:
        self._selector.close()
        for sock in self._sockets:
            sock.close()


@dataclass
class Measured:
    """p95 of the list per round in s, with callers or without; how late answers came, and threads."""

    lists: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    early: int = 0
    threads: int = 0


def nap(rig: Rig) -> Task:
    """Start a task that sleeps, and return it when it runs."""
    params = {"seconds": NAP_S}
    new = NewTask(type="nap", params=params, title="Nap", owner="bench", priority=Priority.HIGH)
    task = rig.services.dispatch.submit(new).task
    wait(lambda: rig.services.tasks.get(task.id).worker, 30, "the task to run")
    return task


def lists_s(person: Customer, count: int) -> list[float]:
    looks = [person.get("/tasks") for _ in range(count)]
    if any(look.status != 200 for look in looks):
        raise BenchError("A list was not answered.")
    return [look.seconds for look in looks]


def measure(rig: Rig, person: Customer, given: argparse.Namespace, token: str, side: Measured) -> None:
    """One round: lists while a task runs, and with a token the callers that wait for it."""
    task = nap(rig)
    callers = Callers(rig, token, task, given.callers) if token else None
    time.sleep(TAKEN_S)
    side.lists.append(percentile(lists_s(person, given.lists), 95))
    side.threads = threads(rig)
    if callers is None:
        wait(lambda: rig.services.tasks.get(task.id).status.ended, 60, "the task to end")
        return
    if not rig.services.tasks.get(task.id).status.ended:
        callers.look_for_early()
    side.early += callers.early
    try:
        answered = callers.answered(60)
    finally:
        callers.close()
    finished = rig.services.tasks.get(task.id).finished_at
    if finished is None:
        raise BenchError("The task has not ended.")
    ended = finished.replace(tzinfo=finished.tzinfo or timezone.utc).timestamp()
    side.late += [at - ended for at in answered]


def run(given: argparse.Namespace) -> bool:
    without, beside = Measured(), Measured()
    with running(given.store, 1, WEB_CONCURRENCY="1") as rig:
        people = rig.services.people
        owner = people.users.person(people.users.add("Caller", Role.OPERATOR))
        token = people.tokens.create(owner, "bench", timedelta(days=1), None)[1]
        person = rig.person()
        lists_s(person, 30)  # everything is warm
        for number in range(given.rounds):
            report.say(f"Round {number + 1} of {given.rounds} ...")
            measure(rig, person, given, "", without)
            measure(rig, person, given, token, beside)
        about = report.machine(rig.stores, rig.services.queues.redis.info("server")["redis_version"])
    ratios = [many / none for none, many in zip(without.lists, beside.lists, strict=True)]
    none_ms, many_ms = (rounded(1000 * report.median(side.lists)) for side in (without, beside))
    late = [1000 * value for value in beside.late]
    told = " / ".join(rounded(value) for value in (percentile(late, 50), percentile(late, 95), max(late)))
    ratio = report.median(ratios)
    rows = [
        ("from a task's end to the answer, p50 / p95 / longest, ms", "", told, ""),
        ("list, p95, ms", none_ms, many_ms, f"{ratio:.2f} × ({min(ratios):.2f} to {max(ratios):.2f})"),
        ("answers before the end", "", str(beside.early), ""),
        ("threads of the web process", str(without.threads), str(beside.threads), ""),
    ]
    headings = ("", "nobody waits", f"{given.callers} wait", "ratio, median of the rounds")
    options = f"`--callers {given.callers} --lists {given.lists} --rounds {given.rounds}`."
    text = f"{report.markdown(headings, rows)}\n\n{about}\n{options}"
    report.publish(text, f"{MARK} {given.store.name}", given.write)
    return percentile(beside.late, 95) < MOST_LATE_S and ratio < MOST_RATIO and not beside.early


def main() -> None:
    parser = report.arguments(__doc__)
    parser.add_argument("--callers", type=int, default=200)
    parser.add_argument("--lists", type=int, default=40, help="looks at the list per side and round")
    parser.add_argument("--rounds", type=int, default=5, help="each without callers, then with them")
    report.finish(run, parser)


if __name__ == "__main__":
    main()
