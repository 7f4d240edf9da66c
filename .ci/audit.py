"""Hold the pinned requirements against the database of known vulnerabilities, by pip-audit.

    python .ci/audit.py PIP_AUDIT      # the program, such as .audit/bin/pip-audit

pip-audit says "No known vulnerabilities found" and exits with 0 where the index that it asks knows no
vulnerabilities at all, and skips what it cannot find. So a release that is known to be vulnerable is tried
first: where nothing is found against it, the database could not be reached, and nothing was audited. That is
said, and is an error with DTQ_AUDIT=required. Where it could be reached, a skipped package is an error, too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LISTS = (
    "requirements.txt",
    "library/requirements.txt",
    "requirements-traces.txt",
    "requirements-local.txt",
    "requirements-dev.txt",
    "requirements-tools.txt",
    "docs/requirements.txt",
    ".ci/requirements.txt",
)
CONTROL = "pyyaml==5.3.1\n"
"""CVE-2020-14343."""
WITHIN_S = 600


def audit(program: str, path: Path, *options: str) -> list[dict[str, Any]] | None:
    """Return what pip-audit says of each package of a list; None where it says nothing that can be read."""
    command = [program, "--disable-pip", *options, "--requirement", str(path), "--format", "json"]
    try:
        told = subprocess.run(
            [*command, "--progress-spinner", "off"], capture_output=True, text=True, timeout=WITHIN_S
        )
        found: list[dict[str, Any]] = json.loads(told.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, LookupError):
        return None
    return found


def reached(program: str) -> bool:
    """Return whether the database knows what is wrong with the control."""
    with tempfile.TemporaryDirectory() as folder:
        control = Path(folder) / "control.txt"
        control.write_text(CONTROL)
        return any(package.get("vulns") for package in audit(program, control, "--no-deps") or [])


def problems(name: str, packages: list[dict[str, Any]] | None) -> list[str]:
    """Return a line for each package of a list that is vulnerable or was skipped."""
    if not packages:
        return [f"{name}: pip-audit gave no answer."]
    found = []
    for package in packages:
        if why := package.get("skip_reason"):
            found.append(f"{name}: {package['name']} was skipped: {why}")
        for known in package.get("vulns", ()):
            fixed = ", ".join(known.get("fix_versions", ())) or "no version yet"
            found.append(f"{name}: {package['name']} {package['version']}: {known['id']}, fixed in {fixed}")
    return found


def main(program: str) -> int:
    if not reached(program):
        print("Not audited: the database of vulnerabilities could not be reached.")
        return int(os.environ.get("DTQ_AUDIT") == "required")
    wrong, count = [], 0
    for name in LISTS:
        packages = audit(program, ROOT / name, "--require-hashes")
        wrong += problems(name, packages)
        count += len(packages or ())
    print("\n".join(wrong) or f"Audited {count} packages in {len(LISTS)} lists: no known vulnerabilities.")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
