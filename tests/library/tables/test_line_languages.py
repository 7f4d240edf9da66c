"""What forms say of lines, and of parameters together, before a task is created: in the words of the run.

A form does not know the table, so it may refuse only what is wrong whatever the columns are called and hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.core.errors import Invalid
from app.core.params.fields import describe
from app.core.params.kinds.judge import fits
from app.core.params.line_grammar import problems
from app.core.params.validate import from_form, validate
from dtq import Fail
from dtq._types.task_type import registered
from dtq.lines import Lines
from dtq_library.archives.tasks import compress_files
from dtq_library.email.tasks import send_email
from dtq_library.http import headers
from dtq_library.http.tasks import http_request, statuses
from dtq_library.tables.check import rules
from dtq_library.tables.check.formats import FORM, format_problem
from dtq_library.tables.check.task import check_table
from dtq_library.tables.names import tidy_names
from dtq_library.tables.transform import conditions, filling, grouping
from dtq_library.tables.transform.task import transform_table
from dtq_library.text.tasks import analyse_text, clean_text, transform_text
from tests.plugins.examples import examples

FILE = "0123456789abcdef01234567"


def said(function: Callable[..., Any], name: str, **typed: str) -> str:
    """What stands beside a field after these texts were sent, as a form and as a program says it."""
    schema = registered(function).document()["schema"]
    values, unread = from_form(describe(schema), {each: [text] for each, text in typed.items()})
    if name in unread:
        return unread[name]
    try:
        validate(schema, values)
    except Invalid as refused:
        return refused.fields.get(name, "")
    return ""


def as_program(function: Callable[..., Any], name: str, value: Any) -> str:
    try:
        validate(registered(function).document()["schema"], {name: value})
    except Invalid as refused:
        return refused.fields.get(name, "")
    return ""


RULES = [
    ("id uniq", "after the column one of these was expected: unique, not missing,"),
    ("id unique 3", "nothing was expected after unique"),
    ("id between 0", "two numbers or dates were expected, as in between 0 and 120."),
    ("id between 0 and 2024-01-01", "two numbers, or two dates, were expected."),
    ("id between + and 5", "a number such as 2.5 or a date such as 2024-01-31 was expected"),
    ("id > x", "a number such as 2.5 or a date such as 2024-01-31 was expected"),
    ("id > 2024-02-30", "a number such as 2.5 or a date such as 2024-01-31 was expected"),
    ("id length", "a number of characters was expected: length 3,"),
    ("id matches mail", "email, url, number, integer or date was expected after matches."),
    ("id in", "values with commas between them were expected, such as CA, NY."),
    ('id in "1', "values with commas between them were expected, such as CA, NY."),
    ("id =", "a value was expected at the end."),
    ('"id unique', "a quotation mark is never closed."),
    ("id date format %Q", "a letter after % is not known; there are %Y, %y,"),
    ("id date format %d", "a date needs a year, a month and a day, as in %d.%m.%Y."),
    ("id date format %H", "a time needs an hour and a minute, as in %H:%M,"),
    ("id regex (?=a)", "this regular expression is not understood."),
    ("id regex [", "this regular expression is not understood."),
    ("id regex", "a regular expression of at most 1,000 characters was expected."),
]
CONDITIONS = [
    ("age", "after the column one of these was expected: =, !=,"),
    ("age ~ 3", "after the column one of these was expected: =, !=,"),
    ("age >", "a value was expected at the end."),
    ("age not in", "values with commas between them were expected"),
    ("age between 3", "two values were expected, as in between 18 and 65."),
    ('name = "Bob', "a quotation mark is never closed"),
    ("age is missing now", "nothing was expected after is missing"),
]
COMPUTE = [
    ("sum amount", "a line such as sum(amount) as total was expected"),
    ("product(age)", "a line such as sum(amount) as total was expected"),
    ("sum()", "a line such as sum(amount) as total was expected"),
    ("count(*)", "write count alone for the number of rows."),
    ("sum(age) as *", "a name was expected after as."),
]
FILL = [("age", "after the column one of these"), ("age backward", "after the column one of these")]
PEOPLE = [("ann", "Enter an e-mail address"), ("Ann <a@b.org>", "Enter an e-mail address")]
HEADERS = [
    ("Accept json", "write Name: value."),
    ("Host: x.org", "this header is set by the program and cannot be given."),
    ("X-Name: Zoë", "the value holds a character that a header cannot have"),
]


@pytest.mark.parametrize(
    ("function", "name", "line", "sentence"),
    [
        (function, name, line, sentence)
        for function, name, lines in (
            (check_table, "rules", RULES),
            (transform_table, "rows", CONDITIONS),
            (transform_table, "compute", COMPUTE),
            (transform_table, "fill", FILL),
            (send_email, "to", PEOPLE),
            (send_email, "cc", PEOPLE),
            (http_request, "headers", HEADERS),
        )
        for line, sentence in lines
    ],
)
def test_a_form_and_a_program_name_the_line_that_is_wrong(
    function: Callable[..., Any], name: str, line: str, sentence: str
) -> None:
    assert said(function, name, **{name: f"\n\n{line}"}).startswith(f"Line 3: {sentence}")
    if name != "headers":
        assert as_program(function, name, [line]).startswith(f"Line 1: {sentence}")


def test_every_wrong_line_is_named_at_once() -> None:
    sentences = said(check_table, "rules", rules="id unique\n# a remark\nid uniq\n\nage > x\nstate in CA, NY")

    assert [part in sentences for part in ("Line 3: after", "Line 5: a number", "Line 1", "Line 6")] == [
        True, True, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", " \n ", "# none", "\n# one\n# two\n"])
def test_rules_are_needed(text: str) -> None:
    assert said(check_table, "rules", rules=text) == rules.LEAST
    assert as_program(check_table, "rules", text.split("\n")) == rules.LEAST
    assert as_program(check_table, "rules", []) == rules.LEAST


# What several parameters say together


@pytest.mark.parametrize("function", [clean_text, transform_text, analyse_text])
def test_a_text_or_a_file(function: Callable[..., Any]) -> None:
    assert said(function, "text", text="", source="") == "Type a text or choose a file."
    assert said(function, "text", text="a", source=FILE) == "Give the text or the file, not both."
    assert said(function, "text", text="a", source="") == ""
    assert said(function, "text", text="", source=FILE) == ""


def test_a_second_table_needs_columns_that_agree() -> None:
    assert said(transform_table, "join_on", source=FILE, join_with=FILE).startswith("Name a column")
    assert said(transform_table, "join_on", source=FILE, join_with=FILE, join_on="id") == ""
    assert said(transform_table, "join_on", source=FILE, join_with="") == ""


@pytest.mark.parametrize(
    ("typed", "name", "wrong"),
    [
        ({"body": "x"}, "body", True),
        ({"body": "x", "method": "POST"}, "body", False),
        ({"credentials": "token", "scheme": "basic"}, "credentials", True),
        ({"credentials": "ann:secret", "scheme": "basic"}, "credentials", False),
        ({"credentials": "token"}, "credentials", False),
        ({"credentials": "token", "headers": "A: b\nauthorization: x"}, "credentials", True),
        ({"headers": "Authorization: x"}, "credentials", False),
        ({"url": "ftp://x.org"}, "url", True),
        ({"url": "https://ann@x.org/"}, "url", True),
        ({"url": "https://x.org/a?b=@c"}, "url", False),
    ],
)
def test_a_request_that_no_server_would_be_sent(typed: dict[str, str], name: str, wrong: bool) -> None:
    whole = {"url": "https://x.org", "method": "GET", "scheme": "bearer", "expected_status": "200", **typed}

    sentence = said(http_request, name, **whole)

    assert bool(sentence) is wrong
    assert "token" not in sentence


def test_files_to_compress_are_needed() -> None:
    assert said(compress_files, "source", source="") == "Please choose a file."


STATUS = st.integers(100, 599).map(str)
RANGE = st.tuples(STATUS, st.sampled_from(["-", " - ", "- "]), STATUS).map("".join)


@given(st.lists(STATUS | RANGE, min_size=1, max_size=4), st.sampled_from([",", ", "]))
def test_ranges_of_statuses_are_judged_as_they_are_read(parts: list[str], comma: str) -> None:
    text = comma.join(parts)

    assert bool(said(http_request, "expected_status", expected_status=text)) is not reads(statuses, text)


@pytest.mark.parametrize(
    ("subject", "wrong"), [("News", False), ("a =?x?= b", True), ("=? alone", False), (" \t ", True)]
)
def test_a_subject_that_can_be_written(subject: str, wrong: bool) -> None:
    assert bool(said(send_email, "subject", subject=subject)) is wrong


# A form refuses nothing that some table makes right

WORDS = [
    *["a", "b.c", "=", "!=", "<", "<=", ">", ">=", ",", "(", ")", '"', "5", "2.5", "x"],
    *(
        "is",
        "not",
        "missing",
        "in",
        "between",
        "and",
        "unique",
        "matches",
        "email",
        "length",
        "at least",
        "to",
    ),
    *("regex", "[a-z]+", "[", "date format", "%Y-%m-%d", "%H:%M", "2024-01-31", "contains", "starts with"),
    *("forward", "mean", "sum(", "count", "as", "#", "*", '"a, b"', "does not contain", "first name"),
]
LINES = st.lists(st.sampled_from(WORDS), min_size=1, max_size=7).flatmap(
    lambda words: st.lists(
        st.sampled_from(["", " ", " ", "  "]), min_size=len(words), max_size=len(words)
    ).map(lambda gaps: "".join(word + gap for word, gap in zip(words, gaps, strict=True)))
)
DTYPES = [pl.String(), pl.Float64(), pl.Int64(), pl.Date(), pl.Datetime("us"), pl.Boolean()]


def columns(line: str) -> Iterator[list[str]]:
    """Every name that the line may begin with, and those within it."""
    inner = ["a", "b.c", "first name", "a, b", "x", "B"]
    for end in range(1, len(line) + 1):
        name = line[:end].strip()
        if name and tidy_names([name], snake_case=False) == [name]:
            yield list(dict.fromkeys([name, *inner]))
    yield inner


def reads(read: Callable[..., object], *given: object) -> bool:
    try:
        read(*given)
    except Fail:
        return False
    return True


def refused(grammar: Lines, line: str) -> bool:
    return bool(problems(grammar.document, [(1, line)], fits))


@settings(max_examples=examples(400), deadline=None)
@given(LINES)
@example('"first, name" unique')
@example("first name, b.c unique")
@example('a in " x", ""')
@example('a = ""')
@example("a regex b regex [")
def test_rules_that_some_table_keeps_are_not_refused(line: str) -> None:
    if refused(rules.GRAMMAR, line):
        for names in columns(line):
            assert not reads(rules.Rules(names, "point").read, [line])


@settings(max_examples=examples(300), deadline=None)
@given(LINES)
@example('a = "is missing" ')
@example('a between "1 and 2" and 3')
@example("a = > 5")
def test_conditions_that_some_table_meets_are_not_refused(line: str) -> None:
    if refused(conditions.GRAMMAR, line):
        for names in columns(line):
            for dtype in DTYPES:
                assert not reads(conditions.Conditions(dict.fromkeys(names, dtype), {}).met, [line], "all")


@settings(max_examples=examples(200), deadline=None)
@given(LINES)
def test_what_some_table_can_compute_or_fill_is_not_refused(line: str) -> None:
    for names in columns(line):
        frame = pl.LazyFrame(schema=dict.fromkeys(names, pl.Float64()))
        texts = pl.LazyFrame(schema=dict.fromkeys(names, pl.String()))
        if refused(grouping.GRAMMAR, line):
            assert not reads(grouping.aggregate, frame, [], [line])
        if refused(filling.GRAMMAR, line):
            assert not reads(filling.fill_missing, frame, [line])
            assert not reads(filling.fill_missing, texts, [line])


@given(st.text("AXHost-: \ttransferncodig\x7fé,", max_size=30))
def test_headers_that_can_be_sent_are_not_refused(line: str) -> None:
    if refused(headers.GRAMMAR, line):
        assert not reads(headers.parse, line)


@given(
    st.lists(
        st.sampled_from(["%", "Y", "y", "m", "b", "B", "d", "H", "I", "M", "S", "p", "Q", ".", "%", "%"]),
        max_size=9,
    ).map("".join)
)
def test_a_date_format_is_judged_alike(form: str) -> None:
    assert all(fits(schema, form) for schema, _ in FORM) is (format_problem(form) is None)
