"""Numbers: whole ones, those with a fraction, and decimals, which are exact and stored as text."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any, ClassVar

from app.core.params.constraints import is_multiple
from app.core.params.formats import text_formats
from app.core.params.formats.plain_values import shown
from app.core.params.kinds.kind import Field, Kind, least_and_most, within
from app.core.params.kinds.texts import StoredText
from app.core.params.schema_parts import Schema

PLAIN = r"(?=.{1,17}\Z)-?([0-9]+(\.[0-9]+)?|\.[0-9]+)"


class Number(Kind):
    """What numbers have in common."""

    noun = "A number"
    in_lists = True
    native = "number"
    native_form = PLAIN
    is_short = True
    any_step: ClassVar[str] = "any"

    def _limits(self, field: Field, text: str, native: str) -> dict[str, Any]:
        if native != "number":
            return {"inputmode": "decimal"}
        return {"step": self._step(field, text)} | least_and_most(field)

    def _step(self, field: Field, text: str) -> str:
        """Return the step where a browser, which counts from the minimum or else the text, counts alike."""
        step = field.schema.get("multipleOf", field.schema.get("formatMultipleOf"))
        if step is None:
            places = field.schema.get("decimalPlaces")
            step = None if places is None else format(10**-places, f".{places}f")
        start = shown(field.minimum) or text or "0"
        try:
            return self.any_step if step is None or not is_multiple(start, step) else shown(step)
        except ValueError:
            return self.any_step


class WholeNumber(Number):
    """A whole number of at most 64 bits."""

    name = "int"
    expectation = "Enter a whole number."
    any_step = "1"

    def recognizes(self, about: Schema, schema: Schema) -> bool:
        return about.get("type") == "integer"

    def parse(self, field: Field, text: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]{1,19}", text.strip()):
            raise ValueError(f"Enter a whole number{within(field)}, such as 3.")
        return int(text)


class Float(Number):
    """A finite number."""

    name = "float"
    expectation = "Enter a number."
    native_form = rf"{PLAIN}|-?[0-9.]+e[+-]?[0-9]+"

    def recognizes(self, about: Schema, schema: Schema) -> bool:
        return about.get("type") == "number"

    def parse(self, field: Field, text: str) -> float:
        try:
            value = float(text if text.isascii() and "_" not in text else "nan")
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise ValueError(f"Enter a number{within(field)}, such as 2.5.")
        return value


class DecimalNumber(StoredText[Decimal], Number):
    """An exact number, with all its digits."""

    name = json_format = "decimal"
    expectation = text_formats.DECIMAL

    def understand(self, text: str) -> Decimal:
        return text_formats.decimal(text)

    def store(self, value: Decimal) -> str:
        return text_formats.plain(value)


INT, FLOAT, DECIMAL = WholeNumber(), Float(), DecimalNumber()
