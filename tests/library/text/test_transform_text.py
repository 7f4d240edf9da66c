"""*Transform a text*, against the system's own tools."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any

import pytest

from dtq_library.text import transform
from dtq_library.text.tasks import transform_text
from tests.library.running import Runner
from workers.attempt.attempt import WasCanceled

Tool = Callable[[list[str], str], str]
TEXT = "pear\nApple\n\napple pie\nbanana\npear\nApple\n.x*[a-z]\nZebra\n"


def changed(alice: Runner, text: str = TEXT, **params: Any) -> str:
    return str(alice.result(transform_text, text=text, **params)["text"])


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"sort": "ascending"}, ["sort"]),
        ({"sort": "descending"}, ["sort", "-r"]),
        ({"sort": "reverse"}, ["tac"]),
        ({"sort": "ascending", "unique": True}, ["sort", "-u"]),
        ({"unique": True}, ["awk", "!seen[$0]++"]),
        ({"keep_lines": "pp"}, ["grep", "-F", "pp"]),
        ({"keep_lines": "PP", "ignore_case": True}, ["grep", "-iF", "PP"]),
        ({"drop_lines": ".x*"}, ["grep", "-vF", ".x*"]),
        ({"find": "p", "replace_with": "&\\1"}, ["sed", "s/p/\\&\\\\1/g"]),
        ({"find": ".x*[", "replace_with": ""}, ["sed", "s/\\.x\\*\\[//g"]),
        ({"find": "A", "replace_with": "o", "ignore_case": True}, ["sed", "s/a/o/gI"]),
        ({"case": "upper"}, ["tr", "a-z", "A-Z"]),
        ({"case": "lower"}, ["tr", "A-Z", "a-z"]),
        ({"prefix": "> ", "suffix": " <"}, ["sed", "s/.*/> & </"]),
        ({"number_lines": True}, ["awk", '{print NR ". " $0}']),
        ({"line_ends": "crlf"}, ["sed", "s/$/\\r/"]),
    ],
    ids=str,
)
def test_each_step_is_that_of_a_tool(
    alice: Runner, tool: Tool, params: dict[str, Any], words: list[str]
) -> None:
    assert changed(alice, **params) == tool(words, TEXT)


def test_steps_come_in_the_order_of_the_form(alice: Runner, tool: Tool) -> None:
    result = alice.result(
        transform_text,
        text=TEXT,
        keep_lines="a",
        drop_lines="pie",
        find="pear",
        replace_with="plum",
        case="upper",
        unique=True,
        sort="descending",
        prefix="- ",
        number_lines=True,
    )
    first = "grep -F a | grep -vF pie | sed s/pear/plum/g | tr a-z A-Z | sort -ur"
    script = first + " | sed 's/^/- /' | awk '{print NR \". \" $0}'"
    names = ("lines_in", "lines_out", "filtered", "replaced", "duplicates")

    assert result["text"] == tool(["sh", "-c", script], TEXT)
    assert [result[name] for name in names] == [9, 4, 4, 2, 1]


def test_lines_are_wrapped_at_spaces(alice: Runner) -> None:
    text = "The quick brown fox jumps over the lazy dog.\n\n" + "x" * 30 + " end\n"
    expected = "".join(
        "\n".join(textwrap.wrap(line, 20, break_long_words=False) or [""]) + "\n"
        for line in text.splitlines()
    )

    assert changed(alice, text, wrap_at=20) == expected
    assert "x" * 30 in expected


def test_what_needs_no_wrapping_stays_as_it_is(alice: Runner) -> None:
    assert changed(alice, " a\tb  \n \n", wrap_at=10) == " a\tb  \n \n"
    assert changed(alice, "one\ttwo three\n", wrap_at=10) == "one\ttwo\nthree\n"


def test_title_case_leaves_apostrophes_alone(alice: Runner) -> None:
    assert changed(alice, "don't STOP o'neill 3rd ünder", case="title") == "Don't Stop O'neill 3Rd Ünder\n"


def test_upper_and_lower_case_are_the_same_where_asked(alice: Runner) -> None:
    text = "b\nA\na\nB\nStraße\nSTRASSE\n"

    assert changed(alice, text, unique=True, ignore_case=True) == "b\nA\nStraße\n"
    assert changed(alice, text, sort="ascending", ignore_case=True) == "A\na\nb\nB\nStraße\nSTRASSE\n"


def test_ends_of_lines_are_those_of_the_first(alice: Runner) -> None:
    assert changed(alice, "b\r\na\n", sort="ascending") == "a\r\nb\r\n"
    assert changed(alice, "a") == "a\n"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "windows-1252", "iso-8859-15", "gb18030"])
def test_the_result_is_written_in_another_encoding(alice: Runner, encoding: str) -> None:
    result = alice.result(transform_text, text="Größe 5 €\n", output_encoding=encoding)

    assert alice.content(result["file"]).decode(encoding) == "Größe 5 €\n"
    assert (result["text"], result["file"]["name"]) == (None, "text-changed.txt")


def test_a_character_that_an_encoding_lacks_is_named_or_becomes_a_question_mark(alice: Runner) -> None:
    params = {"text": "fine\nGröße 漢\n", "output_encoding": "windows-1252"}

    assert "Line 2 holds “漢” (U+6F22)" in alice.refusal(transform_text, **params)
    result = alice.result(transform_text, **params, lossy=True)
    assert alice.content(result["file"]) == "fine\nGröße ?\n".encode("cp1252")


def test_what_is_too_large_to_sort_is_said(alice: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transform, "SORT_MAX_CHARS", 20)

    assert "the most that can be sorted" in alice.refusal(transform_text, text=TEXT, sort="ascending")
    assert changed(alice, unique=True)


def test_a_cancellation_is_seen(alice: Runner) -> None:
    alice.canceled = lambda: True

    assert isinstance(alice.outcome(transform_text, text=TEXT), WasCanceled)
