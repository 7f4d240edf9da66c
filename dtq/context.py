"""What a task's function is given of its attempt. Workers and `dtq.testing` bring the implementation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from dtq.files import File


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

    def log(self, message: str) -> None:
        """Add a line to the task's log; `print` and `logging` do as well."""
        print(message)
