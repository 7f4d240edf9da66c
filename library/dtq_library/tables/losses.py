"""What reading and typing took away from a table, with examples."""

from __future__ import annotations

from collections.abc import Iterable

from dtq_library.tables.model import Table
from dtq_library.tables.rows import RowSelection
from dtq_library.tables.values.column import Recipe, blanked

_SHOWN = 3


def loss_notes(table: Table, recipes: Iterable[Recipe], kept: RowSelection | None = None) -> list[str]:
    """Sentences about what was taken out of the cells and rows, with examples."""
    notes = []
    for recipe in recipes:
        found = blanked(recipe)
        spellings = sorted(found.items(), key=lambda item: (-item[1], item[0]))[:_SHOWN]
        if spellings:
            told = ", ".join(f"{spelling[:40]} ({count:,})" for spelling, count in spellings)
            notes.append(f"Column {recipe.name}: treated as missing: {told}.")
    if kept is not None and kept.duplicates:
        numbers = table.row_numbers(kept.first_duplicates).to_list()
        more = ", …" if kept.duplicates > len(numbers) else ""
        shown = ", ".join(f"{number:,}" for number in numbers)
        notes.append(f"Duplicates that were dropped: {kept.duplicates:,} (row {shown}{more}).")
    return notes
