"""Colors: typed by name, as hex, RGB or HSL; stored as `#rrggbb`, or `#rrggbbaa` where transparent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pydantic_core import PydanticCustomError
from pydantic_extra_types.color import Color

from app.core.params.kinds.kind import Field
from app.core.params.kinds.texts import StoredText

MAX_COLOR = 100
_PICKABLE = re.compile("#[0-9a-f]{6}")


class ColorText(StoredText[Color]):
    """A color; task types annotate it with `pydantic_extra_types.color.Color`."""

    name = json_format = native = "color"
    noun = "A color"
    expectation = "Enter a color, such as #1a73e8 or teal."
    placeholder = "#1a73e8"
    is_short = True

    def understand(self, text: str) -> Color:
        try:
            found = Color(text) if len(text) <= MAX_COLOR else None
        except PydanticCustomError:
            found = None
        if found is None:
            raise ValueError(self.expectation)
        return found

    def store(self, value: Color) -> str:
        return value.as_hex(format="long")

    def untouched(self, field: Field, texts: Sequence[str]) -> bool:
        """Return whether it is the default, which a type may have by name."""
        return super().untouched(field, texts) or not self.differs(field, texts)

    def attributes(self, field: Field, text: str) -> dict[str, Any]:
        """Return a color picker where a color is in it and has to be.

        A browser's picker is never empty, and sends black for what nobody chose.
        """
        said = super().attributes(field, text)
        if field.nullable or not _PICKABLE.fullmatch(text):
            return said | {"type": "text"}
        return {name: value for name, value in said.items() if name == "type"}


COLOR = ColorText()
