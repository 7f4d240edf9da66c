"""What needs a POSIX system (Linux, macOS), and what to use instead where there is none.

The web server and most commands of `flask` run anywhere. Workers and `make up` start and signal processes,
and `flask data` locks and syncs folders, in ways that Windows does not have.
"""

from __future__ import annotations

INSTEAD = (
    "{program} needs Linux or macOS: on Windows, run it in WSL, or everything in containers with "
    "`docker compose up`; the web server alone runs here with `flask run`."
)


def instead_of(program: str) -> str:
    """Return what to use instead of a program that this system cannot run; empty where it can."""
    try:
        import fcntl  # noqa: F401 - whether it is there is the question
    except ImportError:
        return INSTEAD.format(program=program)
    return ""
