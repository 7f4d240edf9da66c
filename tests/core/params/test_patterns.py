"""Published patterns and references: nothing that a worker publishes or a person sends holds up the web."""

from __future__ import annotations

import re
import socket
import time

import pytest
import regex
from hypothesis import example, given
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


@example("b++b", "bb")
@example("[?[a]]", "a]")
@example("[a&&b]", "a")
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


EXPONENTIAL = {
    f"d{depth}": {"anyOf": [{"$ref": f"#/$defs/d{depth + 1}"}, {"$ref": f"#/$defs/d{depth + 1}"}]}
    for depth in range(40)
} | {"d40": {"type": "integer"}}


def test_names_that_no_pattern_matches_are_found_so_too():
    inner = {"type": "object", "patternProperties": {r"^(\w+\s?)+$": {"type": "integer"}}}
    for rest in (False, {"type": "integer"}):
        schema = {"type": "object", "properties": {"a": {**inner, "additionalProperties": rest}}}
        assert validate(schema, {"a": {"abc": 1}})
        with pytest.raises(Invalid) as refused:
            validate(schema, {"a": {"a" * 5_000 + "!": "x"}})
        assert list(refused.value.fields) == ["a"]


def test_names_that_only_a_backtracking_engine_could_evaluate_are_refused():
    inner = {"type": "object", "patternProperties": {"^a": {}}, "unevaluatedProperties": False}
    with pytest.raises(Invalid) as refused:
        validate({"type": "object", "properties": {"a": inner}}, {"a": {"abc": 1}})
    assert list(refused.value.fields) == ["a"]


def test_many_texts_together_have_a_time_limit():
    schema = {
        "type": "object",
        "properties": {"a": {"type": "array", "items": of(pattern=SLOW)["properties"]["a"]}},
    }
    began = time.thread_time()
    with pytest.raises(Invalid) as refused:
        validate(schema, {"a": ["a" * 60] * 100})
    assert time.thread_time() - began < 5  # 20 s without it
    assert list(refused.value.fields) == ["a"]


@pytest.mark.parametrize("pattern", ["(?=x)((a{1000}){1000}){1000}", "(?=x)(a{1,1000}b){,1000}"])
def test_a_pattern_that_is_too_large_is_not_compiled(pattern):
    with pytest.raises(regex.error):
        patterns.backtracking(pattern)


@pytest.mark.parametrize(
    "pattern", [r"^(?=[)(]{2})[a-z\]]{2,300}\{9999\}$", r"(?!0)[0-9]{1,15}(,[0-9]{3}){,30}"]
)
def test_a_pattern_of_a_usual_size_is(pattern):
    assert patterns.backtracking(pattern)


def test_references_that_double_at_each_step_end(monkeypatch):
    monkeypatch.setattr(patterns, "MOST_REFERENCES", 500)
    schema = {"type": "object", "properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": EXPONENTIAL}
    with pytest.raises(Invalid):
        validate(schema, {"a": "x"})
    assert validate(schema, {"a": 1})


def test_a_listener_that_a_reference_names_sees_no_connection():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        where = f"http://127.0.0.1:{listener.getsockname()[1]}/schema.json"
        for part in (
            {"$ref": where},
            {"$dynamicRef": where},
            {"$id": where, "$ref": "other"},
            {"$schema": where},
        ):
            schema = {"type": "object", "properties": {"a": part}}
            for whole in (schema, {"$id": where, **schema}, {"$schema": where, **schema}):
                describe(whole)
                try:
                    validate(whole, {"a": 1})
                except Invalid as refused:
                    assert str(refused)
        with pytest.raises(BlockingIOError):
            listener.accept()
