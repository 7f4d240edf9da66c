"""The page of security checks names tests that are there."""

from __future__ import annotations

import ast
import re

import pytest

from tests.docs.documents import DOCS, ROOT, rows, section

PAGE = (DOCS / "explanation" / "security.md").read_text(encoding="utf-8")
CHECKS = rows(section(PAGE, "The checks"))
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))


def names_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_row_names_its_test():
    assert [row[0] for row in CHECKS] == [str(number) for number in range(1, 28)]
    assert all(re.fullmatch(r"tests/[\w/]+\.py::\w+", row[2]) and row[3] for row in CHECKS)


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_the_test_is_there(path, name):
    assert name.startswith("test_") and name in names_in(path)


@pytest.mark.parametrize("row", CHECKS, ids=lambda row: row[0])
def test_so_are_those_that_stand_beside_it(row):
    path = row[2].partition("::")[0]
    beside = re.findall(r"`(test_\w+)`", row[3])
    assert not set(beside) - names_in(path)
