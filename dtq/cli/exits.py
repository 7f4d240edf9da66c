"""How a command ends: the one table of exit codes, and errors as sentences on standard error."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import click

from dtq.cli.terminal import say
from dtq.client import (
    BadAnswer,
    BadSetting,
    ConnectionFailed,
    DTQError,
    Invalid,
    ProblemError,
    TooManyRequests,
    Unavailable,
)


class Exit(IntEnum):
    """The exit codes. Scripts depend on them, so they do not change."""

    OK = 0
    FAILED = 1
    USAGE = 2
    CANCELED = 3
    REFUSED = 4
    UNAVAILABLE = 5
    TIMEOUT = 124
    INTERRUPTED = 130


MEANINGS = {
    Exit.OK: "Done. Where the command waited: the task succeeded.",
    Exit.FAILED: "The task failed.",
    Exit.USAGE: "The command line, a parameter or a local file is wrong. Nothing was changed.",
    Exit.CANCELED: "The task was canceled.",
    Exit.REFUSED: "The server refused: there is no such task, or you may not do this, or not any more.",
    Exit.UNAVAILABLE: "The server did not answer, or could not.",
    Exit.TIMEOUT: "The time of `--timeout` is over. The task goes on.",
    Exit.INTERRUPTED: "Interrupted with Ctrl-C, or answered with no. A task that exists goes on.",
}

OF_STATUS = {"succeeded": Exit.OK, "failed": Exit.FAILED, "canceled": Exit.CANCELED}


def exit_of(error: DTQError) -> Exit:
    if isinstance(error, BadSetting | Invalid):
        return Exit.USAGE
    if isinstance(error, ConnectionFailed | BadAnswer | Unavailable | TooManyRequests):
        return Exit.UNAVAILABLE
    return Exit.REFUSED


def sentences(error: DTQError) -> str:
    """Return an error as lines: what the server said, and what is wrong with which parameter."""
    if not isinstance(error, ProblemError):
        return str(error)
    said = error.detail or str(error)
    names = [(wrong.pointer.removeprefix("/params/").strip("/"), wrong.detail) for wrong in error.errors]
    return "\n  ".join([said, *(f"{name.replace('/', '.')}: {detail}" for name, detail in names)])


class Commands(click.Group):
    """A group whose commands end with a sentence and an exit code, never with a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except DTQError as error:
            say(sentences(error))
            ctx.exit(exit_of(error))
        except KeyboardInterrupt:
            say("Interrupted.")
            ctx.exit(Exit.INTERRUPTED)
        except click.Abort:  # Ctrl-C at a question, or “no”: questions come before changes.
            say("Nothing was changed.")
            ctx.exit(Exit.INTERRUPTED)
        except BrokenPipeError:
            raise  # click ends the program without a word: who reads has what it wanted.
        except OSError as error:
            say(f"{error.filename or 'The system'}: {error.strerror or error}.")
            ctx.exit(Exit.USAGE)
