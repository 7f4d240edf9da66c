"""`python -m workers run TYPE name=value ...`: a task type in this process, with no stores and no worker.

Nothing stands between the function and a debugger: output is not captured, time is not enforced, Ctrl-C
is Python's own, and a secret that the function prints is seen. Parameters are read as on any command line
(`app.core.params.cli_args`).

Exit code: 0 succeeded, 1 failed, 2 nothing was run.
"""

from __future__ import annotations

import argparse
import getpass
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.core.errors import TaskQueueError
from app.core.params.cli_args import Tell, explained, parse, teller
from app.core.params.fields import describe
from app.core.params.validate import validate
from config import SettingsError, load
from dtq import TaskType, TaskTypeError
from dtq._types.task_type import known
from workers.attempt.attempt import Outcome, Succeeded, attempt
from workers.attempt.context import AttemptContext
from workers.in_process import FolderFiles, Listener, NoStores, local_task
from workers.log_setup import set_up
from workers.types.task_modules import load as load_types


def main(env: Mapping[str, str], argv: list[str]) -> int:
    """Run what the words say. Nothing is asked of a store, so ENVIRONMENT and SECRET_KEY do not matter."""
    given = _arguments(argv)
    folder = Path(given.output or tempfile.mkdtemp(prefix="task-saved-"))
    try:
        settings = load({**env, "ENVIRONMENT": "local"})
        set_up(settings)
        types = load_types(settings.task_modules, settings)
        kind = types.get(given.type) or known(given.type)
        stores = NoStores(Listener(_show), FolderFiles(folder), settings)
        return _report(_run(kind, given.words, stores, teller(env, _ask)), stores.files)
    except (SettingsError, TaskTypeError) as error:
        print(error, file=sys.stderr)
    except TaskQueueError as error:
        print(explained(error), file=sys.stderr)
    finally:
        if not given.output and not any(folder.iterdir()):
            folder.rmdir()
    return 2


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m workers run", description=(__doc__ or "").split("\n\n")[1]
    )
    parser.add_argument("type", help="the name of a task type of TASK_MODULES")
    parser.add_argument("words", nargs="*", metavar="name=value", help="parameters; name=@path is a file")
    parser.add_argument("--output", help="a folder for the files that the task saves; else a new one")
    return parser.parse_intermixed_args(argv)  # an option may stand among the words


def _run(kind: TaskType, words: list[str], stores: NoStores, tell: Tell) -> Outcome:
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
