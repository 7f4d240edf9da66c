"""The audit of requirements says when nothing was audited, and fails for what is skipped or vulnerable."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
VULNERABLE = {
    "name": "pyyaml",
    "version": "5.3.1",
    "vulns": [{"id": "PYSEC-2021-142", "fix_versions": ["5.4"]}],
}
SKIPPED = {"name": "pyyaml", "skip_reason": "Dependency not found on PyPI"}
FINE = {"name": "flask", "version": "3.1.0", "vulns": []}
FAKE = """#!{python}
import json, sys
answers = json.load(open({answers!r}))
control = "--no-deps" in sys.argv
if answers[control] is None:
    sys.exit("ConnectionError")
print(json.dumps({{"dependencies": answers[control], "fixes": []}}))
"""


def run(folder: Path, control: Any, others: Any, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the audit with a pip-audit that answers so."""
    answers, program = folder / "answers.json", folder / "pip-audit"
    answers.write_text(json.dumps([others, control]))
    program.write_text(FAKE.format(python=sys.executable, answers=str(answers)))
    program.chmod(0o755)
    command = [sys.executable, str(ROOT / ".ci" / "audit.py"), str(program)]
    return subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("control", [[SKIPPED], [{**FINE, "name": "pyyaml"}], [], None])
@pytest.mark.parametrize(("required", "code"), [("", 0), ("required", 1)])
def test_without_the_database_nothing_is_called_audited(
    tmp_path: Path, control: Any, required: str, code: int
) -> None:
    told = run(tmp_path, control, [FINE], DTQ_AUDIT=required)
    assert told.returncode == code
    assert told.stdout == "Not audited: the database of vulnerabilities could not be reached.\n"


@pytest.mark.parametrize(
    ("others", "code", "named"),
    [
        ([FINE], 0, ""),
        ([FINE, SKIPPED], 1, "pyyaml was skipped"),
        ([FINE, VULNERABLE], 1, "PYSEC-2021-142"),
        ([], 1, "no answer"),
        (None, 1, "no answer"),
    ],
)
def test_with_it_what_is_skipped_or_vulnerable_fails(
    tmp_path: Path, others: Any, code: int, named: str
) -> None:
    told = run(tmp_path, [VULNERABLE], others)
    assert told.returncode == code and named in told.stdout and told.stderr == ""


def test_every_list_of_requirements_is_audited() -> None:
    """`.ci/run` runs it, and no list is left out."""
    lists = {str(path.relative_to(ROOT)) for folder in ("", "library", "docs", ".ci")
             for path in (ROOT / folder).glob("requirements*.txt")}  # fmt: skip
    text = (ROOT / ".ci" / "audit.py").read_text()
    assert all(f'"{name}"' in text for name in lists) and ".ci/requirements.txt" in lists
    assert ".ci/audit.py" in (ROOT / ".ci" / "run").read_text()
