"""Regular expressions in *Transform a text*: what they find, what they replace, and what takes too long."""

from __future__ import annotations

import time
from typing import Any

import pytest

from dtq import Fail
from dtq_library.text import patterns
from dtq_library.text.tasks import transform_text
from workers.testing import run

TEXT = "id 12\nID 7 and 8\nnothing\n2024-03-01\n"


def transformed(text: str = TEXT, **params: Any) -> dict[str, Any]:
    return dict(run(transform_text, text=text, patterns=True, **params).result)


@pytest.mark.parametrize(
    ("params", "lines"),
    [
        ({"keep_lines": r"^\d"}, ["2024-03-01"]),
        ({"keep_lines": r"^id", "ignore_case": True}, ["id 12", "ID 7 and 8"]),
        ({"drop_lines": r"\d$"}, ["nothing"]),
        ({"keep_lines": r"(?<=id )\d+(?! and)", "ignore_case": True}, ["id 12"]),
        (
            {"find": r"(\d{4})-(\d\d)-(\d\d)", "replace_with": r"\3.\2.\1"},
            [*TEXT.splitlines()[:3], "01.03.2024"],
        ),
        (
            {"find": r"(?P<n>\d+)", "replace_with": r"<\g<n>>"},
            ["id <12>", "ID <7> and <8>", "nothing", "<2024>-<03>-<01>"],
        ),
        ({"find": r"(\w)\1", "replace_with": "_"}, TEXT.splitlines()),
        ({"find": "$", "replace_with": ";"}, [f"{line};" for line in TEXT.splitlines()]),
        ({"find": r"\bx\b|nothing", "replace_with": r"a\\b"}, ["id 12", "ID 7 and 8", r"a\b", "2024-03-01"]),
    ],
)
def test_what_a_pattern_finds(params: dict[str, Any], lines: list[str]) -> None:
    assert transformed(**params)["text"].splitlines() == lines


def test_matches_are_counted() -> None:
    assert transformed(find=r"\d+", replace_with="n")["replaced"] == 6


def test_a_text_is_no_pattern_unless_that_is_chosen() -> None:
    result = run(transform_text, text="a.c\nabc\n", find="a.c", replace_with=r"\1").result

    assert result["text"] == "\\1\nabc\n"


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"keep_lines": "(a"}, "Keep lines that contain: this is not a regular expression: missing )"),
        ({"drop_lines": "*"}, "Drop lines that contain: this is not a regular expression: nothing to repeat"),
        ({"find": "[a"}, "Find: this is not a regular expression: "),
        ({"find": "a", "replace_with": r"\1"}, "Replace with: "),
        ({"find": "a", "replace_with": r"\g<n>"}, "Replace with: "),
    ],
)
def test_what_is_wrong_with_a_pattern(params: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Fail) as failed:
        transformed(**params)
    assert str(failed.value).startswith(sentence)


@pytest.mark.parametrize("name", ["keep_lines", "drop_lines", "find"])
def test_a_pattern_that_never_ends_is_stopped_and_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "LINE_S", 0.2)
    began = time.monotonic()
    with pytest.raises(Fail, match="takes more than 0.2 s on line 2"):
        transformed("x\n" + "a" * 60 + "b\n", **{name: r"^(a|a|aa)+$"})
    assert time.monotonic() - began < 20
