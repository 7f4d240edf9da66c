"""Kinds of parameters that are stored as text, and JSON, for the test that posts any signature."""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from pydantic import EmailStr, Field, HttpUrl, JsonValue
from pydantic_extra_types.color import Color

from tests.web.create.signatures import Drawn, Entry, Kind, typed, wrong

ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns", "Australia/Lord_Howe")
DAYS = st.dates(date(1990, 1, 1), date(2060, 12, 31))


def _decimal(draw: st.DrawFn) -> Drawn:
    places = draw(st.integers(0, 6))
    low = draw(st.decimals(-1000, 1000, places=places))
    high = low + draw(st.integers(1, 10**20))
    right = st.decimals(low, high, places=places).map(lambda number: Entry(typed(f"{number:f}"), number))
    finer = f"{low + Decimal(5).scaleb(-places - 1):f}"
    return Drawn(
        Annotated[Decimal, Field(ge=low, le=high, decimal_places=places)],
        right,
        wrong("", "1,5", "NaN", "x", finer, f"{low - 1:f}", f"{high + 1:f}"),
    )


def _date(draw: st.DrawFn) -> Drawn:
    first = draw(DAYS)
    last = first + timedelta(days=draw(st.integers(0, 999)))
    right = st.dates(first, last).map(lambda day: Entry(typed(day.isoformat()), day))
    outside = ((first - timedelta(days=1)).isoformat(), (last + timedelta(days=1)).isoformat())
    return Drawn(
        Annotated[date, Field(ge=first, le=last)], right, wrong("", "2026-02-30", "1.2.2026", *outside)
    )


def _time(draw: st.DrawFn) -> Drawn:
    last = draw(st.times(min_value=time(0, 1), max_value=time(23, 58)))
    right = st.times(max_value=last).map(lambda moment: Entry(typed(moment.isoformat()), moment))
    return Drawn(Annotated[time, Field(le=last)], right, wrong("", "24:00", "9", "08:30Z", "23:59"))


def _moment(draw: st.DrawFn) -> Drawn:
    zone = draw(st.sampled_from(ZONES))
    noons = DAYS.map(lambda day: datetime(day.year, day.month, day.day, 12, 34))  # clocks change at night
    right = noons.map(
        lambda local: Entry({"": [local.isoformat(), zone]}, local.replace(tzinfo=ZoneInfo(zone)))
    )
    pairs = [("", zone), ("2026-06-01T08:30", "Mars"), ("2026-03-29T02:30", "Europe/Berlin"), ("x", zone)]
    return Drawn(datetime, right, st.sampled_from([Entry({"": list(pair)}, right=False) for pair in pairs]))


def _duration(draw: st.DrawFn) -> Drawn:
    most = draw(st.timedeltas(timedelta(minutes=1), timedelta(days=999)))
    seconds = st.integers(0, int(most.total_seconds())).map(lambda count: timedelta(seconds=count))
    right = seconds.map(lambda length: Entry(typed(f"{length.days}d {length.seconds} s"), length))
    longer = str(int(most.total_seconds()) + 2)
    return Drawn(
        Annotated[timedelta, Field(ge=timedelta(0), le=most)],
        right,
        wrong("", "-1", "1 year", "5:00", longer),
    )


def _email(draw: st.DrawFn) -> Drawn:
    right = st.from_regex(r"[a-z]{1,9}(\.[a-z0-9]{1,9})?@[a-z]{1,9}\.(org|de)", fullmatch=True)
    return Drawn(
        EmailStr, right.map(lambda text: Entry(typed(f" {text}"), text)), wrong("", "a", "a@b c.org")
    )


def _url(draw: st.DrawFn) -> Drawn:
    right = st.from_regex(r"https?://[a-z]{1,9}\.org(/[a-z0-9~.?=&]{0,9})?", fullmatch=True)
    refused = wrong("", "example.com", "ftp://x.org", "javascript:alert(1)")
    return Drawn(HttpUrl, right.map(lambda text: Entry(typed(text), HttpUrl(text))), refused)


def _json(draw: st.DrawFn) -> Drawn:
    text = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"))
    scalar = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(-1e9, 1e9) | text
    right = st.recursive(scalar, lambda inner: st.lists(inner) | st.dictionaries(text, inner), max_leaves=9)
    said = right.map(lambda value: Entry(typed(json.dumps(value, ensure_ascii=False)), value))
    return Drawn(JsonValue, said, wrong("", "{", "[NaN]", '{"a": 1, "a": 2}', "[1e999]", '"\\ud800"'))


def _dates(draw: st.DrawFn) -> Drawn:
    right = st.lists(DAYS, min_size=1, max_size=4).map(
        lambda days: Entry(typed("\r\n\r\n".join(day.isoformat() for day in days)), days)
    )
    return Drawn(list[date], right, wrong("2026-01-01\nsoon", "", "\n"))


def _color(draw: st.DrawFn) -> Drawn:
    spellings = [lambda text: text, str.upper, lambda text: f" {text} ", lambda text: text[1:]]
    right = st.from_regex(r"#[0-9a-f]{6}", fullmatch=True).flatmap(
        lambda text: st.sampled_from(spellings).map(lambda spell: Entry(typed(spell(text)), Color(text)))
    )
    named = st.sampled_from(["teal", "DarkOrange", "rgb(1, 2, 3)", "hsl(0, 100%, 50%)"]).map(
        lambda text: Entry(typed(text), Color(text))
    )
    return Drawn(Color, right | named, wrong("", "#12345", "tea", "rgb(1, 2)", "#ggg", "red; x"))


SCALARS: dict[str, Kind] = {
    "decimal": _decimal,
    "date": _date,
    "time": _time,
    "moment": _moment,
    "duration": _duration,
    "email": _email,
    "url": _url,
    "color": _color,
    "json": _json,
    "dates": _dates,
}
