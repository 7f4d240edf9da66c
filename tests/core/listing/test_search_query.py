"""What is typed into the search box: words, and the same filters that an address has."""

from __future__ import annotations

import pytest

from app.core.errors import BadSearch
from app.core.listing.filter import TaskFilter
from app.core.listing.search_query import QUALIFIERS, read


def typed(text: str, **given: str) -> TaskFilter:
    return TaskFilter.parse({"q": [text], **{name: [value] for name, value in given.items()}})


def test_qualifiers_are_the_filters_of_an_address():
    text = "status:failed type:clean_table owner:ann worker:vm-1 tag:Q3 priority:HIGH error:timeout orders"
    assert typed(text) == TaskFilter(
        status="failed", type="clean_table", owner="ann", worker="vm-1", tag="q3", priority="high",
        error_words="timeout", q="orders",
    )  # fmt: skip
    assert typed("after:2026-11-01 before:2026-11-03T12:00") == TaskFilter(
        created_from="2026-11-01", created_before="2026-11-03T12:00"
    )
    assert typed("finished_after:2026-11-01") == TaskFilter(finished_from="2026-11-01", sort="finished")


def test_every_qualifier_names_a_filter():
    assert set(QUALIFIERS.values()) <= set(TaskFilter.__dataclass_fields__)


def test_statuses_by_the_words_of_the_pages_and_several():
    assert typed("status:Waiting status:failed,canceled").status == "queued,failed,canceled"


def test_what_is_typed_wins_over_what_the_list_had():
    assert typed("status:failed", status="queued", tag="x") == TaskFilter(status="failed", tag="x")


def test_quotes_hold_a_value_together_and_make_words_of_a_colon():
    assert typed('tag:"two words" error:"no column"') == TaskFilter(tag="two words", error_words="no column")
    found = typed('"note:7" tag:x')
    assert found.q == '"note:7"'
    assert TaskFilter.parse({name: [str(value)] for name, value in found.args().items()}) == found


@pytest.mark.parametrize(
    "text", ["10:30", "C:\\data", "http://host/tasks", "Error: no disk", "a:b", ":", '"', "status:"]
)
def test_a_colon_in_a_text_is_no_filter(text):
    assert read(text).words == text.strip() and not read(text).filters


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("color:red", "There is no filter “color”. Use status, priority"),
        ("status:pending", "“pending” isn't a valid status"),
        ("priority:urgent", "“urgent” isn't a valid priority"),
        ("after:yesterday", "“yesterday” isn't a date"),
        ("tag:x tag:y", "Use “tag:” once"),
        ("error:!", "Type a word of at least 2 letters"),
        ("x" * 201, "Use 200 characters or fewer"),
    ],
)
def test_what_cannot_be_used_is_said(text, said):
    with pytest.raises(BadSearch, match=said):
        typed(text)
