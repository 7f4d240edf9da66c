"""`python -m workers`: worker processes with the settings of this environment, see
`workers.supervisor.fleet`.

`python -m workers run TYPE name=value ...` runs a task type here instead, see `workers.run_local`.
"""

from __future__ import annotations

import os
import sys

import click

from app.core.failpoints import arm
from app.core.posix import instead_of
from app.core.statistics.traces import require_installed
from config import SECRET_NAMES, SettingReach, SettingsError, load
from environment import conceal, effective

PROGRAM = "python -m workers"


class _Workers(click.Group):
    """Import what `run` needs only where it runs: the supervisors do without."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return ["run"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name != "run":
            return None
        from workers.run_local import run_command

        return run_command


@click.group(cls=_Workers, invoke_without_command=True)
@click.option(
    "-n", "--processes", type=click.IntRange(min=1), help="Worker processes; else WORKER_PROCESSES."
)
@click.option("--reload", is_flag=True, help="Reload task types when their source files change.")
@click.option("--parent", type=int, hidden=True, help="The fleet that this supervisor belongs to.")
@click.option("--replaces", type=int, hidden=True, help="The supervisor that died in its place.")
@click.option("--handover", type=int, hidden=True, help="The pipe with the secret settings of the fleet.")
@click.pass_context
def workers(
    context: click.Context,
    processes: int | None,
    reload: bool,
    parent: int | None,
    replaces: int | None,
    handover: int | None,
) -> None:
    """Run worker processes: one supervisor for each of them, and the signals for all.

    SIGTERM or Ctrl-C once: every worker finishes its task, or releases it after STOP_GRACE_S. Twice: at once.
    """
    if sentence := instead_of(PROGRAM):
        click.echo(sentence, err=True)
        context.exit(1)
    if handover is not None:  # The fleet has found them; its public ones are in our variables.
        from workers.handover import received

        conceal(os.environ)
        settings = load({**os.environ, **received(handover)}, SettingReach.SUPERVISOR)
        arm(os.environ)
    else:
        found = effective(os.environ)
        context.obj = found.values
        if context.invoked_subcommand:
            return
        settings = load(found.values, SettingReach.SUPERVISOR)
        arm(found.values)
        require_installed(settings)
        if found.note:
            click.echo(found.note, err=True)
        # The supervisors and their children go on with what was found now. Task code finds no secret setting.
        os.environ.update({name: value for name, value in found.values.items() if name not in SECRET_NAMES})
        conceal(os.environ)
    from workers.supervisor import fleet

    number = processes or settings.worker_processes
    fleet.run(settings, number, reload=reload, parent=parent, replaces=replaces)


def main() -> None:
    try:
        workers.main(prog_name=PROGRAM)
    except SettingsError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
