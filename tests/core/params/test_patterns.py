"""Published patterns and references: nothing that a worker publishes or a person sends holds up the web."""

from __future__ import annotations

import re
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Invalid
from app.core.params.fields import describe
from app.core.params.formats import patterns
from app.core.params.validate import validate

SLOW = r"^(a|a|aa)+(?=b)\1$"
CIRCLES = [
    {"a": {"$ref": "#/$defs/a"}},
    {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}},
    {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {"type": "null"}]}},
    {"a": {"type": "array", "items": {"$ref": "#/$defs/a"}}},
    {"a": {"type": "object", "additionalProperties": {"$ref": "#/$defs/a"}}},
    {"a": {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}}},
]


def of(**about):
    return {"type": "object", "properties": {"a": {"type": "string", **about}}}


@pytest.mark.parametrize("pattern", [r"^(\w+\s?)+$", r"^(a+)+$", r"(x+x+)+y", r"^(a|a)*$", r"^((a*)*)*$"])
def test_a_pattern_that_backtracks_for_ages_is_decided(pattern):
    assert not patterns.matches(pattern, "ax" * 20_000 + "!\n")
    with pytest.raises(Invalid) as refused:
        validate(of(pattern=pattern), {"a": "a" * 40_000 + "!"})
    assert list(refused.value.fields) == ["a"]


def test_what_only_backtracking_can_do_has_a_time_limit(monkeypatch):
    monkeypatch.setattr(patterns, "TIME_S", 0.01)
    assert patterns.matches(r"^(?=.*\d)\w+$", "abc1") and not patterns.matches(r"^(?!a)b$", "ab")
    for text in ("a" * 60, "a" * (patterns.MOST_BACKTRACKED + 1)):
        with pytest.raises(patterns.Undecided):
            patterns.matches(SLOW, text)
        with pytest.raises(Invalid) as refused:
            validate(of(pattern=SLOW), {"a": text})
        assert list(refused.value.fields) == ["a"]


def test_the_length_comes_first(monkeypatch):
    monkeypatch.setattr(patterns, "matches", lambda pattern, text: pytest.fail("The pattern was tried."))
    for schema in (of(pattern="a", maxLength=3), of(maxLength=3, pattern="a")):
        with pytest.raises(Invalid):
            validate(schema, {"a": "bbbb"})


def test_names_of_an_object_are_matched_so_too():
    inner = {"type": "object", "patternProperties": {r"^(\w+\s?)+$": {"type": "integer"}}}
    schema = {"type": "object", "properties": {"a": inner}}
    assert validate(schema, {"a": {"a" * 5_000 + "!": "x"}})
    with pytest.raises(Invalid):
        validate(schema, {"a": {"abc": "x"}})


def test_a_damaged_pattern_is_said():
    with pytest.raises(Invalid) as refused:
        validate(of(pattern="("), {"a": "x"})
    assert list(refused.value.fields) == ["a"]


@given(st.from_regex(r"[a-c.*+?|()\[\]^$]{0,8}", fullmatch=True), st.text("abcd", max_size=8))
def test_plain_patterns_mean_what_they_mean_in_python(pattern, text):
    try:
        expected = re.search(pattern, text) is not None
    except (re.error, FutureWarning):
        return
    assert patterns.matches(pattern, text) == expected


@pytest.mark.parametrize("definitions", CIRCLES)
def test_a_circle_of_references_ends(definitions):
    schema = {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": definitions}
    assert [field.name for field in describe(schema)] == ["a"]
    for value in ("x", [[]], {"a": {"a": 1}}):
        try:
            validate(schema, {"a": value})
        except Invalid as refused:
            assert str(refused)


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:9/x", "file:///etc/passwd", "#/$defs/none", "#/x", "other"]
)
def test_a_reference_to_elsewhere_is_not_followed(target, monkeypatch):
    monkeypatch.setattr(socket, "create_connection", lambda *args: pytest.fail("It was fetched."))
    schema = {"type": "object", "properties": {"a": {"$ref": target}}}
    assert [field.kind.name for field in describe(schema)] == ["json"]
    with pytest.raises(Invalid):
        validate(schema, {"a": 1})
