"""Grammars of lines as published data: judged without task code, in bounded time, and in plain words."""

from __future__ import annotations

import time
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter, ValidationError

from app.core.errors import Invalid
from app.core.params.fields import describe
from app.core.params.formats.patterns import Undecided
from app.core.params.kinds.judge import fits
from app.core.params.line_grammar import DAMAGED, LONGEST, problems, told
from app.core.params.validate import from_form, validate
from dtq.lines import Accept, Lines, Part, Refuse
from tests.core.params.schemas import one

PRICES = Lines(
    Refuse(r"free .*", "Write a price, even for what is free."),
    Accept(
        r"(?P<name>\S+)\s+(?P<price>.+)", price=Part({"pattern": "^[0-9.]+$"}, "Write a price, such as 2.50.")
    ),
    otherwise="Write a name and a price, such as tea 2.50.",
    comment="#",
    least="Write one price at least.",
)


def read(schema: dict[str, Any], text: str) -> str:
    """What stands beside the field `x` of a form that was sent, or nothing."""
    values, unread = from_form(describe(schema), {"x": [text]})
    try:
        validate(schema, values)
    except Invalid as refused:
        return (refused.fields | unread).get("x", "")
    return unread.get("x", "")


@pytest.mark.parametrize(
    "annotation", [list[str], Annotated[str, Field(json_schema_extra={"format": "textarea"})]]
)
def test_the_same_sentences_for_a_list_and_for_a_text_of_lines(annotation):
    schema = one(Annotated[annotation, PRICES])
    assert read(schema, "tea 2.50\r\n\r\n# later\r\ncake 3") == ""
    assert read(schema, "tea 2.50\n\ncake\nbun x\nfree 3") == (
        "Line 3: Write a name and a price, such as tea 2.50.\nLine 4: Write a price, such as 2.50.\n"
        "Line 5: Write a price, even for what is free."
    )
    assert read(schema, "# none") == "Write one price at least."


def test_one_line_has_no_number():
    assert read(one(Annotated[str, PRICES]), "tea") == "Write a name and a price, such as tea 2.50."


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (["tea 2"], ""),
        ([], "Write one price at least."),
        (["#"], "Write one price at least."),
        (["a 1", "tea"], "Line 2: Write a name and a price, such as tea 2.50."),
        (["a 1\nb"], "Line 1: Write a price, such as 2.50."),
    ],
)
def test_what_a_program_sends_is_judged_alike_before_and_at_run(value, sentence):
    kind = Annotated[list[str], PRICES]
    try:
        validate(one(kind), {"x": value})
        before = ""
    except Invalid as refused:
        before = refused.fields["x"]
    try:
        TypeAdapter(kind).validate_python(value)
        at_run = ""
    except ValidationError as refused:
        at_run = refused.errors()[0]["msg"]
    assert (before, at_run) == (sentence, sentence)


def test_none_of_an_optional_list():
    schema = one(Annotated[list[str] | None, PRICES], None)
    assert validate(schema, {}) == {"x": None}
    assert read(schema, "tea") == "Line 1: Write a name and a price, such as tea 2.50."


def test_limits_of_entries_and_the_grammar_are_said_together():
    schema = one(Annotated[list[Annotated[str, Field(max_length=6)]], PRICES])
    assert read(schema, "tea\nlemonade 3") == (
        "Line 1: Write a name and a price, such as tea 2.50.\nLine 2: Use 6 characters or fewer."
    )


def test_of_many_wrong_lines_the_first_are_named():
    assert told({number: "No." for number in range(1, 9)}) == (
        "Line 1: No.\nLine 2: No.\nLine 3: No.\nLine 4: No.\nLine 5: No.\n3 more lines are wrong."
    )


# A name at the beginning

AGES = Lines(Accept(r"> (?P<age>[0-9]+)"), otherwise="Write > and an age.", named=True)


@pytest.mark.parametrize(
    "line", ["age > 5", "the age > 5", '"a > b" > 5', '"say ""x""" > 5', "a > x > 5", "a,b > 5"]
)
def test_a_line_is_right_when_some_name_makes_it_so(line):
    assert problems(AGES.document, [(1, line)], fits) == {}


@pytest.mark.parametrize("line", ["> 5", "age", '"age > 5', '"age" 5', "age > five"])
def test_a_line_that_no_name_makes_right(line):
    assert problems(AGES.document, [(1, line)], fits).keys() == {1}


# Nothing that a person sends, or a worker published, breaks a page or holds it up


def test_a_pattern_that_would_run_for_years_is_stopped():
    slow = Lines(Accept("(a|aa)+"), otherwise="No.")
    began = time.thread_time()
    found = problems(slow.document, [(n, "a" * 60 + "!") for n in range(1, 50)], fits)
    assert time.thread_time() - began < 2
    assert set(found.values()) == {"This line takes too long to check. Shorten it."}


def test_what_there_is_no_time_for_is_left_to_the_run(monkeypatch):
    monkeypatch.setattr("app.core.params.line_grammar.ALL_S", -1.0)
    assert problems(PRICES.document, [(1, "tea")], fits) == {}
    assert problems(PRICES.document, [(1, "tea")], fits, limited=False).keys() == {1}


def test_many_lines_do_not_hold_up_the_web():
    began = time.thread_time()
    problems(AGES.document, [(n, "a b c d e f g") for n in range(50_000)], fits)
    assert time.thread_time() - began < 2


def test_a_long_line():
    assert problems(PRICES.document, [(1, "a " + "1" * LONGEST)], fits)[1].startswith("This line is too long")


@pytest.mark.parametrize(
    "grammar",
    [
        {},
        {"rules": 3, "otherwise": ""},
        {"rules": [{}], "otherwise": ""},
        {"rules": [{"pattern": "("}], "otherwise": ""},
        {"rules": [{"pattern": ".*", "parts": {"x": [[{}, "No."]]}}], "otherwise": ""},
        {"rules": [{"pattern": "(?P<x>.*)", "parts": {"x": [[]]}}], "otherwise": ""},
        {"rules": [{"pattern": "(?P<x>.*)", "parts": {"x": [[{"pattern": 5}, "No."]]}}], "otherwise": ""},
        {"rules": []},
    ],
)
def test_a_damaged_grammar_is_a_sentence(grammar):
    with pytest.raises(Undecided, match="damaged"):
        problems(grammar, [(1, "tea 2")], fits)
    schema = {
        "type": "object",
        "properties": {"x": {"type": "array", "items": {"type": "string"}, "lines": grammar}},
    }
    assert read(schema, "tea 2") == DAMAGED


@pytest.mark.parametrize(
    "checks", [3, [3], [{}], [{"wrong": {}, "field": "x"}], [{"wrong": 3, "field": "x", "sentence": ""}]]
)
def test_damaged_checks_are_a_sentence(checks):
    with pytest.raises(Invalid):
        validate({**one(str), "checks": checks}, {"x": "a"})


@given(st.text())
def test_any_text_is_judged(text):
    for grammar in (PRICES, AGES):
        found = problems(grammar.document, enumerate(text.split("\n"), 1), fits)
        assert all(found.values())


def test_a_part_needs_its_group():
    with pytest.raises(ValueError, match="no group price"):
        Accept(r"\S+", price=Part({}, "No."))


# Lists that are required


@pytest.mark.parametrize(
    ("annotation", "sentence"),
    [
        (list[str], "This field is required."),
        (list[int], "This field is required."),
        (Annotated[list[str], Field(min_length=1)], "This field is required."),
        (Annotated[list[str], Field(min_length=0)], ""),
        (list[str] | None, ""),
    ],
)
@pytest.mark.parametrize("text", ["", " \n\t\n"])
def test_an_empty_list_where_one_is_needed(annotation, sentence, text):
    assert read(one(annotation), text) == sentence


def test_a_default_says_that_a_list_may_be_empty():
    assert read(one(list[str], []), "") == ""
    assert read(one(Annotated[list[str], Field(min_length=1)], ["a"]), "") == "This field is required."


def test_a_program_is_told_the_same():
    with pytest.raises(Invalid) as refused:
        validate(one(list[str]), {"x": []})
    assert refused.value.fields == {"x": "This field is required."}
    assert validate(one(Annotated[list[str], Field(min_length=0)]), {"x": []}) == {"x": []}
