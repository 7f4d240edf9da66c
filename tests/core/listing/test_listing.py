"""Lists: the filter that owns the query string, search, counts, and pages that follow each other."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from bson import ObjectId

from app.core.clock import utcnow
from app.core.errors import BadQuery, BadSearch
from app.core.listing import listing
from app.core.listing.filter import PAGE_SIZES, TaskFilter
from app.core.listing.listing import Count
from app.core.listing.search import MOST_NAMED
from app.core.listing.search_index import EXPANSIONS
from app.core.tasks.states import Status
from app.core.tasks.task import MOST_OF_ERROR
from tests.core.conftest import an_error
from tests.core.listing.pages import START, backwards, fill, forwards, in_order, start_to_end_and_back

DAY_MS = 24 * 3600 * 1000

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
        with pytest.raises(BadSearch):
            lists.page(TaskFilter(q=q))


class TestWhatIsFound:
    """By what became of a task: its worker and its error, written with its state."""

    def test_by_the_worker_that_runs_it_or_ran_it_last(self, lists, running, services):
        task = running(title="mine")
        assert titles(lists, worker="W1") == titles(lists, q="w1") == ["mine"]
        assert titles(lists, worker="w2") == []
        services.tasks.succeed(task, None)
        assert titles(lists, worker="w") == ["mine"]

    def test_a_name_with_signs_in_it_is_one_worker(self, lists, services, new_task):
        for worker in ("vm-1.41", "vm-1.42"):
            task = new_task(title=worker)
            services.tasks.claim(task.id, task.dispatch, worker)
        assert titles(lists, q="vm-1.42") == ["vm-1.42"]
        assert titles(lists, worker="vm-1") == ["vm-1.42", "vm-1.41"]

    def test_by_the_error_and_until_another_attempt_is_due(self, lists, running, services, document):
        task = running(title="mine", max_attempts=2)
        before = set(document(task)["keywords"])
        services.tasks.fail(task, an_error("The server timed out."))
        assert titles(lists, error_words="timed out") == titles(lists, q="timed valueerror") == ["mine"]
        assert titles(lists, error_words="mine") == []
        assert services.tasks.retry(services.tasks.get(task.id))
        assert titles(lists, error_words="timed") == titles(lists, worker="w1") == []
        assert set(document(task)["keywords"]) == before - {":worker:w1"}

    @pytest.mark.parametrize("end", ["retried", "released"])
    def test_any_number_of_attempts_leaves_no_more_than_one_did(self, end, running, services, document):
        task, sizes = running(), []
        for number in range(4):
            if end == "released":
                services.tasks.release(task, "stopped")
            else:
                services.tasks.fail(task, an_error(" ".join(f"{number}word{one}" for one in range(50))))
                assert len([*filter(is_of_error, document(task)["keywords"])]) == MOST_OF_ERROR
                services.tasks.retry(services.tasks.get(task.id))
            waiting = services.tasks.get(task.id)
            task = services.tasks.claim(task.id, waiting.dispatch, f"w{number}")
            sizes.append(len(document(task)["keywords"]))
        assert len(set(sizes)) == 1

    def test_a_word_of_each_kind_counts_among_those_of_a_search(self, lists, services, running, new_task):
        new_task(title="timeout")
        services.tasks.fail(running(title="mine"), an_error("timeout"))
        assert titles(lists, q="time") == ["mine", "timeout"]
        assert titles(lists, q="error") == []


def is_of_error(keyword: str) -> bool:
    return keyword.startswith(":error:")


class TestIDs:
    def test_by_the_first_characters(self, lists, new_task):
        task = new_task(title="This one")
        assert titles(lists, q=str(task.id)[:8]) == titles(lists, q=str(task.id)[:15].upper()) == ["This one"]
        assert titles(lists, q=str(task.id)[:7]) == []

    def test_more_with_the_same_first_characters_than_are_named(self, lists, services):
        fill(services, [(number, 1, 1) for number in range(MOST_NAMED + 5)])
        begin = str(services.db.tasks.find_one()["_id"])[:8]
        same = {"_id": {"$gte": ObjectId(begin + "0" * 16), "$lte": ObjectId(begin + "f" * 16)}}
        page = lists.page(TaskFilter(q=begin))
        count = services.db.tasks.count_documents(same)
        assert len(page.tasks) == min(count, MOST_NAMED)
        assert [each.prefix for each in page.cut] == ([begin] if count > MOST_NAMED else [])


class TestTimes:
    @pytest.fixture(autouse=True)
    def some(self, services):
        fill(services, [(day * DAY_MS, 3 + day % 3, day % 3) for day in range(6)])

    def days(self, lists, **given):
        return [(task.created_at - START).days for task in lists.page(TaskFilter.parse(texts(given))).tasks]

    def test_created_in_a_range(self, lists):
        first, third = f"{START:%Y-%m-%d}", f"{START + timedelta(days=2):%Y-%m-%d}"
        assert self.days(lists, created_from=third) == [5, 4, 3, 2]
        assert self.days(lists, created_before=third) == [1, 0]
        assert self.days(lists, created_from=first, created_before=third, order="asc") == [0, 1]
        assert self.days(lists, created_from=third, per_page=25, sort="finished") == [5, 4, 3, 2]
        assert lists.counts(TaskFilter(created_from=third))[""].value == 4

    def test_finished_in_a_range(self, lists):
        """The task of a day finished on half of it."""
        second, third = (f"{START + timedelta(days=day):%Y-%m-%d}" for day in (1, 2))
        assert self.days(lists, finished_from=second) == [5, 4, 3, 2]
        assert self.days(lists, finished_from=second, finished_before=third) == [3, 2]
        assert self.days(lists, finished_from=second, finished_before=third, sort="priority") == [3, 2]

    def test_a_bulk_action_reaches_what_the_list_shows(self, lists):
        third = f"{START + timedelta(days=2):%Y-%m-%d}"
        walked = lists.walk(TaskFilter(created_from=third), [*Status], utcnow(), "", 50).tasks
        assert [(task.created_at - START).days for task in walked] == [2, 3, 4, 5]

    def test_every_task_of_a_list_for_a_file(self, lists, monkeypatch):
        monkeypatch.setattr(listing, "EXPORTED_AT_ONCE", 2)
        third = f"{START + timedelta(days=2):%Y-%m-%d}"
        for wanted in (
            TaskFilter(created_from=third),
            TaskFilter(created_from=third, sort="duration", after="x"),
        ):
            assert [(task.created_at - START).days for task in lists.every(wanted)] == [5, 4, 3, 2]
        assert len(list(lists.every(TaskFilter(status="failed,canceled")))) == 4

    def test_what_came_since_a_list_was_opened(self, lists, new_task):
        newest = lists.page(TaskFilter()).newest
        assert lists.newer(TaskFilter(), newest) == 0
        new_task(), new_task(priority="high")
        assert lists.newer(TaskFilter(), newest) == 2
        assert lists.newer(TaskFilter(priority="high"), newest) == 1


def texts(given):
    return {name: [str(value)] for name, value in given.items()}


class TestRanked:
    @pytest.fixture
    def some(self, services, new_task, clock):
        """Four that ended after 3, 1, 2 and 1 s, queued for 10, 20, 30 and 40 s; and one that waits."""
        for seconds, waited in ((3, 10), (1, 20), (2, 30), (1, 40)):
            task = new_task(title=f"{seconds} s")
            clock.advance(seconds=waited)
            claimed = services.tasks.claim(task.id, task.dispatch, "w1")
            clock.advance(seconds=seconds)
            services.tasks.succeed(claimed, None)
        new_task(title="waits")
        clock.advance(seconds=25)

    def test_by_duration_and_what_has_none_is_last(self, some, lists):
        assert titles(lists, sort="duration") == ["3 s", "2 s", "1 s", "1 s", "waits"]
        assert titles(lists, sort="duration", order="asc") == ["1 s", "1 s", "2 s", "3 s", "waits"]
        assert titles(lists, sort="duration", status="succeeded") == ["3 s", "2 s", "1 s", "1 s"]

    def test_by_queue_time_and_start(self, some, lists):
        assert titles(lists, sort="queue_time") == ["1 s", "2 s", "waits", "1 s", "3 s"]
        assert titles(lists, sort="started", order="asc") == ["3 s", "1 s", "2 s", "1 s", "waits"]

    @pytest.mark.parametrize("order", ["asc", "desc"])
    @pytest.mark.parametrize("sort", ["duration", "queue_time", "started", "priority"])
    def test_pages_meet_each_task_once_both_ways(self, sort, order, services):
        fill(services, [(number // 3, number % 6, number % 3) for number in range(29)])
        wanted = TaskFilter(sort=sort, order=order, per_page=4)
        there = [[task.id for task in page.tasks] for page in forwards(services, wanted)]
        back = [[task.id for task in page.tasks] for page in backwards(services, wanted)]
        assert sorted(sum(there, [])) == sorted(task["_id"] for task in services.db.tasks.find())
        assert sum(there, []) == sum(reversed(back), [])

    def test_by_priority_each_queue_newest_first(self, services):
        fill(services, [(number, 1, number % 3) for number in range(9)])
        found = services.listing.page(TaskFilter(sort="priority")).tasks
        order = [(int(task.priority), -task.created_at.timestamp()) for task in found]
        assert order == sorted(order) and len(order) == 9

    def test_only_the_newest_are_put_into_the_order_and_it_says_so(self, some, lists, monkeypatch):
        assert lists.page(TaskFilter(sort="duration")).ranked_of == 0
        monkeypatch.setattr("app.core.listing.ranking.MOST", 3)
        page = lists.page(TaskFilter(sort="duration"))
        assert ([task.title for task in page.tasks], page.ranked_of) == (["2 s", "1 s", "waits"], 3)

    def test_a_place_that_no_page_links_to_is_said(self, lists):
        with pytest.raises(BadQuery):
            lists.page(TaskFilter(sort="priority", after=f"1-{ObjectId()}"))


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
