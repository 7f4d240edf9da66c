"""The command `dtq`: what a person does on the pages, from a terminal or a script, on any computer.

It needs more than the rest of `dtq`: `pip install 'dtq[cli]'`. `main` is its program; what a command does is
in the client.
"""

from __future__ import annotations

import sys

NEEDED = frozenset({"click", "httpx2", "rich"})


def main() -> None:
    """Run the command that the words of the process name."""
    try:
        from dtq.cli.main import dtq
    except ImportError as error:
        missing = error if error.name else error.__cause__ or error.__context__
        if getattr(missing, "name", None) not in NEEDED:
            raise
        sys.exit("The command dtq needs click, httpx2 and rich. Install them with: pip install 'dtq[cli]'")
    dtq(prog_name="dtq")
