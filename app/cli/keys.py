"""`flask keys rotate`: the secrets of all tasks and webhooks under the current key.

Exit codes: 0 complete; 1 not complete, and the sentence says what to do; 3 complete, but for secrets that no
key opens.
"""

from __future__ import annotations

import sys

import click
from flask.cli import AppGroup, with_appcontext

from app.cli.data import NOT_COMPLETE, WITH_WARNINGS
from app.cli.show import say, say_advice
from app.core.errors import TaskQueueError
from app.core.mongo import translated
from app.core.secrets.rotation import rotate
from app.extensions import services

UNREADABLE = (
    "No key here decrypts some of them. Add the key that they were encrypted with to SECRETS_KEY_FALLBACKS "
    "and run this again; otherwise their tasks fail."
)
FORGET = (
    "Tasks no longer need SECRETS_KEY_FALLBACKS. Keep it for another 24 hours for forms that are open in a "
    "browser, and store it with the backups that were made before."
)

keys_group = AppGroup("keys", help="The keys that encrypt secrets.")


@keys_group.command("rotate")
@click.option("--dry-run", is_flag=True, help="Count only, and change nothing.")
@with_appcontext
def rotate_command(dry_run: bool) -> None:
    """Encrypt all secrets of tasks and webhooks again under SECRETS_KEY; SECRETS_KEY_FALLBACKS decrypts them.

    Workers and web servers may run meanwhile. An interrupted run is continued by the same command.
    Exit code: 0 complete, 1 not complete, 3 complete but for secrets that no key decrypts.
    """
    core = services()
    try:
        with translated("rotating the keys"):
            done = rotate(core.queries, core.tasks, core.vault, dry_run=dry_run)
            core.subscriptions.rotate_keys(done, dry_run=dry_run)
    except TaskQueueError as error:
        say(str(error))
        say_advice(error)
        raise SystemExit(NOT_COMPLETE) from None
    click.echo(
        f"Tasks with secrets: {done.tasks:,}. Secrets {'to encrypt' if dry_run else 'encrypted'} again: "
        f"{done.renewed:,}; under the current key already: {done.current:,}; unreadable: {done.unreadable:,}."
    )
    if done.unreadable:
        say(UNREADABLE)
        sys.exit(WITH_WARNINGS)
    if not dry_run:
        say(FORGET)
