"""The registry of kinds: recognized in its order, and asked instead of compared by name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.params.fields import describe
from app.core.params.kinds import KINDS, recognize
from app.core.params.kinds.judge import STORED

ROOT = Path(__file__).resolve().parents[3]
ASKING = sorted(
    path
    for folder in ("app/core/params", "app/web/create", "app/web/tasks", "app/cli", "workers/types")
    for path in (ROOT / folder).rglob("*.py")
)
NAMES = {kind.name for kind in KINDS}


def test_a_name_and_a_format_belong_to_one_kind():
    assert len(NAMES) == len(KINDS)
    assert len({kind.json_format for kind in STORED}) == len(STORED)


@pytest.mark.parametrize(
    ("schema", "name"),
    [
        ({"type": "string", "format": "file-id", "enum": ["a"]}, "file"),
        ({"type": "string", "enum": ["a"], "format": "date"}, "choice"),
        ({"type": "array", "items": {}}, "json"),
        ({"type": "array", "items": {"properties": {}, "format": "file-id"}}, "rows"),
        ({"type": "array", "items": {"enum": [1]}}, "choices"),
        ({"type": "integer", "format": "date"}, "int"),
        ({"type": "string", "format": "color"}, "color"),
        ({"type": "string", "format": "unheard-of"}, "text"),
    ],
)
def test_the_first_kind_that_recognizes_a_schema_has_it(schema, name):
    assert recognize(schema, {}).name == name


def test_a_stored_kind_is_recognized_by_its_format_and_refuses_what_is_none():
    for kind in STORED:
        about = {"type": "string", "format": kind.json_format}
        (field,) = describe({"properties": {"x": about}})
        assert field.kind is kind
        with pytest.raises(ValueError, match="Enter|There is"):
            kind.parse(field, "\x01")


def _compared(path: Path) -> Iterator[str]:
    """Where a kind, or its name, is compared with the name of one."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            kinds = [each for each in sides if ast.unparse(each).endswith((".kind", ".kind.name"))]
            if kinds and any(isinstance(one, ast.Constant) and one.value in NAMES for one in ast.walk(node)):
                yield f"{path.relative_to(ROOT)}:{node.lineno}"


def test_nobody_compares_kinds_by_name():
    assert [place for path in ASKING for place in _compared(path)] == []


def test_the_rule_would_see_a_comparison(tmp_path, monkeypatch):
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    module = tmp_path / "comparing.py"
    module.write_text('if field.kind.name in ("rows", "list") or "file" == each.kind: pass\n')
    assert list(_compared(module)) == ["comparing.py:1", "comparing.py:1"]
