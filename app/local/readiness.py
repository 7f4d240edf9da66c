"""What `up` asks of the running program: does the web answer, is a worker ready, what was there before.

Nothing is asked but the pages' address and the database; both may be away, and then the answer is no.
"""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from app.local.children import ChildError

if TYPE_CHECKING:
    from app.core.catalog import WorkerInfo
    from app.core.services import Services
    from config import Settings

ALL_LEASES_END_S = 45
"""After this time a task whose worker died has started again (see docs/explanation/reliability.md)."""


def answers(host: str, port: int) -> bool:
    """Return whether a web server answers there, whatever it says."""
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


class WorkerProbe:
    """Sees the workers that have loaded their task types since the probe was made."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        with _services(settings) as services:
            self._before = {worker.name for worker in services.catalog.workers()}

    def ready(self) -> bool:
        """Return whether such a worker has reported. Raises ChildError where none can load a task type."""
        workers = self._new()
        if workers and all(worker.state.value == "cannot_load" for worker in workers):
            raise ChildError(self.why(workers))
        return any(worker.ready for worker in workers)

    def why(self, workers: list[WorkerInfo] | None = None) -> str:
        """Return what the workers themselves say keeps them from being ready, one line per reason."""
        from app.core.catalog import module_problems

        workers = self._new() if workers is None else workers
        if not workers:
            return "No worker has reported."
        lines = [f"Worker {worker.name} is loading {worker.loading}." for worker in workers if worker.loading]
        problems = [problem.sentence for problem in module_problems(workers)]
        return "\n  ".join(["No worker is ready.", *lines, *problems])

    def _new(self) -> list[WorkerInfo]:
        from pymongo.errors import PyMongoError

        with contextlib.suppress(PyMongoError), _services(self._settings) as services:
            return [worker for worker in services.catalog.workers() if worker.name not in self._before]
        return []


def require_stores(settings: Settings) -> None:
    """Raise ChildError where a store cannot be used, with why and what to do.

    Redis may be away: what is created then waits for it.
    """
    with _services(settings) as services:
        for trouble in services.troubles():
            if trouble.setting == "MONGODB_URI" or trouble.cause is None or trouble.cause.refusal:
                raise ChildError(services.explain(trouble))


def migrate(settings: Settings, say: Callable[[str], None]) -> None:
    """Take the database to the format of this version, and say so: nothing else works with it now.

    Raises ChildError where it has a newer one, or this is production, which waits for `flask migrate`.
    """
    from app.core.errors import TaskQueueError
    from app.core.migrations.migration import Migration
    from app.core.schema import version

    with _services(settings) as services:
        migration = Migration(services.db)
        try:
            if not (settings.local and (planned := migration.plan())):
                return version.require(services.db)
            for step in planned:
                counts = ", ".join(f"{tally.collection} {tally.changed:,}" for tally in step.tallies)
                say(f"Migrate  to format {step.version}: {step.title} Changes to make: {counts}.")
            done = migration.run()
        except TaskQueueError as error:
            raise ChildError(str(error)) from None
    for step in done:
        say("\n".join(["         Done.", *(f"         {note}" for note in step.notes)]))
        if step.passed_over:
            say(f"         Damaged documents, left as they are: {step.passed_over:,}.")


def tasks_from_before(settings: Settings) -> str:
    """Return a line about the tasks in the database, empty where there are none. Raises PyMongoError."""
    from app.core.listing.filter import TaskFilter
    from app.core.tasks.states import Status

    with _services(settings) as services:
        counts = services.listing.counts(TaskFilter())
    parts = [
        f"{counts[status.value]} {word}"
        for status, word in (
            (Status.QUEUED, "waiting"),
            (Status.SCHEDULED, "scheduled"),
            (Status.RUNNING, f"interrupted while running (they run again within {ALL_LEASES_END_S} s)"),
        )
        if counts[status.value].value
    ]
    if not counts[""].value:
        return ""
    return f"Found    {counts['']} tasks from an earlier start: {', '.join(parts) or 'all finished'}"


def first_link(settings: Settings) -> str:
    """Return the path of a fresh link that signs the local person in; empty where none can be made."""
    from pymongo.errors import PyMongoError

    from app.core.errors import TaskQueueError
    from app.core.sign_in import first_start

    with _services(settings) as services, contextlib.suppress(PyMongoError, TaskQueueError):
        return first_start.first_link(services.db, services.administration, local=True) or ""
    return ""


@contextmanager
def _services(settings: Settings) -> Iterator[Services]:
    # Imported here: `up` starts its servers before it has use for the core.
    from app.core.services import connect

    services = connect(settings)
    try:
        yield services
    finally:
        services.close()
