"""Lists: the filter that owns the query string, search, counts, and pages that follow each other."""

from __future__ import annotations

import itertools

import pytest

from app.core.clock import utcnow
from app.core.errors import BadQuery, TooShort
from app.core.listing import listing
from app.core.listing.filter import PAGE_SIZES, TaskFilter
from app.core.listing.listing import Count
from app.core.listing.search_index import EXPANSIONS
from app.core.tasks.states import Status
from tests.core.listing.pages import fill, forwards, in_order, start_to_end_and_back

ORDERS = [*itertools.product(("created", "finished"), ("asc", "desc"))]


@pytest.fixture
def lists(services):
    return services.listing


def titles(lists, **given) -> list[str]:
    return [task.title for task in lists.page(TaskFilter(**given)).tasks]


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

    def test_by_the_end_of_the_id(self, lists, new_task):
        task = new_task(title="This one")
        assert titles(lists, q=str(task.id)[-8:]) == ["This one"]
        assert titles(lists, q=str(task.id)[-8:], status="failed") == []
        assert lists.count_in(TaskFilter(q=str(task.id)[-8:]), [Status.QUEUED]).value == 1

    def test_a_word_that_looks_like_one_is_a_word(self, lists, new_task):
        new_task(title="Sales of 20261126")
        assert titles(lists, q="20261126") == ["Sales of 20261126"]

    def test_two_tasks_with_one_end(self, lists, services, new_task):
        ends = {"$set": {"id_end": "2d9408d0"}}
        new_task(title="one"), new_task(title="two"), services.db.tasks.update_many({}, ends)
        assert sorted(titles(lists, q="2d9408d0")) == [
            "Monthly report",
            "Quarterly report",
            "Repair the index",
            "one",
            "two",
        ]

    def test_together_with_a_filter(self, lists, task_in):
        task_in(Status.FAILED, title="Report that failed")
        assert titles(lists, q="report", status="failed") == ["Report that failed"]

    def test_what_is_deleted_hides_nothing_that_lives(self, lists, services, new_task):
        for number in range(EXPANSIONS):
            services.tasks.cancel(new_task(title=f"invoice{number:02}").id, "alice")
        services.db.tasks.delete_many({"status": "canceled"})
        new_task(title="invoice99")
        assert titles(lists, q="invoice") == ["invoice99"]
        assert lists.counts(TaskFilter(q="invoice"))[""].value == 1

    def test_a_search_for_too_much_says_so_and_is_not_all(self, lists, new_task):
        for number in range(EXPANSIONS + 1):
            new_task(title=f"invoice{number:02}")
        wanted = TaskFilter(q="rep invoice")
        assert [(each.prefix, len(each.words)) for each in lists.page(wanted).cut] == [
            ("invoice", EXPANSIONS)
        ]
        assert lists.page(TaskFilter(q="invoice1")).cut == ()
        with pytest.raises(BadQuery, match="Nothing was changed"):
            lists.count_in(wanted, [Status.QUEUED])
        with pytest.raises(BadQuery, match="Nothing was changed"):
            lists.walk(wanted, [Status.QUEUED], utcnow(), "", 10)

    @pytest.mark.parametrize("q", ["a", "a b", "!!", "-"])
    def test_what_is_no_word_is_said(self, q, lists):
        with pytest.raises(TooShort):
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
        assert lists.counts(TaskFilter(sort="finished"))[""].value == 2

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
