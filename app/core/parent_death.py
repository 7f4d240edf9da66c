"""Run a program that dies with its parent: ``python parent_death.py PARENT PROGRAM [ARGUMENT ...]``.

A program of its own instead of a ``preexec_fn``, which is not safe where threads run. It becomes the
program (same process), and the kernel's promise stays with it. Needs nothing but the standard library.
"""

from __future__ import annotations

import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """Ask the kernel to kill this process when ``parent``, which started it, dies (Linux; else nothing).

    It is the parent's *thread* that counts: start children from a thread that stays.
    """
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # It died before the kernel was asked.
        os._exit(1)


def main() -> None:
    parent, *argv = sys.argv[1:]
    die_with(int(parent))
    try:
        os.execvp(argv[0], argv)  # noqa: S606  # No shell is what we want.
    except OSError as error:
        sys.exit(f"{argv[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
