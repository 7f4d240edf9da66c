"""Lists: the filter that owns the query string, search, counts, and pages that follow each other."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from bson import ObjectId

from app.core import listing
from app.core.errors import BadQuery
from app.core.listing import PAGE_SIZES, Count, TaskFilter
from app.core.states import Status
from tests.core.pages import fill, forwards, in_order, start_to_end_and_back

NOBODY = ObjectId("0123456789abcdef01234567")  # the same in each process that collects these tests
ORDERS = [*itertools.product(("created", "finished"), ("asc", "desc"))]


@pytest.fixture
def lists(services):
    return services.listing


def titles(lists, **given) -> list[str]:
    return [task.title for task in lists.page(TaskFilter(**given)).tasks]


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

    def test_what_is_empty_or_blank_is_not_given(self):
        assert TaskFilter.parse({"status": [""], "q": ["  "], "per_page": [""]}) == TaskFilter()

    def test_a_tag_is_looked_for_as_it_is_kept(self):
        assert TaskFilter.parse({"tag": [" Q3\tInvoice "]}) == TaskFilter(tag="q3 invoice")

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("colour", "red"),
            ("sort", "params.password"),
            ("sort", "$where"),
            ("order", "down"),
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
            TaskFilter.parse({"status": ["failed", "queued"]})

    def test_a_page_has_one_place_only(self):
        cursor = f"1700000000000-{ObjectId()}"
        with pytest.raises(BadQuery):
            TaskFilter.parse({"after": [cursor], "before": [cursor]})

    @pytest.mark.parametrize("name", ["sort", "status", "colour"])
    def test_the_message_names_what_there_is_and_is_short(self, name):
        with pytest.raises(BadQuery, match="There are: ") as caught:
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


class TestFilters:
    @pytest.mark.parametrize("status", Status)
    def test_by_status(self, status, lists, task_in):
        for each in Status:
            task_in(each, title=each.value)
        assert titles(lists, status=status.value) == [status.value]

    def test_by_priority_type_and_tag(self, lists, new_task):
        new_task(title="one", priority="high", type="a", tags=("x", "y"))
        new_task(title="two", priority="low", type="a", tags=("y",))
        new_task(title="three", priority="high", type="b")
        assert titles(lists, priority="high") == ["three", "one"]
        assert titles(lists, type="a") == ["two", "one"]
        assert titles(lists, tag="y") == ["two", "one"]
        assert titles(lists, priority="high", type="a", tag="y") == ["one"]

    def test_what_nobody_has_is_an_empty_page(self, lists, new_task):
        new_task()
        page = lists.page(TaskFilter(tag="nope"))
        assert (page.tasks, page.next, page.previous) == ([], "", "")

    def test_by_the_time_it_ended_shows_only_what_has_ended(self, lists, task_in, clock):
        for status in (Status.FAILED, Status.QUEUED, Status.SUCCEEDED):
            clock.advance(seconds=1)
            task_in(status, title=status.value)
        assert titles(lists, sort="finished") == ["succeeded", "failed"]
        assert titles(lists, sort="finished", order="asc") == ["failed", "succeeded"]
        assert titles(lists, sort="finished", status="queued") == []


class TestSearch:
    @pytest.fixture(autouse=True)
    def some(self, new_task):
        new_task(title="Quarterly report", tags=("finance",))
        new_task(title="Monthly report", type="clean_table")
        new_task(title="Repair the index")

    @pytest.mark.parametrize(
        ("q", "found"),
        [
            ("report", ["Monthly report", "Quarterly report"]),
            ("REP", ["Repair the index", "Monthly report", "Quarterly report"]),
            ("mon rep", ["Monthly report"]),
            ("report quarterly", ["Quarterly report"]),
            ("finance", ["Quarterly report"]),
            ("clean", ["Monthly report"]),
            ("eport", []),
            ("report nothing", []),
        ],
    )
    def test_by_the_beginning_of_words(self, q, found, lists):
        assert titles(lists, q=q) == found

    @pytest.mark.parametrize("q", ["re.ort", "^report", "repor[t]"])
    def test_a_pattern_is_read_as_words(self, q, lists):
        assert "Quarterly report" not in titles(lists, q="zz " + q)

    def test_by_the_id_as_it_was_pasted(self, lists, new_task):
        task = new_task(title="This one")
        assert titles(lists, q=f" {str(task.id).upper()} ") == ["This one"]

    def test_together_with_a_filter(self, lists, task_in):
        task_in(Status.FAILED, title="Report that failed")
        assert titles(lists, q="report", status="failed") == ["Report that failed"]

    @pytest.mark.parametrize("q", ["a", "a b", "!!", "-"])
    def test_what_is_no_word_is_said(self, q, lists):
        with pytest.raises(BadQuery, match="two letters"):
            lists.page(TaskFilter(q=q))


class TestCounts:
    def test_each_tab_counts_under_the_other_filters(self, lists, task_in):
        task_in(Status.FAILED, priority="high"), task_in(Status.FAILED), task_in(Status.QUEUED)
        counts = lists.counts(TaskFilter(status="failed"))
        assert {name: count.value for name, count in counts.items() if count.value} == {
            "": 3,
            "failed": 2,
            "queued": 1,
        }
        assert lists.counts(TaskFilter(priority="high"))[""].value == 1

    def test_they_are_kept_for_a_moment(self, lists, new_task, monkeypatch):
        new_task()
        lists.counts(TaskFilter())
        new_task()
        assert lists.counts(TaskFilter())[""].value == 1
        monkeypatch.setattr(listing, "COUNTS_KEPT_S", 0)
        assert lists.counts(TaskFilter())[""].value == 2

    def test_they_stop_somewhere_and_say_so(self, lists, new_task, monkeypatch):
        monkeypatch.setattr(listing, "COUNT_LIMIT", 2)
        for _ in range(2):
            new_task()
        assert str(lists.count(TaskFilter())) == "2"
        for _ in range(5):
            new_task()
        assert lists.count(TaskFilter()) == Count(3)
        assert str(lists.count(TaskFilter())) == "2+"

    def test_thousands_are_easy_to_read(self):
        assert [str(Count(value)) for value in (0, 9_999, 10_000, 10_001)] == [
            "0",
            "9,999",
            "10,000",
            "10,000+",
        ]


class TestPages:
    @pytest.mark.parametrize(("sort", "order"), ORDERS)
    def test_pages_follow_each_other_in_both_directions(self, sort, order, services):
        fill(services, [(number // 7, number % 6, number % 3) for number in range(33)])
        for size in (1, 5, 11, 50):
            start_to_end_and_back(services, TaskFilter(sort=sort, order=order, per_page=size))

    @pytest.mark.parametrize(("sort", "order"), ORDERS)
    def test_the_last_page_is_the_end_of_the_list(self, sort, order, services):
        fill(services, [(number // 7, 3, 1) for number in range(33)])
        wanted = TaskFilter(sort=sort, order=order, per_page=10)
        page = services.listing.page(TaskFilter(sort=sort, order=order, per_page=10, last="1"))
        assert [task.id for task in page.tasks] == in_order(services, wanted)[-10:]
        assert page.next == ""
        before = services.listing.page(TaskFilter(sort=sort, order=order, per_page=10, before=page.previous))
        assert [task.id for task in before.tasks] == in_order(services, wanted)[-20:-10]

    def test_a_first_page_has_nothing_before_it(self, lists, services):
        fill(services, [(number, 1, 1) for number in range(3)])
        page = lists.page(TaskFilter(per_page=2))
        assert page.previous == "" and page.next != ""

    @pytest.mark.parametrize("size", PAGE_SIZES)
    def test_a_page_holds_what_was_asked_for(self, size, lists, services):
        fill(services, [(1, 1, 1)] * 201)
        assert len(lists.page(TaskFilter(per_page=size)).tasks) == size

    def test_what_is_created_meanwhile_moves_no_page(self, services):
        fill(services, [(number, 1, 1) for number in range(20)])
        wanted = TaskFilter(per_page=5)
        expected = in_order(services, wanted)
        pages = forwards(services, wanted)
        seen = [next(pages)]
        fill(services, [(number, 1, 1) for number in range(100, 110)])
        seen += pages
        assert [task.id for page in seen for task in page.tasks] == expected
