"""Limits: judged for every kind as pydantic would, said in words, and exact."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, HttpUrl, TypeAdapter, ValidationError

from app.core.errors import Invalid
from app.core.params.fields import describe
from app.core.params.validate import from_form, validate
from tests.core.params.schemas import one
from tests.plugins.examples import examples

NEW_YEAR = datetime(2026, 1, 1, tzinfo=timezone.utc)
CENTS = Decimal("0.01")
PRICE = Annotated[
    Decimal,
    Field(ge=Decimal("0.1"), lt=100, multiple_of=Decimal("0.05"), max_digits=4, decimal_places=2),
]
PRICE_SAID = (
    "A number of 0.1 or more and below 100. A multiple of 0.05. At most 4 digits, at most 2 after the point."
)
MOMENT = "Enter a moment with its offset, such as 2026-12-31T08:30:00+01:00."
REFERENCE = "“$ref” beside “$id” cannot be kept: MongoDB takes the two for a reference of its own."
AFTER = Field(gt=date(2026, 1, 1), le=date(2026, 2, 1))


def complaint(annotation: Any, value: Any) -> str:
    with pytest.raises(Invalid) as caught:
        validate(one(annotation), {"x": value})
    return caught.value.fields["x"]


@pytest.mark.parametrize(
    ("annotation", "value", "sentence"),
    [
        (PRICE, "0.05", "Enter 0.1 or more."),
        (PRICE, "100", "Enter less than 100."),
        (PRICE, "1.01", "Enter a multiple of 0.05."),
        (Annotated[Decimal, Field(max_digits=3)], "12.34", "Use 3 digits or fewer."),
        (
            Annotated[Decimal, Field(decimal_places=1)],
            "0.25",
            "Use 1 digits or fewer after the decimal point.",
        ),
        (
            Annotated[Decimal, Field(multiple_of=CENTS)],
            "9" * 40,
            "This number is too large for steps of 0.01.",
        ),
        (Decimal, 1.5, "Enter a decimal number, such as 12.50."),
        (Annotated[date, Field(ge=date(2026, 1, 1))], "2025-12-31", "Enter 2026-01-01 or later."),
        (Annotated[date, Field(lt=date(2026, 1, 1))], "2026-01-01", "Must be earlier than 2026-01-01."),
        (
            Annotated[date, Field(gt=date(2026, 1, 1))] | None,
            "2026-01-01",
            "Must be later than 2026-01-01.",
        ),
        (Annotated[time, Field(le=time(18))], "18:00:01", "Enter 18:00 or earlier."),
        (
            Annotated[datetime, Field(ge=NEW_YEAR)],
            "2026-01-01T00:59:00+01:00",
            "Enter 2026-01-01 00:00 UTC or later.",
        ),
        (Annotated[timedelta, Field(le=timedelta(hours=1))], "PT61M", "Enter 1 hour or less."),
        (Annotated[timedelta, Field(gt=timedelta(0))], "PT0S", "Enter more than 0 seconds."),
        (datetime, "2026-01-01T00:00:00", MOMENT),
        (timedelta, "1h", "Enter a duration as ISO 8601, such as PT1H30M."),
        (time, "08:30:00Z", "Enter a time of day, such as 08:30."),
        (date, 20260101, "Enter a date, such as 2026-12-31."),
        (HttpUrl, "ftp://host/file", "Enter a URL that begins with http:// or https://."),
        (HttpUrl, "no address", "Enter a complete URL, such as https://example.com/page."),
        (Annotated[float, Field(multiple_of=0.1)], 0.35, "Enter a multiple of 0.1."),
        (Annotated[list[date], Field(max_length=1)], ["2026-01-01", "2026-01-02"], "Use 1 or fewer."),
        (list[date], ["2026-01-01", "soon"], "Entry 2: Enter a date, such as 2026-12-31."),
        (dict[str, Any], [1], 'Enter an object, such as {"name": "value"}.'),
        (list[Any], {}, "Enter a list in brackets, such as [1, 2]."),
        (list[dict[str, Any]], [{}, 1], 'At [1]: Enter an object, such as {"name": "value"}.'),
        (Annotated[dict[str, Any], Field(min_length=1)], {}, "Add at least 1."),
        (Any, {"$ref": "a", "$id": 1}, REFERENCE),
    ],
)
def test_a_sentence_for_each_limit(annotation, value, sentence):
    assert complaint(annotation, value) == sentence


def test_a_value_that_is_nested_without_end_is_refused_and_not_a_crash():
    deep: Any = 1
    for _ in range(5000):
        deep = [deep]
    assert complaint(Any, deep) == "This is nested too deeply: at most 50 levels are kept."


@pytest.mark.parametrize("tenths", range(0, 200, 7))
def test_steps_of_a_tenth_are_exact(tenths):
    steps = one(Annotated[float, Field(multiple_of=0.1)])
    assert validate(steps, {"x": tenths / 10}) == {"x": tenths / 10}


@settings(max_examples=examples(50), deadline=None)
@given(
    st.decimals("-200", "200", places=3)
    | st.sampled_from([Decimal("0.10"), Decimal("99.95"), Decimal("1E+1")])
)
def test_decimals_are_judged_as_pydantic_does(value):
    limited, text = TypeAdapter(PRICE), format(value, "f")
    try:
        limited.validate_python(text)
    except ValidationError:
        assert complaint(PRICE, text)
    else:
        assert validate(one(PRICE), {"x": text}) == {"x": text}


@pytest.mark.parametrize(
    ("annotation", "said"),
    [
        (Annotated[int, Field(ge=0, le=60, multiple_of=5)], "A number from 0 to 60. A multiple of 5."),
        (PRICE, PRICE_SAID),
        (Annotated[Decimal, Field(decimal_places=0)], "Digits: none after the point."),
        (Annotated[date, Field(ge=date(2026, 1, 1))], "A date from 2026-01-01 on."),
        (Annotated[date, AFTER], "A date after 2026-01-01 and until 2026-02-01."),
        (Annotated[time, Field(ge=time(8), le=time(18, 30))], "A time from 08:00 to 18:30."),
        (Annotated[datetime, Field(lt=NEW_YEAR)], "A date and time before 2026-01-01 00:00 UTC."),
        (Annotated[timedelta, Field(le=timedelta(days=2))], "A duration up to 2 days."),
        (Annotated[str, Field(min_length=2, max_length=9)], "From 2 to 9 characters."),
        (Annotated[str, Field(min_length=1)], ""),
        (Annotated[str, Field(min_length=1)] | None, "At least 1 character."),
        (Annotated[str, Field(pattern="^[a-z]+$", description="Small letters.")], ""),
        (
            Annotated[str, Field(min_length=3, max_length=3, pattern="^[a-z]+$")],
            "3 characters. In the form `^[a-z]+$`.",
        ),
        (
            Annotated[list[Annotated[int, Field(ge=1)]], Field(max_length=5)],
            "At most 5 entries. Each: a number of 1 or more.",
        ),
        (HttpUrl, ""),
        (str, ""),
    ],
)
def test_limits_in_words(annotation, said):
    default = None if type(None) in get_args(annotation) else ...
    field = describe(one(annotation, default))[0]
    assert field.kind.words(field) == said


@pytest.mark.parametrize(
    ("annotation", "text", "found"),
    [
        (list[int], "1\r\n\r\n 2 \n", [1, 2]),
        (list[float], "1\n2.5", [1.0, 2.5]),
        (list[date], "2026-01-01", ["2026-01-01"]),
        (list[timedelta], "1h\n90", ["PT1H", "PT1M30S"]),
        (list[datetime], "2026-06-01 08:30 Europe/Berlin", ["2026-06-01T08:30:00+02:00"]),
        (list[int], "1\n\nx", "Line 3: Enter a whole number, such as 3."),
        (list[Annotated[int, Field(ge=2)]], "\n1", "Line 2: Enter 2 or more."),
        (
            list[date],
            "2026-02-30",
            "Line 1: There is no day 2026-02-30. Enter a date, such as 2026-12-31.",
        ),
    ],
)
def test_a_list_is_read_line_by_line(annotation, text, found):
    values, problems = from_form(describe(one(annotation)), {"x": [text]})
    assert (problems.get("x") or values["x"]) == found


@pytest.mark.parametrize(
    ("annotation", "default", "texts", "found"),
    [
        (datetime, ..., ["2026-06-01T08:30", "Europe/Berlin"], "2026-06-01T08:30:00+02:00"),
        (datetime, ..., ["2026-06-01T08:30", ""], "2026-06-01T08:30:00+00:00"),
        (datetime, ..., ["", "Europe/Berlin"], "This field is required."),
        (datetime | None, None, ["", "Europe/Berlin"], None),
        (datetime, ..., ["a", "b", "c"], "Enter one value; several were sent."),
        (
            Annotated[date, Field(ge=date(2026, 1, 1))],
            date(2026, 5, 5),
            [""],
            "Enter a date from 2026-01-01 on.",
        ),
        (dict[str, Any], {"a": 1}, [" "], "Enter JSON."),
        (dict[str, Any], Field(default_factory=dict), [""], "nothing"),
    ],
)
def test_a_moment_is_two_texts_and_nothing_is_never_a_default_unsaid(annotation, default, texts, found):
    values, problems = from_form(describe(one(annotation, default)), {"x": texts})
    assert (problems.get("x") or values.get("x", "nothing")) == found
