"""One file, and several: their values are the IDs of uploaded files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.core.params import phrases
from app.core.params.kinds.kind import Field, Kind
from app.core.params.schema_parts import Schema, items_of

MOST_ITEMS = 100
"""How many rows or files a form takes for one parameter; a program may send more, as the schema says."""


class File(Kind):
    """One uploaded file."""

    name = "file"
    expectation = "Enter the ID of an uploaded file."
    missing = "Please choose a file."
    drawn_as = "file"
    takes_files = True
    names_limits = False

    def recognizes(self, about: Schema, schema: Schema) -> bool:
        return about.get("format") == "file-id"


class SeveralFiles(Kind):
    """Any number of uploaded files, each once."""

    name = "files"
    expectation = "Enter a list of IDs of uploaded files."
    missing = File.missing
    item = "file"
    drawn_as = "files"
    several = True
    has_entries = True
    takes_files = True
    always_answered = True

    def recognizes(self, about: Schema, schema: Schema) -> bool:
        return FILE.recognizes(items_of(about, schema), schema)

    def accept(self, about: Schema, schema: Schema) -> Sequence[str]:
        return super().accept(about, schema) or super().accept(items_of(about, schema), schema)

    def read(self, field: Field, texts: list[str], rows: Sequence[str] = ()) -> list[str] | None:
        ids = [text for text in texts if text]
        if len(ids) > MOST_ITEMS:
            raise ValueError(f"A form takes at most {MOST_ITEMS} files; {len(ids):,} were sent.")
        if not ids and field.min_items:
            more = f"Please choose {field.min_items} files."
            raise ValueError(self.missing if field.min_items == 1 else more)
        return list(dict.fromkeys(ids)) or self.no_entries(field)

    def _texts(self, field: Field, value: Any) -> tuple[str, ...]:
        return tuple(str(item) for item in (value if isinstance(value, list) else [value]))

    def words(self, field: Field) -> str:
        return phrases.entries(field.schema, self.item)


FILE, FILES = File(), SeveralFiles()
