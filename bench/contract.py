"""The REST API against its own document: Schemathesis, all checks and operations, examples to stateful.

    python -m bench.contract --schemathesis PROGRAM [--store NAME] [--seed 1] [--seconds 600] [--cases 60]

A real web server with a worker on fresh stores, asked as an administrator whose quotas are off. What a
request that fits the schema may be answered is in `contract.toml`. Exits with 1 where a check failed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from argparse import Namespace
from datetime import timedelta
from pathlib import Path

from app.core.people.roles import Role
from bench import report, rig
from tests.signing_in import user_of

OFF = dict.fromkeys(
    ("SUBMITS_PER_MINUTE", "MAX_WAITING_TASKS", "UPLOADS_PER_HOUR", "UPLOAD_MB_PER_DAY"), "none"
)
HELD_S = 70
HOOKS = {"PYTHONPATH": str(Path(__file__).parent), "SCHEMATHESIS_HOOKS": "contract_hooks"}


def run(given: Namespace) -> bool:
    """Return whether no check failed, and the server had no error of its own."""
    with rig.running(given.store, 1, TASK_MODULES="bench.workload dtq_library", **OFF) as running:
        people = running.services.people
        person = people.users.person(user_of(running.services, Role.ADMINISTRATOR, "contract"))
        _, token = people.tokens.create(person, "contract", timedelta(days=1), None)
        command = [
            given.schemathesis, "--config-file", str(Path(__file__).with_suffix(".toml")), "run",
            f"http://127.0.0.1:{running.port}/api/v1/openapi.json",
            "--header", f"Authorization: Bearer {token}", "--seed", str(given.seed),
            "--max-time", str(given.seconds), "--max-examples", str(given.cases),
            "--request-timeout", str(HELD_S), "--continue-on-failure", "--no-shrink", "--no-color",
            "--suppress-health-check", "all", "--warnings", "off", "--generation-database", "none",
        ]  # fmt: skip
        with tempfile.TemporaryDirectory(prefix="contract-") as folder:
            done = subprocess.run(command, cwd=folder, env={**os.environ, **HOOKS}, check=False)
        said = running.web.last_words(200).splitlines()
    errors = [line for line in said if "Traceback" in line]
    report.say(f"{len(errors)} errors in the log of the server.")
    return done.returncode == 0 and not errors


def main() -> None:
    parser = report.arguments(__doc__)
    parser.add_argument("--schemathesis", required=True, help="its program")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=600, help="for the fuzzing, at most (%(default)s)")
    parser.add_argument("--cases", type=int, default=60, help="of each operation, at most (%(default)s)")
    if not run(parser.parse_args()):
        sys.exit(1)


if __name__ == "__main__":
    main()
