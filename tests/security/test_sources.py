"""What the sources never do: run text as code, start a shell, unpickle, make a template of input."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(
    path for room in ("app", "workers", "dtq", "dtq_library") for path in (ROOT / room).rglob("*.py")
)
FORBIDDEN = {
    "eval",
    "exec",
    "system",
    "popen",
    "render_template_string",
    "from_string",
    "full_load",
    "unsafe_load",
}
PICKLES = {"pickle", "marshal", "shelve", "dill", "cloudpickle"}


def found_in(tree: ast.AST) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            owner = getattr(getattr(node.func, "value", None), "id", "")
            builtin = isinstance(node.func, ast.Name) or owner in ("os", "builtins", "yaml", "flask", "env")
            found += [name] if name in FORBIDDEN and builtin else []
            shells = [
                key for key in node.keywords if key.arg == "shell" and getattr(key.value, "value", True)
            ]
            found += ["shell"] * len(shells)
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name in PICKLES]
        if isinstance(node, ast.ImportFrom) and node.module in PICKLES:
            found.append(node.module)
    return found


def test_no_source_runs_input():
    wrong = {
        str(path.relative_to(ROOT)): found
        for path in SOURCES
        if (found := found_in(ast.parse(path.read_text(encoding="utf-8"))))
    }
    assert len(SOURCES) > 150
    assert wrong == {}


@pytest.mark.parametrize(
    "source", ["eval(x)", "import pickle", "os.system(x)", "run(x, shell=True)", "exec(x)"]
)
def test_what_is_forbidden_is_found(source):
    assert found_in(ast.parse(source))
