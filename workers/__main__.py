"""`python -m workers`: worker processes with the settings of this environment, see
`workers.supervisor.fleet`.

`python -m workers run TYPE name=value ...` runs a task type here instead, see `workers.run_local`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from app.core.failpoints import arm
from app.core.posix import instead_of
from config import SettingsError, load
from environment import effective


def main(arguments: list[str]) -> int:
    if sentence := instead_of("python -m workers"):
        print(sentence, file=sys.stderr)
        return 1
    try:
        found = effective(os.environ)
        if arguments[:1] == ["run"]:
            return _run_here(found.values, arguments[1:])
        settings = load(found.values)
        arm(found.values)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    if found.note:
        print(found.note, file=sys.stderr)
    os.environ.update(found.values)  # The supervisors and their children go on with what was found now.
    from workers.supervisor import fleet

    try:
        fleet.run(settings, arguments)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _run_here(env: Mapping[str, str], words: list[str]) -> int:
    from workers import run_local

    return run_local.main(env, words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
