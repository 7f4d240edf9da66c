"""Task code at its worst: results, endings, endless loops, processes left behind, output without end."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from app.core.tasks.states import Status
from app.core.tasks.task import Task
from tests.chaos.cases import Round, case, judged
from tests.chaos.rig import Rig, shoot, survivors, tree
from tests.chaos.samples import ENDS, ESCAPES, HOLDS, RESULTS
from tests.rig.person import Person
from tests.rig.processes import family
from tests.workers.process_state.process_changes import FOR_GOOD, PUT_BACK, differences

KEPT = ("15.9 MB", "16.1 MB", "100 MB", "NaN", "9-byte int", "depth 200", "keys")
LIMIT_S = 2


def message_of(task: Task) -> str:
    return str(task.error["message"]) if task.error else ""


@case(
    "C18",
    "results: 15.9, 16.1, 100 MB; NaN; 9-byte int; lone surrogate; depth 200; odd keys; bytes; generator",
    "a labeled failure or a file; never stuck",
)
def difficult_results(rig: Rig, times: int) -> list[Round]:
    rig.start(2)
    rounds = []
    for _ in range(times):
        began = time.monotonic()
        tasks = rig.wait([rig.submit("give_result", params={"what": what}) for what in RESULTS], 120)
        wrong = [
            f"{what}: {task.status.value} {message_of(task)}"
            for what, task in zip(RESULTS, tasks, strict=True)
            if not _labelled(task)
        ]
        rounds.append(judged(not wrong, time.monotonic() - began, 120, wrong))
    return rounds


def _labelled(task: Task) -> bool:
    """Whether it ended well, or failed with a sentence about its result."""
    if task.status is Status.SUCCEEDED:
        return True
    return task.status is Status.FAILED and task.attempt == 1 and "result" in message_of(task)


@case(
    "C19",
    "SystemExit, KeyboardInterrupt, os._exit(0 and 1), SIGSEGV, SIGKILL to itself",
    "failed, with a sentence that says which",
)
def ends_itself(rig: Rig, times: int) -> list[Round]:
    rig.start(2)
    rounds = []
    for _ in range(times):
        began = time.monotonic()
        tasks = rig.wait([rig.submit("end", params={"how": how}) for how in ENDS], 60)
        wrong = [
            f"{how}: {task.status.value} {message_of(task)}"
            for how, task in zip(ENDS, tasks, strict=True)
            if task.status is not Status.FAILED or how not in message_of(task)
        ]
        rounds.append(judged(not wrong, time.monotonic() - began, 60, wrong))
    return rounds


@case(
    "C20",
    "memory hog, endless loop, `except: pass` loop, loop in C that holds the GIL",
    "killed by timeout + 5 s",
)
def holds_on(rig: Rig, times: int) -> list[Round]:
    rig.start(2)
    rounds = []
    for _ in range(times):
        sent = [rig.submit("hold", params={"how": how}, timeout_s=LIMIT_S) for how in HOLDS]
        tasks = rig.wait(sent, 60)
        took = [
            (task.finished_at - task.started_at).total_seconds()
            for task in tasks
            if task.finished_at and task.started_at
        ]
        seen = [
            f"{how}: {task.status.value} {message_of(task)}" for how, task in zip(HOLDS, tasks, strict=True)
        ]
        ok = len(took) == len(HOLDS) and all(task.status is Status.FAILED for task in tasks)
        rounds.append(judged(ok, max(took, default=60.0), LIMIT_S + 5, seen))
    return rounds


def page_s(person: Person, times: int = 15) -> float:
    """The median time of the list of tasks."""
    return statistics.median(person.ask("GET", "/tasks").seconds for _ in range(times))


@case(
    "C21",
    "children that daemonise, fork many, open a million files",
    "contained: none outlives its worker; pages at most twice as slow",
)
def escapes(rig: Rig, times: int) -> list[Round]:
    person = rig.serve().person()
    rounds = []
    for _ in range(times):
        rig.services.db.workers.delete_many({})  # those of the round before are dead
        process = rig.start(1)
        usual = page_s(person)
        tasks = rig.wait([rig.submit("escape", params={"how": how}) for how in ESCAPES], 60)
        slow = page_s(person)
        daemon = tasks[0].result if isinstance(tasks[0].result, int) else 0
        everything = [*tree(process.pid), daemon]
        shoot(*tree(process.pid)[:1]) if len(rounds) % 2 else process.terminate()
        left = survivors([pid for pid in everything if pid], 8)
        shoot(*left)
        process.wait(30)
        ok = all(task.status.ended for task in tasks) and not left and slow <= max(2 * usual, usual + 0.05)
        seen = (
            f"{[task.status.value for task in tasks]}, left {len(left)}, pages {usual:.3f} and {slow:.3f} s"
        )
        rounds.append(judged(ok, slow, 5, seen))
    return rounds


@contextmanager
def peak_of(pid: int) -> Iterator[list[int]]:
    """The most memory (bytes) that a process and all below it held together."""
    peak, stop = [0], threading.Event()

    def look() -> None:
        while not stop.wait(0.1):
            held = 0
            for one in family(pid):
                try:
                    held += one.memory_info().rss
                except psutil.Error:
                    continue
            peak[0] = max(peak[0], held)

    thread = threading.Thread(target=look)
    thread.start()
    yield peak
    stop.set()
    thread.join()


@case(
    "C22",
    "1 GB of output; one line of 1 GB; invalid UTF-8; ANSI codes",
    "head and tail kept, 1 MB; memory flat",
)
def talks(rig: Rig, times: int) -> list[Round]:
    process = rig.start(1)
    rounds = []
    for number in range(times):
        how = ("lines", "one line", "bytes")[number % 3]
        with peak_of(process.pid) as peak:
            began = time.monotonic()
            (task,) = rig.wait([rig.submit("talk", params={"how": how, "mb": 1024})], 180)
            seconds = time.monotonic() - began
        log = rig.services.logs.read(task.id, 1).text
        mb = peak[0] / 2**20
        whole = "FIRST" in log and "LAST" in log and len(log) <= 1.2 * 2**20
        ok = task.status is Status.SUCCEEDED and whole and mb < 400
        rounds.append(judged(ok, seconds, 180, f"{how}: {task.status}, log {len(log)}, peak {mb:.0f} MB"))
    return rounds


@case(
    "C28",
    "a task that changes all process state it can: what can be put back, and what cannot",
    "the next finds none of it, in the same process or in a fresh one",
)
def changes_its_process(rig: Rig, times: int) -> list[Round]:
    rig.start(1)
    everything = [*PUT_BACK, *sorted(FOR_GOOD)]
    rounds = []
    for number in range(times):
        began = time.monotonic()
        (before,) = rig.wait([rig.submit("look_at_process")], 60)
        names = everything if number % 2 else PUT_BACK
        (changed,) = rig.wait([rig.submit("change_process", params={"names": names})], 60)
        (after,) = rig.wait([rig.submit("look_at_process")], 60)
        rounds.append(judged(*_unseen(before, changed, after, fresh=number % 2 == 1, began=began)))
    return rounds


def _unseen(
    before: Task, changed: Task, after: Task, *, fresh: bool, began: float
) -> tuple[bool, float, float, object]:
    """Whether the next task found its process as it was, or another one where it had to be replaced."""
    ended = [task.status.value for task in (before, changed, after)]
    if ended != ["succeeded"] * 3:
        return False, time.monotonic() - began, 60, (ended, message_of(changed))
    other = before.result["pid"] != after.result["pid"]
    seen = [] if other else differences(before.result["state"], after.result["state"])
    most = len(changed.result) >= len(PUT_BACK) - 10
    said = f"another process: {other}, changed: {len(changed.result)}, seen: {seen}"
    return most and other == fresh and not seen, time.monotonic() - began, 60, said
