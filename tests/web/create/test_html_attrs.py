"""What the HTML of an input says: type, limits, steps, and a pattern where a browser's means the same."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import Annotated, Any

import pytest
from pydantic import EmailStr, Field

from app.core.params.fields import describe
from tests.core.params.schemas import one

NUMBER = {"type": "number"}
LIMITS = {"step": "3", "min": "0", "max": "9"}
TEXT = {"type": "text"}


def tag(annotation: Any, text: str = "") -> dict[str, Any]:
    field = describe(one(annotation))[0]
    return field.kind.attributes(field, text)


@pytest.mark.parametrize(
    ("annotation", "text", "said"),
    [
        (Annotated[int, Field(ge=0, le=9, multiple_of=3)], "", NUMBER | LIMITS),
        (Annotated[int, Field(ge=1, multiple_of=5)], "5", {"type": "number", "step": "1", "min": "1"}),
        (Annotated[int, Field(multiple_of=5)], "7", {"type": "number", "step": "1"}),
        (Annotated[float, Field(ge=0, multiple_of=0.1)], "0.3", NUMBER | {"step": "0.1", "min": "0"}),
        (Annotated[Decimal, Field(decimal_places=2)], "9.95", {"type": "number", "step": "0.01"}),
        (Decimal, "9.95", {"type": "number", "step": "any"}),
        (Decimal, "12345678901234567890.12", {"type": "text", "inputmode": "decimal"}),
        (date, "soon", {"type": "text"}),
        (Annotated[date, Field(ge=date(2026, 1, 1))], "", {"type": "date", "min": "2026-01-01"}),
        (Annotated[time, Field(le=time(18))], "08:30", {"type": "time", "max": "18:00:00", "step": "1"}),
        (datetime, "2026-06-01T08:30:15.25", {"type": "datetime-local", "step": "0.001"}),
        (datetime, "2026-06-01T08:30:15.123456", {"type": "text"}),
        (Annotated[str, Field(min_length=2, max_length=9)], "", TEXT | {"minlength": 2, "maxlength": 9}),
        (Annotated[str, Field(max_length=9, json_schema_extra={"format": "textarea"})], "", {"maxlength": 9}),
        (EmailStr, "", {"type": "email", "placeholder": "name@example.com"}),
        (dict[str, Any], "", {"data-json": "", "spellcheck": "false"}),
    ],
)  # fmt: skip
def test_an_input_says_its_limits(annotation, text, said):
    assert tag(annotation, text) == said


@pytest.mark.parametrize(
    ("pattern", "for_a_browser"),
    [
        ("^[A-Z]{2}[0-9]+$", "[A-Z]{2}[0-9]+"),
        (r"^(a|b)c\.d$", r"(a|b)c\.d"),
        ("^(?:[a-z]+-)*[a-z]+$", "(?:[a-z]+-)*[a-z]+"),
        ("[a-z]+", None),
        ("^a|b$", None),
        (r"^\d+$", None),
        (r"^\w$", None),
        ("^.$", None),
        ("^[a-z&&b]$", None),
        ("^[..]$", None),
        ("^[a-]$", None),
        ("(?i)^a$", None),
    ],
)
def test_a_pattern_is_for_the_browser_only_where_it_means_the_same(pattern, for_a_browser):
    assert tag(Annotated[str, Field(pattern=pattern)]).get("pattern") == for_a_browser
