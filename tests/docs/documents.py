"""Reading our own documents: sections, fenced blocks, rows of tables. For the tests that hold them true."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"
TASK_TYPES = (DOCS / "reference" / "task-types.md").read_text(encoding="utf-8")
TUTORIAL = (DOCS / "tutorial" / "first-task-type.md").read_text(encoding="utf-8")
DEVELOPING = (DOCS / "how-to" / "develop-task-types.md").read_text(encoding="utf-8")


def section(text: str, title: str) -> str:
    """What stands under a heading of the second level, up to the next."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    assert found, f"there is no section “{title}”"
    return found[1]


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language, as somebody would copy them."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```$", text, re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(body) for _, body in found]


def rows(text: str) -> list[list[str]]:
    """The rows of the first table, without its head; a code span comes without its ticks."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [re.split(r"(?<!\\)\|", line.strip().strip("|")) for line in lines[2:]]
    return [[cell.strip().strip("`").replace("\\|", "|") for cell in row] for row in cells]
