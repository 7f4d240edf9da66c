"""`python -m workers run TYPE name=value ...`: a task type in this process, with no stores and no worker.

Nothing stands between the function and a debugger: output is not captured, time is not enforced, Ctrl-C
is Python's own, and a secret that the function prints is seen. Parameters are read as on any command line
(`app.core.params.cli_args`).

Exit code: 0 succeeded, 1 failed, 2 nothing was run.
"""

from __future__ import annotations

import getpass
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from app.core.errors import TaskQueueError
from app.core.params.cli_args import Tell, explained, parse, teller
from app.core.params.fields import describe
from app.core.params.validate import validate
from config import Reach, SettingsError, load
from dtq import TaskType, TaskTypeError
from dtq.runtime import known
from workers.attempt.attempt import Outcome, Succeeded, attempt
from workers.attempt.context import AttemptContext
from workers.in_process import FolderFiles, Listener, NoStores, local_task
from workers.log_setup import set_up
from workers.types.task_modules import load as load_types


@click.command("run")
@click.argument("type_name", metavar="TYPE")
@click.argument("words", nargs=-1, metavar="[NAME=VALUE]...")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder for the files that the task saves; else a new one.",
)
@click.pass_context
def run_command(context: click.Context, type_name: str, words: tuple[str, ...], output: Path | None) -> None:
    """Run a task type of TASK_MODULES in this process, with no stores and no worker.

    NAME=@PATH gives a file. Nothing stands between the function and a debugger: output is not captured,
    time is not enforced, Ctrl-C is Python's own, and a secret that the function prints is seen.

    Exit code: 0 succeeded, 1 failed, 2 nothing was run.
    """
    context.exit(run(context.obj, type_name, words, output))


def run(env: Mapping[str, str], type_name: str, words: Sequence[str], output: Path | None) -> int:
    """Run what the words say. Nothing is asked of a store, so ENVIRONMENT and SECRET_KEY do not matter."""
    folder = output or Path(tempfile.mkdtemp(prefix="task-saved-"))
    try:
        settings = load({**env, "ENVIRONMENT": "local"}, Reach.TASK)
        set_up(settings)
        types = load_types(settings.task_modules, settings)
        kind = types.get(type_name) or known(type_name)
        stores = NoStores(Listener(_show), FolderFiles(folder), settings)
        return _report(_run(kind, words, stores, teller(env, _ask)), stores.files)
    except (SettingsError, TaskTypeError) as error:
        print(error, file=sys.stderr)
    except TaskQueueError as error:
        print(explained(error), file=sys.stderr)
    finally:
        if not output and not any(folder.iterdir()):
            folder.rmdir()
    return 2


def _run(kind: TaskType, words: Sequence[str], stores: NoStores, tell: Tell) -> Outcome:
    """One attempt. Raises Invalid for words that are not right."""
    schema = kind.document()["schema"]
    values = parse(describe(schema), words, stores.files.take, tell)
    task = local_task(kind, validate(schema, values))
    context = AttemptContext(task, stores, lambda: False)
    try:
        return attempt(task, kind, context, lambda begun: None)
    finally:
        context.close()


def _ask(title: str) -> str:
    return getpass.getpass(f"{title}: ", sys.stderr)


def _show(progress: dict[str, Any]) -> None:
    of = f" of {progress['total']:.12g}" if progress["total"] is not None else ""
    print(f"[{progress['done']:.12g}{of}] {progress['message']}".rstrip(), file=sys.stderr)


def _report(outcome: Outcome, files: FolderFiles) -> int:
    for name, path in files.outputs().items():
        print(f"Saved {name}: {path}", file=sys.stderr)
    if isinstance(outcome, Succeeded):
        text = json.dumps(outcome.result, indent=2, ensure_ascii=False)
        print(text.encode("utf-8", "backslashreplace").decode())
        return 0
    error = getattr(outcome, "error", {"message": "It was canceled.", "traceback": ""})
    print(error["traceback"] + error["message"], file=sys.stderr)
    return 1
