"""The group of all commands, and what holds for each of them."""

from __future__ import annotations

from textwrap import fill

import click
from click.shell_completion import get_completion_class

import dtq as package
from dtq.cli.exits import MEANINGS, Commands
from dtq.cli.groups.batches import batch_group
from dtq.cli.groups.bulk import bulk_group
from dtq.cli.groups.views import views_group
from dtq.cli.groups.webhooks import webhooks_group
from dtq.cli.login import login_command, logout_command
from dtq.cli.results import download_command, files_command, logs_command, result_command
from dtq.cli.submit import submit_command
from dtq.cli.system import (
    pause_command,
    queues_command,
    resume_command,
    stats_command,
    stop_worker_command,
    types_command,
    whoami_command,
    workers_command,
)
from dtq.cli.tasks import (
    cancel_command,
    clone_command,
    delete_command,
    list_command,
    open_command,
    priority_command,
    retry_command,
    show_command,
)
from dtq.cli.terminal import prepare_streams, write
from dtq.cli.waiting import wait_command

EPILOG = "\b\nExit codes:\n" + "\n".join(
    fill(text.replace("`", ""), 76, initial_indent=f"{code:>4}  ", subsequent_indent=" " * 6)
    for code, text in MEANINGS.items()
)


@click.group("dtq", cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package.__version__)
def dtq() -> None:
    """Submit tasks to a Distributed Task Queue, follow them, and save what they made.

    Sign in with `dtq login`, or set DTQ_URL and DTQ_TOKEN. TASK is the ID of a task, the last 8 characters
    of it, or the address of its page.
    """
    prepare_streams()


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_command(shell: str) -> None:
    """Write a script for SHELL that completes commands, options, task types and parameters.

    For bash: add `eval "$(dtq completion bash)"` to ~/.bashrc.
    """
    found = get_completion_class(shell)
    if found is not None:
        write(found(dtq, {}, "dtq", "_DTQ_COMPLETE").source())


for command in (
    *(
        login_command,
        logout_command,
        whoami_command,
        types_command,
        submit_command,
        list_command,
        show_command,
    ),
    *(
        logs_command,
        wait_command,
        result_command,
        files_command,
        download_command,
        cancel_command,
        retry_command,
    ),
    *(priority_command, clone_command, delete_command, bulk_group, batch_group, open_command, queues_command),
    *(views_group, webhooks_group, stats_command),
    *(workers_command, pause_command, resume_command, stop_worker_command, completion_command),
):
    dtq.add_command(command)
