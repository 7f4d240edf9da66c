"""The filter that owns the query string: read, refused with a sentence, and made a link again."""

from __future__ import annotations

from typing import Any

import pytest
from bson import ObjectId

from app.core.errors import BadQuery, BadSearch
from app.core.listing.filter import ORDERINGS, TaskFilter

NOBODY = ObjectId("0123456789abcdef01234567")  # the same in each process that collects these tests


class TestParse:
    def test_nothing_is_the_newest_first(self):
        assert TaskFilter.parse({}) == TaskFilter(sort="created", order="desc", per_page=25)

    def test_every_filter_is_read(self):
        cursor = f"1700000000000-{ObjectId()}"
        given: dict[str, Any] = {
            "status": "failed",
            "priority": "high",
            "type": "clean_table",
            "tag": "monthly",
            "q": "orders",
            "sort": "finished",
            "order": "asc",
            "per_page": "100",
            "after": cursor,
        }
        assert TaskFilter.parse({name: [text] for name, text in given.items()}) == TaskFilter(
            **{**given, "per_page": 100}
        )

    @pytest.mark.parametrize("order", sorted(ORDERINGS))
    def test_one_choice_says_both_the_order_and_of_what(self, order):
        found = TaskFilter.parse({"order": [order]})
        assert (found.sort, found.order) == tuple(order.split("-"))
        assert found.ordering == order

    def test_what_has_not_ended_has_no_order_of_its_end(self):
        ended = TaskFilter(status="failed", sort="finished", q="x", after="1")
        assert ended.tab("canceled") == {"status": "canceled", "sort": "finished", "q": "x"}
        assert ended.tab("queued") == {"status": "queued", "q": "x"}
        assert [TaskFilter(status=status).can_end for status in ("", "failed", "running")] == [1, 1, 0]

    def test_what_is_empty_or_blank_is_not_given(self):
        assert TaskFilter.parse({"status": [""], "q": ["  "], "per_page": [""]}) == TaskFilter()

    def test_a_tag_is_looked_for_as_it_is_kept(self):
        assert TaskFilter.parse({"tag": [" Q3\tInvoice "]}) == TaskFilter(tag="q3 invoice")

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("color", "red"),
            ("sort", "params.password"),
            ("sort", "$where"),
            ("order", "down"),
            ("order", "finished-down"),
            ("per_page", "1000000"),
            ("per_page", "-1"),
            ("per_page", "25.0"),
            ("status", "pending"),
            ("status", "FAILED"),
            ("priority", "0"),
            ("last", "yes"),
            ("q", "x" * 201),
            ("tag", "x" * 201),
            ("after", "1"),
            ("after", f"-1-{NOBODY}"),
            ("after", f"1-{NOBODY}0"),
            ("after", f"99999999999999999-{NOBODY}"),
            ("after", f"١٢٣-{NOBODY}"),
            ("before", "x" * 50),
        ],
    )
    def test_what_no_page_links_to_is_said(self, name, text):
        with pytest.raises(BadQuery):
            TaskFilter.parse({name: [text]})

    def test_a_filter_that_is_given_twice_is_said(self):
        with pytest.raises(BadQuery, match="may be given once"):
            TaskFilter.parse({"priority": ["high", "low"]})

    def test_several_statuses_are_one_filter(self):
        wanted = TaskFilter(status="failed,canceled")
        assert TaskFilter.parse({"status": ["canceled", "failed"]}) == wanted
        assert TaskFilter.parse({"status": ["canceled,failed,"]}) == wanted
        assert wanted.args() == {"status": "failed,canceled"} and wanted.can_end
        assert TaskFilter(status="queued,failed").can_end and not TaskFilter(status="queued,running").can_end
        with pytest.raises(BadQuery, match="“pending” isn't a valid status"):
            TaskFilter.parse({"status": ["failed,pending"]})

    def test_times_ask_for_the_sort_that_has_their_index(self):
        assert TaskFilter.parse({"finished_from": ["2026-11-01"]}).sort == "finished"
        assert TaskFilter.parse({"finished_from": ["2026-11-01"], "ended": ["1h"]}).ended == ""
        assert TaskFilter.parse({"created_from": ["2026-11-01"]}).sort_field == "created_at"
        later = TaskFilter.parse({"created_from": ["2026-11-01"], "sort": ["finished"]})
        assert (later.sort_field, later.ranked) == ("created_at", True)

    @pytest.mark.parametrize("time", ["ended", "finished_from", "finished_before"])
    def test_two_kinds_of_times_are_said(self, time):
        value = "1h" if time == "ended" else "2026-11-02T10:30"
        with pytest.raises(BadSearch, match="not by both"):
            TaskFilter.parse({"created_before": ["2026-11-01"], time: [value]})

    @pytest.mark.parametrize(
        "text", ["yesterday", "2026-02-30", "2026-11-1", "0001-01-01", "2026-11-01T25:00"]
    )
    def test_what_is_no_time_is_said(self, text):
        with pytest.raises(BadSearch, match="isn't a date"):
            TaskFilter.parse({"created_from": [text]})

    def test_two_orders_are_said(self):
        with pytest.raises(BadQuery, match="“sort” or “order=finished-asc”"):
            TaskFilter.parse({"sort": ["created"], "order": ["finished-asc"]})

    def test_a_page_has_one_place_only(self):
        cursor = f"1700000000000-{ObjectId()}"
        with pytest.raises(BadQuery):
            TaskFilter.parse({"after": [cursor], "before": [cursor]})

    @pytest.mark.parametrize("name", ["sort", "status", "color"])
    def test_the_message_names_what_there_is_and_is_short(self, name):
        with pytest.raises(BadQuery, match="There are: |Use one of: ") as caught:
            TaskFilter.parse({name: ["x" * 5_000]})
        assert len(str(caught.value)) < 500

    def test_a_link_leads_back_to_the_same_filter(self):
        wanted = TaskFilter(status="failed", q="a b&c", per_page=50, order="asc")
        links = {name: [str(value)] for name, value in wanted.args().items()}
        assert TaskFilter.parse(links) == wanted
        assert TaskFilter().args() == {}

    def test_any_other_filter_begins_at_the_first_page(self):
        wanted = TaskFilter(after=f"1-{ObjectId()}", status="failed")
        assert wanted.args(priority="high") == {"status": "failed", "priority": "high"}
        assert wanted.args(last="1") == {"status": "failed", "last": "1"}

    def test_what_is_on_is_shown(self):
        assert TaskFilter(status="failed", q="x", sort="finished").narrowing == {"status": "failed", "q": "x"}
