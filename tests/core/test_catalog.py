"""Task types as workers publish them, and the workers that serve them."""

from __future__ import annotations

import pytest

from app.core.catalog import ALIVE, WorkerInfo
from app.core.errors import NotFound
from app.core.tasks.states import Priority

CLEAN = {
    "_id": "clean_table",
    "title": "Clean a table",
    "category": "Data",
    "summary": "Tidy a file.",
    "help": "",
    "schema": {"properties": {"trim": {"type": "boolean", "default": True}}},
    "priority": "high",
    "timeout_s": 600,
    "max_attempts": 3,
    "module": "dtq_library.tables.clean.task",
    "hash": "0" * 64,
}
COUNT = {**CLEAN, "_id": "count_slowly", "title": "Count slowly", "category": "Demonstration"}


@pytest.fixture
def catalog(services):
    return services.catalog


@pytest.fixture
def report(catalog, clock):
    def alive(name: str = "w1", **given) -> None:
        about = {"host": "box", "pid": 7, "version": "0.1.0", "started_at": clock.now, "seen_at": clock.now}
        catalog.report(WorkerInfo(name=name, **{**about, **given}))

    return alive


def test_a_published_type_is_there_with_its_fields(catalog, report):
    catalog.publish([CLEAN], "w1")
    found = catalog.get("clean_table")
    assert (found.title, found.priority, found.max_attempts) == ("Clean a table", Priority.HIGH, 3)
    assert [each.name for each in found.fields] == ["trim"]


def test_publishing_again_replaces(catalog, services, clock):
    catalog.publish([CLEAN], "w1")
    catalog.publish([{**CLEAN, "title": "Tidy a table"}], "w2")
    assert [each.title for each in catalog.types()] == ["Tidy a table"]
    stored = services.db.task_types.find_one({"_id": "clean_table"})
    assert (stored["published_by"], stored["published_at"]) == ("w2", clock.now)


def test_what_was_published_is_left_as_it_was(catalog):
    described = dict(CLEAN)
    catalog.publish([described], "w1")
    assert described == CLEAN


def test_types_are_in_the_order_of_category_and_title(catalog):
    catalog.publish([COUNT, {**CLEAN, "_id": "z", "title": "Analyze"}, CLEAN], "w1")
    assert [each.title for each in catalog.types()] == ["Analyze", "Clean a table", "Count slowly"]


def test_a_type_that_nobody_published_is_not_found(catalog):
    with pytest.raises(NotFound, match="no task type “nope”"):
        catalog.get("nope")


def test_a_type_is_served_while_a_worker_that_has_it_lives(catalog, report, clock):
    catalog.publish([CLEAN, COUNT], "w1")
    report(types=("clean_table",))
    assert {each.name: each.served for each in catalog.types()} == {
        "clean_table": True,
        "count_slowly": False,
    }
    clock.advance(seconds=ALIVE.total_seconds() + 1)
    assert not catalog.get("clean_table").served


def test_a_worker_is_shown_as_it_reported(catalog, report, clock):
    report("w2", processed=5, task="65f000000000000000000001", types=("a", "b"))
    report("w1")
    first, second = catalog.workers()
    assert (first.name, first.task) == ("w1", None)
    assert (second.name, second.processed, second.types) == ("w2", 5, ("a", "b"))
    assert (second.task, second.seen_at) == ("65f000000000000000000001", clock.now)


def test_a_worker_that_was_not_heard_of_is_not_shown(catalog, report, clock):
    report("lost")
    clock.advance(seconds=ALIVE.total_seconds() + 1)
    report("alive")
    assert [worker.name for worker in catalog.workers()] == ["alive"]


@pytest.mark.parametrize("hours", [1, -1])
def test_after_the_databases_clock_was_set_only_who_reports_again_is_shown(hours, catalog, report, clock):
    report("lost", types=("rare",))
    clock.advance(hours=hours)
    report("alive")
    assert [worker.name for worker in catalog.workers()] == ["alive"]
    assert not catalog.serves("rare")


def test_a_worker_that_leaves_is_gone(catalog, report):
    report("w1"), report("w2")
    catalog.leave("w1")
    assert [worker.name for worker in catalog.workers()] == ["w2"]


def test_lost_workers_are_forgotten_after_a_day(catalog, report, clock, services):
    report("lost")
    clock.advance(hours=23)
    report("quiet")
    clock.advance(hours=2)
    catalog.forget_lost_workers()
    assert [each["_id"] for each in services.db.workers.find()] == ["quiet"]


class TestStopping:
    def test_a_worker_is_asked_once_and_its_reports_leave_it_so(self, catalog, report):
        report()
        assert catalog.ask_to_stop("w1", "bob")
        report()
        assert catalog.asked_to_stop("w1") and not catalog.ask_to_stop("w1", "ada")
        assert catalog.workers()[0].stop.by == "bob"

    def test_a_later_process_of_the_same_name_is_another_worker(self, catalog, report, clock):
        report()
        catalog.ask_to_stop("w1", "bob")
        clock.advance(seconds=5)
        report()
        assert not catalog.asked_to_stop("w1") and catalog.workers()[0].stop is None
        assert catalog.ask_to_stop("w1", "ada") and catalog.workers()[0].stop.by == "ada"

    def test_one_that_is_not_online_cannot_be_asked(self, catalog, report, clock):
        report()
        clock.advance(seconds=2 * ALIVE.total_seconds())
        assert not catalog.ask_to_stop("w1", "bob")

    def test_a_damaged_request_is_none(self, services, catalog, report):
        report()
        services.db.workers.update_one({"_id": "w1"}, {"$set": {"stop": {"by": "bob", "at": "now"}}})
        assert catalog.workers()[0].stop is None and not catalog.asked_to_stop("w1")


def test_names_are_all_types_by_category_and_title_without_what_is_large(catalog, services):
    catalog.publish([COUNT, {**CLEAN, "roles": ["operator"], "groups": ["data"]}], "w1")
    services.db.task_types.insert_one({"_id": "damaged", "title": 7, "category": ""})
    found = catalog.names()
    assert [known.name for known in found] == ["clean_table", "count_slowly"]
    assert (found[0].title, found[0].roles, found[0].groups) == ("Clean a table", ("operator",), ("data",))
    assert (found[1].roles, found[1].groups) == ((), ())
