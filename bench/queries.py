"""What each thing costs that the program asks of MongoDB again and again, with many tasks there.

    python -m bench.queries [--store NAME ...] [--tasks 50000] [--times 20]

Every part of the core that workers, maintenance, lists, Home and a task's page repeat is called so many times
on a filled store that does nothing else, and each of its commands is timed by the driver. The documents
are those of `bench.lists`: a month of tasks in all states. With several stores, each row has their ratios.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from bson import ObjectId

from app.core.listing.filter import TaskFilter
from app.core.listing.listing import Listing
from app.core.services import Services
from app.core.tasks.queries import START, Queries
from app.core.tasks.states import Priority, Status
from app.core.tasks.task import NewTask, Task
from app.local import stores
from app.local.kinds import ServerKind
from bench import report
from bench.counted import Asked, Counted, connected
from bench.fill import prepare
from bench.maintenance import patient_settings
from workers.maintenance import Maintenance

RESULT = {"rows_in": 1_000, "rows_out": 990}


@dataclass(frozen=True)
class Question:
    """Something that is asked again and again; ``ask`` gets a number. The first call, 0, does not count."""

    group: str
    title: str
    ask: Callable[[int], object]


def questions(services: Services, times: int) -> Iterator[Question]:
    """Everything that is asked, in an order in which a later one finds what an earlier one left."""
    yield from _of_workers(services, times)
    yield from _of_maintenance(services)
    yield from _of_pages(services)


def _of_workers(services: Services, times: int) -> Iterator[Question]:
    """The life of a task, step by step, for so many tasks and one."""
    tasks, dispatch = services.tasks, services.dispatch
    new = [
        NewTask("noop", {}, f"Clean orders {number}", Priority(number % 3), max_attempts=3)
        for number in range(times + 1)
    ]
    made: list[Task] = []
    held: list[Task] = []
    yield Question("submit", "insert", lambda at: made.append(tasks.insert(new[at])[0]))
    yield Question("submit", "mark the hint as sent", lambda at: tasks.mark_dispatched([made[at]]))
    yield Question("worker", "the task of a hint", lambda at: tasks.waiting(made[at].id, made[at].dispatch))
    yield Question("worker", "claim", lambda at: held.append(_there(tasks.take(made[at], "bench.1"))))
    yield Question("worker", "renew", lambda at: tasks.renew(held[at]))
    yield Question("worker", "asked to cancel?", lambda at: tasks.cancel_requested(held[at]))
    yield Question("worker", "progress", lambda at: tasks.report_progress(held[at], {"done": at}))
    log = b"a line of output\n" * 20
    yield Question("worker", "a part of the log", lambda at: services.logs.write_part(held[at].id, 1, 0, log))
    yield Question("worker", "finish", lambda at: tasks.succeed(held[at], RESULT))
    reported = services.catalog.workers
    yield Question("worker", "workers that live", lambda at: reported())
    words = services.dispatch.words
    yield Question("submit", "a new word", lambda at: words.learn([f"neverseen{at}"]))
    yield Question("submit", "form sent twice", lambda at: dispatch.tasks.insert(_keyed(new[at], "once")))


def _keyed(new: NewTask, key: str) -> NewTask:
    return replace(new, submission_key=key)


def _there(task: Task | None) -> Task:
    if task is None:
        raise report.BenchError("A task could not be claimed.")
    return task


def _of_maintenance(services: Services) -> Iterator[Question]:
    tasks, queries, dispatch = services.tasks, services.queries, services.dispatch
    leader = Maintenance(services, "bench")
    some = queries.oldest_dispatched(Priority.MEDIUM, 300)
    yield Question("maintenance, every 1 s", "leader lease", lambda at: leader.lead())
    yield Question("maintenance, every 1 s", "due by the clock", lambda at: queries.due(500))
    yield Question(
        "maintenance, every 2 s", "hints that were never sent", lambda at: queries.undispatched(500)
    )
    yield Question(
        "maintenance, every 2 s", "leases of all that run", lambda at: list(queries.running_leases())
    )
    for priority in Priority:
        yield Question(
            "maintenance, every 10 s",
            f"oldest 300 that wait, {priority.word}",
            partial(_oldest, queries, priority),
        )
    yield Question(
        "maintenance, every 10 s", "of 300 those that still wait", lambda at: queries.still_waiting(some)
    )
    yield Question("maintenance, every 10 s", "past retention", lambda at: queries.past_retention(500))
    yield Question("maintenance, every 10 s", "deletions, files, words", lambda at: _prune(services))
    yield Question(
        "maintenance, every 10 s", "workers that left", lambda at: services.catalog.forget_lost_workers()
    )
    yield Question("a worker starts", "types that it offers", lambda at: tasks.offer(["noop", "nothing"]))
    yield Question(
        "Redis lost its data", "500 hints to send again", lambda at: queries.dispatched_behind(START, 500)
    )
    yield Question("a form's files", "of no task", lambda at: dispatch.files.of_task(ObjectId()))


def _oldest(queries: Queries, priority: Priority, at: int) -> object:
    return queries.oldest_dispatched(priority, 300)


def _page(listing: Listing, wanted: TaskFilter, at: int) -> object:
    return listing.page(wanted)


def _prune(services: Services) -> None:
    dispatch = services.dispatch
    dispatch.deletions.go_on(500)
    dispatch.files.prune_orphans(500)
    dispatch.words.prune(50)


def _of_pages(services: Services) -> Iterator[Question]:
    stats, listing, tasks = services.stats, services.listing, services.tasks
    find = services.queries.find
    first = listing.page(TaskFilter())
    ids = [task.id for task in first.tasks]
    second = TaskFilter(after=first.next)
    hour, day = timedelta(hours=1), timedelta(hours=24)
    yield Question("list", "first page", lambda at: listing.page(TaskFilter()))
    yield Question("list", "second page", lambda at: listing.page(second))
    for status in (Status.SUCCEEDED, Status.FAILED, Status.RUNNING):
        wanted = TaskFilter(status=status.value)
        yield Question("list", f"status {status.value}", partial(_page, listing, wanted))
    yield Question(
        "list, every 2 s",
        "rows that live",
        lambda at: find({"_id": {"$in": ids}}, [("_id", 1)], 25),
    )
    yield Question("list, every 10 s", "counts", lambda at: Listing(services.db).counts(TaskFilter()))
    yield Question("every page, 1.5 s", "queues", lambda at: stats.queues())
    yield Question("every page, 1.5 s", "what runs", lambda at: stats.running())
    yield Question("every page, 1.5 s", "what is ahead", lambda at: stats.ahead(stats.queues()))
    yield Question("a page with a wait, 20 s", "durations", lambda at: stats.durations_s(first.tasks[0].type))
    yield Question("Home, every 3 s", "ended in an hour", lambda at: stats.ended(hour))
    yield Question("Home, every 3 s", "failures of a day", lambda at: stats.failures(day))
    yield Question("Home, every 3 s", "types", lambda at: services.catalog.types())
    yield Question("a task's page, every 1 s", "the task", lambda at: tasks.get(ids[0]))
    yield Question("a task's page, every 1 s", "its log", lambda at: services.logs.read(ids[0], 1))
    yield Question("a task's page, every 1 s", "its files", lambda at: services.files.of_task(ids[0]))


def times_of(counted: Counted, question: Question, times: int) -> Asked:
    """Ask once, then so many times, counted."""
    question.ask(0)
    with counted.count() as asked:
        for number in range(1, times + 1):
            question.ask(number)
    return asked


def measure(counted: Counted, tasks: int, times: int) -> dict[tuple[str, str], Asked]:
    """Fill the store and ask everything."""
    prepare(counted.services, tasks)
    found = {}
    for question in questions(counted.services, times):
        found[question.group, question.title] = asked = times_of(counted, question, times)
        report.say(f"{question.group}: {question.title}: {report.median(asked.by_call(times)):.2f} ms")
    return found


def table(found: dict[str, dict[tuple[str, str], Asked]], times: int) -> str:
    first = next(iter(found))
    others = [name for name in found if name != first]
    headings = ["asked", "what", "commands", *(f"{name}, ms" for name in found)]
    rows = []
    for group, title in found[first]:
        medians = {name: report.median(asked[group, title].by_call(times)) for name, asked in found.items()}
        commands = sum(found[first][group, title].mongo.values()) / times
        ratios = [f"{medians[first] / medians[name]:.1f} ×" for name in others]
        figures = [report.rounded(value) for value in medians.values()]
        rows.append([group, title, f"{commands:g}", *figures, *ratios])
    return report.markdown([*headings, *(f"{first} to {name}" for name in others)], rows)


@contextlib.contextmanager
def filled(kind: ServerKind, tasks: int, times: int) -> Iterator[tuple[dict[tuple[str, str], Asked], str]]:
    """The answers of one store, and a line about it."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        stores(Path(name), mongo=kind) as servers,
        connected(patient_settings(servers.addresses), servers) as counted,
    ):
        redis = str(counted.services.queues.redis.info("server")["redis_version"])
        yield measure(counted, tasks, times), report.machine(servers, redis)


def run(given: argparse.Namespace) -> None:
    """Measure one store after the other, print and write."""
    found, about = {}, []
    for kind in given.store:
        with filled(kind, given.tasks, given.times) as (asked, line):
            found[kind.name] = asked
            about.append(line)
    text = (
        f"{table(found, given.times)}\n\n{given.tasks:,} tasks; medians of {given.times}. {' '.join(about)}"
    )
    report.publish(text, "queries", given.write)


def main() -> None:
    parser = report.arguments(__doc__, several=True)
    parser.add_argument("--tasks", type=int, default=50_000)
    parser.add_argument("--times", type=int, default=20, help="of each question (%(default)s)")
    run(parser.parse_args())


if __name__ == "__main__":
    main()
