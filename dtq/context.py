"""What a task's function is given of its attempt. Workers and `dtq.testing` bring the implementation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Unpack

from dtq.child_tasks import ChildOptions, ChildTask, Prepared, Priority, Submission, given
from dtq.files import File
from dtq.trace_context import trace_headers


class Context(ABC):
    """One attempt, from inside.

        @task(title="Copy lines")
        def copy_lines(ctx: Context, source: File) -> dict[str, Any]:
            lines = source.path.read_text(encoding="utf-8").splitlines()
            target = ctx.work_dir / "lines.txt"
            with target.open("w", encoding="utf-8") as copy:
                for done, line in enumerate(lines, start=1):
                    copy.write(f"{line}\\n")
                    ctx.progress(done, len(lines))
            return {"file": ctx.save_file(target, "lines.txt")}

    Nothing here is shared with another attempt.
    """

    task_id: str
    attempt: int
    """1 for the first attempt; it only grows."""
    idempotency_key: str
    """The same for every attempt of a task, to hand to services that must act once."""
    settings: Any
    """The settings of the installation, by their names in lower case: ``ctx.settings.http_max_mb``.

    Keys and addresses of stores are empty."""

    @property
    def traceparent(self) -> str | None:
        """The W3C header that continues the trace of this attempt, for what the task calls; None without.

            subprocess.run(command, env={**os.environ, "TRACEPARENT": ctx.traceparent or ""})

        Where traces are on, the span of the attempt is current in the task's function, so what is
        instrumented with OpenTelemetry continues it by itself.
        """
        return trace_headers().get("traceparent")

    @property
    @abstractmethod
    def work_dir(self) -> Path:
        """An empty folder of this attempt, removed when it ends."""

    @abstractmethod
    def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        """Say how far the task is. Shown at most twice a second; call it as often as you like.

        Raises TypeError and ValueError for what is no finite number, and Canceled as `check_canceled` does.
        """

    @abstractmethod
    def check_canceled(self) -> None:
        """Raise Canceled when somebody has canceled this task."""

    @abstractmethod
    def save_file(self, path: Path, name: str, content_type: str | None = None) -> dict[str, Any]:
        """Keep a file as part of the result; it is offered for download on the task's page.

        Returns its ``file_id``, ``name``, ``size`` in bytes, ``sha256`` and ``content_type``.
        """

    @abstractmethod
    def file(self, file_id: str) -> File:
        """Return a file of this task by its ID: one that its parameters name, or that it has saved.

        Raises an error for any other file.
        """

    @abstractmethod
    def redact(self, text: str) -> str:
        """Return a text in which no secret parameter of this task can be read.

        The worker redacts output, progress, result and errors; this is for what a task compares or writes.
        """

    @abstractmethod
    def redact_file(self, path: Path) -> None:
        """Overwrite every secret parameter of this task in a file, a `*` for each byte; its size stays."""

    def submit(
        self,
        type: str,
        params: Mapping[str, Any] | None = None,
        /,
        *,
        key: str | None = None,
        priority: Priority | None = None,
        title: str | None = None,
        tags: Sequence[str] = (),
        run_at: datetime | None = None,
        max_attempts: int | None = None,
        timeout_s: int | None = None,
        **more_params: Any,
    ) -> str:
        """Create a task, a child of this one; return its ID. It belongs to the owner of this task.

            for part in parts:
                ctx.submit("clean_table", source=ctx.save_file(part, part.name), priority="low")
            clean_table.submit(ctx, source)

        It waits in its queue like any other; this task does not wait for it. A `File` of this task is given
        as it is, one that this task has made as what `save_file` returned.

        It is created once, however often this task is tried again: the same ``key`` is the same task; without
        one, so are the same type and parameters, the first, second, third time within an attempt. Give a
        ``key`` where parameters may differ between attempts. Raises NotSubmitted, TypeError, ValueError.
        """
        if twice := set(params or ()) & set(more_params):
            raise TypeError(f"Give the parameter {min(twice)} once: in params or as a keyword.")
        values = {**(params or {}), **more_params}
        return self._submit(
            Submission(
                type,
                {name: given(value) for name, value in values.items()},
                key,
                title,
                priority,
                tuple(tags),
                run_at,
                max_attempts,
                timeout_s,
            )
        )

    def options(self, **options: Unpack[ChildOptions]) -> Prepared:
        """Return this context with options for the tasks that a task function submits.

        clean_table.submit(ctx.options(priority="low", key=part.name), part)
        """
        return Prepared(self, options)

    @abstractmethod
    def children(self) -> list[ChildTask]:
        """Return the tasks that this task has submitted, in any of its attempts, oldest first.

        Those that were deleted are not among them. Raises NotSubmitted where they cannot be read.
        """

    @abstractmethod
    def _submit(self, submission: Submission) -> str:
        """Create a task and return its ID. Raises NotSubmitted."""

    def log(self, message: str) -> None:
        """Add a line to the task's log; `print` and `logging` do as well."""
        print(message)
