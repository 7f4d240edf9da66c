"""What holds for the text of all templates, whatever a page shows."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))

# https://www.w3.org/TR/wai-aria-1.2/#state_prop_def, as far as the pages use them
ARIA = {
    "aria-busy",
    "aria-current",
    "aria-describedby",
    "aria-disabled",
    "aria-haspopup",
    "aria-hidden",
    "aria-invalid",
    "aria-label",
    "aria-labelledby",
    "aria-sort",
}


def test_aria_attributes_are_spelled_as_the_standard_spells_them() -> None:
    used = {path.name: set(re.findall(r"\baria-[a-z]+", path.read_text())) for path in TEMPLATES}
    assert {name: names - ARIA for name, names in used.items() if names - ARIA} == {}
