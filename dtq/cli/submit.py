"""`dtq submit`: words to parameters, files with a bar, and one task."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from dtq.cli import words
from dtq.cli.exits import Exit
from dtq.cli.login import connect
from dtq.cli.options import PRIORITIES, Moment, complete_types, json_option, timeout_option
from dtq.cli.results import write_result
from dtq.cli.terminal import progress_bar, say, write, write_json
from dtq.cli.waiting import wait_for, worst
from dtq.client import DTQError


def complete_words(ctx: click.Context, param: click.Parameter, begun: str) -> list[CompletionItem]:
    """Return the parameters of the type that was named, each with its equals sign."""
    try:
        known = connect(timeout_s=2, retry_s=0).type(ctx.params["type_name"]).params_schema["properties"]
    except (DTQError, OSError, KeyError):
        return []
    return [
        CompletionItem(f"{name}=", help=about.get("title"))
        for name, about in known.items()
        if name.startswith(begun)
    ]


@click.command("submit")
@click.argument("type_name", metavar="TYPE", shell_complete=complete_types)
@click.argument("given", metavar="[NAME=VALUE]...", nargs=-1, shell_complete=complete_words)
@click.option("--priority", type=PRIORITIES, help="Default: the type's.")
@click.option(
    "--run-at", type=Moment(), help="When to run: 2026-12-01T08:00, 2026-12-01T08:00Z, or +90m from now."
)
@click.option("--title", help="What the task is called in lists.")
@click.option("--tag", "tags", multiple=True, help="A tag; may be repeated.")
@click.option("--max-attempts", type=click.IntRange(min=1), help="Default: the type's.")
@click.option("--task-timeout", type=click.IntRange(min=1), metavar="SECONDS", help="Of an attempt.")
@click.option("--private", is_flag=True, help="For you and operators only.")
@click.option(
    "--notify", "notify", multiple=True, metavar="ID", help="A subscription to tell; may be repeated."
)
@click.option("--key", help="An idempotency key: the same key again returns the task that it made.")
@click.option("--wait", is_flag=True, help="Wait until the task has ended, and write its result.")
@timeout_option
@json_option
@click.pass_context
def submit_command(
    ctx: click.Context,
    type_name: str,
    given: tuple[str, ...],
    priority: Any,
    run_at: datetime | None,
    title: str | None,
    tags: tuple[str, ...],
    max_attempts: int | None,
    task_timeout: int | None,
    private: bool,
    notify: tuple[str, ...],
    key: str | None,
    wait: bool,
    timeout_s: float | None,
    as_json: bool,
) -> None:
    """Create a task of TYPE, and write its ID.

    name=value gives a parameter, name=@path a file, name:=JSON what a word cannot say, model.part=value a
    part of a model; a name given again is one more of a list. A secret is read from an environment variable
    by name=@VARIABLE, or asked for by name=@. With --wait, the result goes to standard output instead of the
    ID.
    """
    client = connect()
    schema = client.type(type_name).params_schema
    with _uploads() as told:
        try:
            params = _with_bars(words.read(schema, given, tell_secret), told)
        except words.WrongWords as error:
            say(str(error))
            ctx.exit(Exit.USAGE)
        task = client.submit(
            type_name, params, priority=priority, run_at=run_at, title=title, tags=tags,
            max_attempts=max_attempts, timeout_s=task_timeout, private=private, notify=notify,
            idempotency_key=key,
        )  # fmt: skip
    if not wait:
        write_json(task) if as_json else write(task.id)
        return
    say(f"Created task {task.id}.")
    (task,) = wait_for([task], timeout_s)
    if as_json:
        write_json(task)
    elif task.status == "succeeded":
        write_result(task)
    ctx.exit(worst([task]))


def tell_secret(title: str, variable: str) -> str:
    """Return a secret from the environment, or from the person. Raises ValueError."""
    if not variable:
        return str(click.prompt(title, hide_input=True, err=True))
    if variable not in os.environ:
        raise ValueError(
            f"There is no environment variable {variable[:100]}. Set it, or write @ to be asked."
        )
    return os.environ[variable]


Told = Callable[[Path, int, int], None]
"""Told of a file: how many bytes of how many are sent."""


class _Upload(io.FileIO):
    """A file that tells how much of it was read."""

    def __init__(self, path: Path, told: Told) -> None:
        super().__init__(path)
        self._path, self._told, self._size = path, told, path.stat().st_size

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(-1 if size is None else size)
        self._told(self._path, self.tell(), self._size)
        return content or b""


@contextmanager
def _uploads() -> Iterator[Told]:
    with progress_bar(bytes=True) as progress:
        bars: dict[Path, Any] = {}

        def told(path: Path, done: int, total: int) -> None:
            if path not in bars:
                bars[path] = progress.add_task(path.name[:30], total=total)
            progress.update(bars[path], completed=done)

        yield told


def _with_bars(value: Any, told: Told) -> Any:
    """Return parameters with their paths as open files. Raises OSError."""
    if isinstance(value, Path):
        return click.get_current_context().with_resource(_Upload(value, told))
    if isinstance(value, dict):
        return {name: _with_bars(part, told) for name, part in value.items()}
    return [_with_bars(part, told) for part in value] if isinstance(value, list) else value
