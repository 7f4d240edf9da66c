"""What `dtq` offers, and that code of before which imports it from `workers` still runs."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import config
import dtq
import workers
from app.core.tasks.states import Priority
from dtq._types.task_type import PRIORITIES

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = tomllib.loads((ROOT / "library" / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.mark.parametrize("name", ["Canceled", "Context", "Fail", "File", "Retry", "TaskTypeError", "task"])
def test_what_authors_imported_from_workers_is_the_same_as_in_dtq(name: str) -> None:
    assert getattr(workers, name) is getattr(dtq, name)


def test_the_function_that_a_queue_message_names_is_still_there() -> None:
    with pytest.raises(RuntimeError, match="python -m workers"):
        workers.run("650000000000000000000000")


def test_there_is_one_version() -> None:
    assert {dtq.__version__, LIBRARY["version"]} == {config.VERSION}


def test_the_library_declares_what_its_list_pins() -> None:
    listed = (ROOT / "library" / "requirements.in").read_text(encoding="utf-8").splitlines()
    pinned = {re.split("[=<>;]", line)[0].strip() for line in listed if line[:1].isalnum()}
    declared = {re.split(r"[=<>;\[]", line)[0] for line in LIBRARY["dependencies"]}
    assert declared == pinned | {"dtq"}


def test_the_words_of_priorities_are_those_of_the_queues() -> None:
    assert list(PRIORITIES) == [priority.word for priority in Priority]


def test_everything_offered_has_an_example() -> None:
    for name in set(dtq.__all__) - {"TaskType", "TaskTypeError"}:
        assert "\n\n    " in (inspect.getdoc(getattr(dtq, name)) or ""), name


def test_the_program_applies_its_rules_wherever_it_is_imported() -> None:
    """Alone, the package refuses what no form can take; the rest the program refuses."""
    code = """
from typing import Annotated
from pydantic import Field
from dtq import Context, TaskTypeError, task
from dtq.lines import Accept, Lines

def declare(annotation):
    def function(ctx, x): ...
    function.__annotations__ = {"ctx": Context, "x": annotation}
    try:
        task(title="T")(function)
    except TaskTypeError as error:
        return "tuple" in str(error) or "cannot be a field" in str(error)
    return False

print(declare(tuple[int, int]), declare(list[bool]))
import workers
print(declare(tuple[int, int]), declare(list[bool]))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["True False", "True True"]
