"""Texts as values and values as texts, for the kinds that are stored as text, and JSON."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import AnyUrl, EmailStr, HttpUrl, JsonValue, TypeAdapter

from app.core.params.fields import Field, describe
from app.core.params.formats import json_text
from app.core.params.kinds.times import DURATION
from tests.core.params.schemas import one
from tests.plugins.examples import examples

OFFSETS = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda ahead: timezone(timedelta(minutes=ahead)))
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    Decimal: st.decimals(allow_nan=False, allow_infinity=False, places=6) | st.decimals("-1e30", "1e30"),
    date: st.dates(),
    time: st.times(),
    datetime: st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=OFFSETS),
    timedelta: st.timedeltas(timedelta(days=-999_999_990), timedelta(days=999_999_990)),
    EmailStr: st.from_regex(r"[a-z]{1,9}(\.[a-z0-9]{1,9})?@[a-z]{1,9}\.(org|de)", fullmatch=True),
    HttpUrl: st.from_regex(
        r"https?://[a-z]{1,9}\.org(:[1-9][0-9]{1,3})?(/[a-z0-9%~.]{0,9})?", fullmatch=True
    ),
}
WORDS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(-1e300, 1e300) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
ZONES = ("Mars/Olympus", "+25:00", "Z UTC", "a/../../etc/passwd", "/etc/passwd", "Europe/")
SKIPPED = "02:30 on 2026-03-29 does not exist in Europe/Berlin: clocks go forward over it."
DOUBLED = (
    "02:30 on 2026-10-25 occurs twice in Europe/Berlin. "
    "Enter +02:00 for the first or +01:00 for the second as the zone."
)


def field(annotation: Any) -> Field:
    return describe(one(annotation))[0]


def read(annotation: Any, text: str) -> Any:
    each = field(annotation)
    return each.kind.parse(each, text)


def text_of(annotation: Any, value: Any) -> str:
    each = field(annotation)
    return each.kind.format(each, value)


def complaint(annotation: Any, text: str) -> str:
    with pytest.raises(ValueError) as caught:
        read(annotation, text)
    return str(caught.value)


@pytest.mark.parametrize("annotation", VALUES)
@settings(max_examples=examples(50), deadline=None)
@given(data=st.data())
def test_what_is_shown_is_read_as_the_same_value_and_the_function_gets_it(annotation, data):
    value = data.draw(VALUES[annotation])
    each, as_given = field(annotation), TypeAdapter(annotation)
    about = each.kind
    kept = about.store(value)

    assert each.kind.parse(each, each.kind.format(each, kept)) == kept
    assert as_given.validate_json(f'"{kept}"') == as_given.validate_python(value)
    assert about.load(kept) == value


@settings(max_examples=examples(50), deadline=None)
@given(JSON)
@example(1.0)
@example({"$where": 1, "a.b": [], "": {}})
def test_json_is_read_as_it_was_shown(value):
    again = json_text.read(json_text.write(value))
    assert (again, repr(again)) == (value, repr(value))


@pytest.mark.parametrize(
    ("annotation", "typed", "kept"),
    [
        (Decimal, " 12.50 ", "12.50"),
        (Decimal, "1e3", "1000"),
        (Decimal, "-.5", "-0.5"),
        (Decimal, "0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"),
        (date, "2024-02-29", "2024-02-29"),
        (time, "08:30", "08:30:00"),
        (time, "23:59:59.5", "23:59:59.500000"),
        (timedelta, "90", "PT1M30S"),
        (timedelta, "1h 30m", "PT1H30M"),
        (timedelta, "1h30m", "PT1H30M"),
        (timedelta, "2 days, 3 hours and 1 min", "P2DT3H1M"),
        (timedelta, "00:05:00", "PT5M"),
        (timedelta, "1.5 h", "PT1H30M"),
        (timedelta, "-90", "-PT1M30S"),
        (timedelta, "pt1h", "PT1H"),
        (timedelta, "P1W", "P7D"),
        (timedelta, "0", "PT0S"),
        (datetime, "2026-06-01T08:30", "2026-06-01T08:30:00+00:00"),
        (datetime, "2026-06-01 08:30 Europe/Berlin", "2026-06-01T08:30:00+02:00"),
        (datetime, "2026-06-01T08:30 europe/berlin", "2026-06-01T08:30:00+02:00"),
        (datetime, "2026-06-01T08:30:15.25-03:30", "2026-06-01T08:30:15.250000-03:30"),
        (datetime, "2026-06-01T08:30Z", "2026-06-01T08:30:00+00:00"),
        (datetime, "2026-10-25T02:30 +01:00", "2026-10-25T02:30:00+01:00"),
        (datetime, "1850-01-01 00:53:28 Europe/Berlin", "1850-01-01T00:00:00+00:00"),
        (EmailStr, " Ada@EXAMPLE.com ", "Ada@example.com"),
        (HttpUrl, " https://example.com/a?b=c#d ", "https://example.com/a?b=c#d"),
        (AnyUrl, "ftp://host/file", "ftp://host/file"),
        (JsonValue, ' {"a": [1, null]} ', {"a": [1, None]}),
    ],
)  # fmt: skip
def test_what_people_type(annotation, typed, kept):
    assert read(annotation, typed) == kept


@pytest.mark.parametrize(
    ("annotation", "texts", "sentence"),
    [
        (
            Decimal,
            ["1,5", "NaN", "Infinity", "0x1", "1_0", "٣", "1e999", "", "1" * 500],
            "Enter a decimal number",
        ),
        (date, ["1.2.2026", "2026-1-2", "20260102", "today", "2026-01-01T00:00"], "Enter a date"),
        (date, ["2026-02-30", "2025-02-29", "0000-01-01"], "There is no day "),
        (time, ["8:30", "0830", "08:30Z", "08:30+01:00", "noon"], "Enter a time of day"),
        (time, ["25:00", "08:60"], "There is no time "),
        (
            datetime,
            ["2026-06-01", "08:30", "tomorrow", "2026-06-01T08:30:00.1234567"],
            "Enter a date and a time",
        ),
        (datetime, [f"2026-06-01T08:30 {zone}" for zone in ZONES], "There is no time zone "),
        (datetime, ["2026-03-29T02:30 Europe/Berlin"], SKIPPED),
        (datetime, ["2026-10-25T02:30 Europe/Berlin"], DOUBLED),
        (datetime, ["0001-01-01T00:00 +14:00", "9999-12-31T23:59 -01:00"], "This moment is too far away."),
        (
            timedelta,
            ["1h30", "5:00", "h", "1h 2h", "1 fortnight", "P", "PT", "1:60:00", "∞"],
            "Enter a duration",
        ),
        (timedelta, ["P1Y", "P1M", "1 year", "2 months", "3mo"], "Years and months differ in length"),
        (timedelta, ["0.0000001"], "A duration is exact to the microsecond"),
        (timedelta, ["999999999 days"], "This duration is too long"),
        (
            EmailStr,
            ["ada", "@x.org", "a@b", "Ada <a@x.org>", "a@x.org, b@x.org", "a" * 3000],
            "Enter an e-mail",
        ),
        (
            AnyUrl,
            ["example.com", "/path", "https://", "https://a b.org", "a://" + "a" * 9000],
            "Enter a complete",
        ),
        (
            AnyUrl,
            ["javascript:alert(1)", "JavaScript:x", "data:text/html,x", "java\nscript:x"],
            "Enter a complete",
        ),
        (JsonValue, ["{", "[1,]", "{'a': 1}", "nope", ""], "This is not JSON: line 1, column "),
        (JsonValue, ['{\n  "a": 1\n  "b": 2\n}'], "This is not JSON: line 3, column 3: expecting ',' delim"),
        (JsonValue, ['{"a": 1, "b": {"a": 1, "a": 2}}'], "The key “a” stands twice in one object."),
        (JsonValue, ["NaN", "[-Infinity]"], "JSON has no "),
        (JsonValue, ["9" * 5000], "This holds a number that is too large"),
        (JsonValue, ["[" * 33 + "]" * 33, "[" * 90_000, '{"a":' * 20_000], "This is nested too deeply"),
        (JsonValue, [f'"{"x" * 100_000}"'], "Use 100,000 characters"),
    ],
)
def test_what_is_refused_and_with_which_words(annotation, texts, sentence):
    for text in texts:
        assert complaint(annotation, text).startswith(sentence), text


def test_brackets_in_a_text_are_no_depth():
    assert json_text.read('["' + "[" * 100 + '", "\\"[{"]') == ["[" * 100, '"[{']


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 seconds"), (1, "1 second"), (5400, "1 hour 30 minutes"), (-172801.5, "-2 days 1.5 seconds")],
)
def test_a_duration_in_words(seconds, words):
    assert DURATION.write(timedelta(seconds=seconds)) == words


@given(st.text(), st.sampled_from([*VALUES, JsonValue]))
def test_any_text_is_read_or_refused_with_a_sentence(text, annotation):
    try:
        value = read(annotation, text)
    except ValueError as error:
        assert str(error).endswith((".", "…")), error
    else:
        assert read(annotation, text_of(annotation, value)) == value
