"""*Check a table*: each rule by itself, the report and its rows, and what is said about a wrong line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
import xlsxwriter

from dtq import Fail
from dtq._types.task_type import registered
from dtq_library.tables import repeats, stage
from dtq_library.tables.check.task import check_table
from dtq_library.tables.io import delimited
from tests.library.running import Runner
from workers.testing import Ran, Upload, run

Check = Callable[..., Ran]


@pytest.fixture
def check() -> Check:
    """Check a table against rules."""

    def go(content: str | bytes, *rules: str, name: str = "table.csv", **params: Any) -> Ran:
        data = content.encode() if isinstance(content, str) else content
        return run(check_table, source=Upload(name, data), rules=list(rules), **params)

    return go


def lines(ran: Ran) -> list[list[str]]:
    return list(csv.reader(io.StringIO(next(iter(ran.files.values())).decode())))


def broken(ran: Ran) -> list[str]:
    """The values in the report."""
    return [line[2] for line in lines(ran)[1:]]


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        ("a not missing", ["x", "0"], ["", "NA", "  "]),
        ("a is not missing", ["x"], [""]),
        ("a matches email", ["a@x.org", "a.b+c@x-y.co.uk"], ["a@x", "a@", "@x.org", "a b@x.org", "a@x..org"]),
        (
            "a matches url",
            ["https://x.org", "HTTP://x.org/a?b#c"],
            ["x.org", "ftp://x.org", "https://", "http:// x"],
        ),
        (
            "a matches number",
            ["1", "-2.5", ".5", "1e-3", "1,234.5", "1."],
            ["x", "1.2.3", "1,23", "--1", "."],
        ),
        ("a matches integer", ["1", "-20", "1,234"], ["1.0", "x", "12,34"]),
        (
            "a matches date",
            ["2024-02-29", "2024-01-31 10:00"],
            ["2023-02-29", "31.1.2024", "2024-1-31", "2024-01-311"],
        ),
        ("a between 0 and 120", ["0", "120", "1e2", "7.5"], ["-0.1", "121", "old"]),
        ("a between 2024-01-01 and 2024-12-31", ["2024-01-01", "2024-12-31T23:59"], ["2025-01-01", "5"]),
        ("a >= 18", ["18", "1,800"], ["17.99", "x"]),
        ("a < 2024-06-01", ["2024-05-31"], ["2024-06-01", "soon"]),
        ("a = 5", ["5", "5.0"], ["6", "x"]),
        ("a = yes", ["yes"], ["no", "Yes"]),
        ("a != 5", ["6"], ["5.0"]),
        ("a = -", ["-"], ["x", "5"]),
        ("a != +", ["x", "-"], ["+"]),
        ("a in CA, NY", ["CA", "NY"], ["ca", "C", "CA NY"]),
        ('a in "A, B", C', ["A, B", "C"], ["A", "B"]),
        ("a not in CA, NY", ["ca"], ["CA"]),
        ("a length 3", ["abc", "äöü"], ["ab", "abcd"]),
        ("a length 1 to 2", ["a", "ab"], ["abc"]),
        ("a length at least 2", ["ab"], ["a"]),
        ("a length at most 2", ["ab"], ["abc"]),
        (
            "a date format %Y-%m-%d",
            ["2024-02-29"],
            ["2024-2-29", "2024-02-30", "29.02.2024", "2024-02-29 10:00"],
        ),
        ("a date format %d.%m.%Y", ["01.02.2024"], ["1.2.2024", "31.04.2024"]),
        ("a date format %d %b %Y", ["01 Feb 2024"], ["01 Feb. 2024", "01 02 2024"]),
        ("a date format %Y-%m-%d %H:%M", ["2024-02-29 09:30"], ["2024-02-29 24:00", "2024-02-29"]),
        ("a date format %H:%M", ["09:30"], ["9:30", "25:00"]),
        ("a date format %I:%M %p", ["09:30 PM"], ["21:30 PM", "09:30"]),
        ("a regex ^[A-Z]+$", ["ABC"], ["ABc", "A1"]),
        ("a regex [0-9]", ["a1b"], ["ab"]),
    ],
)
def test_a_rule_is_kept_or_broken(check: Check, rule: str, good: list[str], bad: list[str]) -> None:
    cells = io.StringIO()
    csv.writer(cells).writerows([["a", "b"], *([cell, "x"] for cell in [*good, *bad])])
    ran = check(cells.getvalue(), rule, delimiter="comma")

    assert broken(ran) == bad
    assert ran.result["rules"][0]["broken"] == len(bad)


def test_missing_cells_break_no_rule_but_one(check: Check) -> None:
    ran = check(
        "a,b\n,1\nNA,1\n", "a matches email", "a unique", "a in x", "a length 3", "a > 5", "a not missing"
    )

    assert [(rule["checked"], rule["broken"]) for rule in ran.result["rules"]] == [(0, 0)] * 5 + [(2, 2)]


def test_each_row_after_the_first_breaks_unique(check: Check) -> None:
    ran = check("a,b\nx,1\ny,1\nx,2\nx,3\n", "a unique", "a, b unique")

    assert lines(ran)[1:] == [["4", "a", "x", "a unique"], ["5", "a", "x", "a unique"]]
    assert [rule["broken"] for rule in ran.result["rules"]] == [2, 0]


def test_columns_that_are_unique_together(check: Check) -> None:
    ran = check("a,b\nx,1\nx,\nx,1\nx,\n", "a, b unique")

    assert lines(ran)[1:] == [["4", "a, b", "x, 1", "a, b unique"]]
    assert ran.result["rules"][0]["checked"] == 2


def test_the_report_and_the_figures(check: Check) -> None:
    ran = check("id,age\n1,30\n1,300\n3,old\n", "id unique", "age between 0 and 120", "id not missing")

    assert list(ran.files) == ["table-broken.csv"]
    assert lines(ran) == [
        ["row", "column", "value", "rule"],
        ["3", "id", "1", "id unique"],
        ["3", "age", "300", "age between 0 and 120"],
        ["4", "age", "old", "age between 0 and 120"],
    ]
    assert (ran.result["rows"], ran.result["rows_broken"], ran.result["listed"]) == (3, 2, 3)
    assert ran.result["rules"] == [
        {"rule": "id unique", "checked": 3, "broken": 1, "first_row": 3, "value": "1"},
        {"rule": "age between 0 and 120", "checked": 3, "broken": 2, "first_row": 3, "value": "300"},
        {"rule": "id not missing", "checked": 3, "broken": 0, "first_row": None, "value": None},
    ]


def test_rows_are_those_of_the_file_whatever_was_skipped(check: Check) -> None:
    content = "\na\n1\n1,2\n\n1,2,3\nx\n4\ny\n"  # in lines 4 and 6 there is too much; line 5 is blank
    ran = check(content, "a matches number", broken_rows="skip")

    assert [line[0] for line in lines(ran)[1:]] == ["7", "9"]


def test_rows_of_sheets_and_records(check: Check) -> None:
    made = io.BytesIO()
    with xlsxwriter.Workbook(made, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(2, 0, ["a", "b"])
        sheet.write_row(3, 0, [1, 2])
        sheet.write_row(4, 0, ["x", 2])

    assert lines(check(made.getvalue(), "a matches number", name="t.xlsx"))[1][0] == "5"
    assert lines(check(json.dumps([{"a": "1"}, {"a": "x"}]), "a matches number", name="t.json"))[1][0] == "2"


def test_the_value_in_the_report_is_the_one_of_the_source(check: Check) -> None:
    assert broken(check("a,b\n  x ,1\n", "a in y")) == ["  x "]


def test_spaces_around_cells_count_when_asked_to(check: Check) -> None:
    assert broken(check("a,b\nx ,1\n", "a in x")) == []
    assert broken(check("a,b\nx ,1\n", "a in x", spaces="keep")) == ["x "]


def test_numbers_may_have_a_comma(check: Check) -> None:
    assert broken(check("a;b\n1.234,5;1\n1,234.5;1\n", "a >= 1000", numbers="comma")) == ["1,234.5"]


def test_the_report_has_a_limit_and_says_so(check: Check) -> None:
    ran = check("a\n" + "x\n" * 5, "a in y", most=2)

    assert len(broken(ran)) == ran.result["listed"] == 2
    assert ran.result["rules"][0]["broken"] == 5
    assert ran.result["notes"] == ["The report holds the first 2 of 5 lines."]


def test_the_task_can_fail_with_a_sentence(check: Check) -> None:
    with pytest.raises(Fail) as failed:
        check("a,b\nx,1\nx,y\n", "a unique", "b matches number", "a in x", when_broken="fail")

    assert str(failed.value) == (
        "1 rows break 2 of 3 rules: b matches number (1); a unique (1). The report lists them."
    )
    assert check("a\nx\n", "a in x", when_broken="fail").result["rows_broken"] == 0


def test_a_table_in_parts_has_the_same_report(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    content = "a,b\n" + "".join(f"{at * 7 % 40},{at % 3 or ''}\n" for at in range(100))
    rules = ["a unique", "a < 30", "b not missing", "a, b unique"]
    whole = check(content, *rules)
    monkeypatch.setattr(delimited, "_CHUNK_CELLS", 10)
    monkeypatch.setattr(repeats, "_PART_ROWS", 7)
    monkeypatch.setattr(stage, "MEMORY_BYTES", 0)
    parts = check(content, *rules)

    assert lines(parts) == lines(whole)
    assert parts.result["rules"] == whole.result["rules"]
    assert whole.result["rules"][0]["broken"] == 60


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ("ids unique", "There is no column named ids. Did you mean id? The columns are: id, name."),
        ("id uniq", "after the column one of these was expected: unique, not missing,"),
        ("id", "after the column one of these was expected: unique, not missing,"),
        ("id unique 3", "nothing was expected after unique, but there is 3."),
        ("id, name length 3", "only unique is about several columns."),
        ("id between 0", "two numbers or dates were expected, as in between 0 and 120."),
        ("id between 0 and 2024-01-01", "two numbers, or two dates, were expected."),
        ("id between + and 5", "a number such as 2.5 or a date such as 2024-01-31 was expected, not +."),
        ("id > x", "a number such as 2.5 or a date such as 2024-01-31 was expected, not x."),
        ("id length", "a number of characters was expected: length 3,"),
        ("id matches mail", "email, url, number, integer or date was expected after matches."),
        ("id in", "values with commas between them were expected, such as CA, NY."),
        ("id in 1,,2", "values with commas between them were expected, such as CA, NY."),
        ('id in "1', "the quotation marks are not in order."),
        ("id date format %Q", "%Q is not known; there are %Y, %y,"),
        ("id date format %d", "a date needs a year, a month and a day, as in %d.%m.%Y."),
        ("id date format %H", "a time needs an hour and a minute, as in %H:%M,"),
        ("id regex (?=a)", "this regular expression is not understood (look-around, "),
        ("id regex", "a regular expression of at most 1,000 characters was expected."),
    ],
)
def test_what_is_wrong_is_named(unchecked: Runner, rule: str, sentence: str) -> None:
    source = unchecked.file("id,name\n1,x\n", "table.csv")

    said = unchecked.refusal(check_table, source=source, rules=[rule])

    assert said.startswith(f"Rules, line 1 ({rule}): {sentence}")


def test_one_rule_at_least_is_needed(unchecked: Runner) -> None:
    source = unchecked.file("a\n1\n", "table.csv")

    said = unchecked.refusal(check_table, source=source, rules=["# none"])

    assert said == "Rules: add at least one rule, for example: id unique."


def test_a_regular_expression_takes_no_more_than_linear_time(check: Check) -> None:
    ran = check("a\n" + "a" * 100_000 + "!\n", "a regex ^(a+)+$")

    assert ran.result["rules"][0]["broken"] == 1


def test_the_help_defines_every_figure(check: Check) -> None:
    told = registered(check_table).document()["help"]

    assert [figure for figure in check("a\n1\n", "a unique").result if f"`{figure}`" not in told] == []
