"""docs/how-to/production.md is true: commands and their options, what an export promises, the order."""

from __future__ import annotations

import re
from pathlib import Path

from app.cli.data import data_group
from app.core.backup.manifest import Consistency, Snapshot
from app.core.backup.source import ORDER

TEXT = (
    (Path(__file__).parents[2] / "docs" / "how-to" / "production.md").read_text().partition("## Measured")[0]
)


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below a heading of columns, without its ruler."""
    table = TEXT.partition(heading)[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in table.splitlines()[2:]]


def test_every_promise_has_a_row() -> None:
    promises = [
        (cells[0].strip("`"), code)
        for cells in rows("| `consistency` |")
        for code in re.findall(r"`(\w+)`", cells[1])
    ]

    assert {code for _, code in promises} == {snapshot.value for snapshot in Snapshot}
    assert {code for consistency, code in promises if consistency == Consistency.SNAPSHOT.value} == {"held"}
    assert {consistency for consistency, _ in promises} == {consistency.value for consistency in Consistency}


def test_the_order_is_that_of_reading() -> None:
    named = [name for cells in rows("| collection |") for name in re.findall(r"`([\w.]+)`", cells[0])]

    assert tuple(named) == ORDER


def test_commands_and_options_exist() -> None:
    known = {
        option
        for command in data_group.commands.values()
        for parameter in command.params
        for option in parameter.opts
    }
    own = set(re.findall(r"`(--[a-z-]+)", TEXT)) - {"--gzip"}

    assert own <= known
    assert set(re.findall(r"flask data (\w+)", TEXT)) == set(data_group.commands)
