"""The modules of task types that a process loads: from TASK_MODULES and from installed packages."""

from __future__ import annotations

import importlib
import importlib.metadata
import traceback
from collections.abc import Iterable

from config import Settings
from dtq import TaskType, TaskTypeError
from dtq.runtime import registry

ENTRY_POINTS = "dtq.tasks"
BUILT_IN = "dtq_library"
NOT_INSTALLED = (
    "The built-in task types are not installed: run `pip install . ./library` in the folder of the program, "
    "or set TASK_MODULES to modules of your own."
)


def load(modules: Iterable[str], settings: Settings | None = None) -> dict[str, TaskType]:
    """Import the modules, and those of the entry-point group `dtq.tasks`; returns the types by name.

    One with a condition is among them where the settings meet it, and never without settings.
    Raises TaskTypeError naming a module that cannot be imported, why, and the line.
    """
    for name, source in sources(modules).items():
        try:
            importlib.import_module(name)
        except TaskTypeError:
            raise
        except Exception as error:
            raise TaskTypeError(f"{source}: {import_problem(name, error)}") from error
    return {name: kind for name, kind in registry().items() if wanted(kind, settings)}


def wanted(kind: TaskType, settings: Settings | None) -> bool:
    """Return whether the settings meet the condition of a type; raises what its author's code raises."""
    return kind.when is None or (settings is not None and kind.when(settings))


def sources(modules: Iterable[str]) -> dict[str, str]:
    """Every module of task types that a worker loads, and where its name comes from.

    Installed packages need no setting, but for the built-in types: TASK_MODULES names them by default, and
    leaves them out where it names others only.
    """
    named = dict.fromkeys(modules, "TASK_MODULES")
    installed = {
        entry.value.partition(":")[0]: f"Entry point {entry.name} of {ENTRY_POINTS}"
        for entry in importlib.metadata.entry_points(group=ENTRY_POINTS)
    }
    installed.pop(BUILT_IN, None)
    return named | installed


def import_problem(name: str, error: BaseException) -> str:
    """Return a sentence that says why a module cannot be imported, with the line in its author's code."""
    if isinstance(error, ModuleNotFoundError) and error.name == BUILT_IN:
        return NOT_INSTALLED
    return f"{name} cannot be imported: {_why(error)}."


def _why(error: BaseException) -> str:
    """An error of an import in one line, with the place in the author's code."""
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg} ({error.filename}, line {error.lineno})"
    places = [
        frame for frame in traceback.extract_tb(error.__traceback__) if "importlib" not in frame.filename
    ]
    where = f" ({places[-1].filename}, line {places[-1].lineno})" if places[1:] else ""
    return f"{type(error).__name__}: {error}{where}"
