"""The table of states: words, transitions and what a page offers."""

from __future__ import annotations

import pytest

from app.core.tasks.states import (
    ACTIONS,
    ENDED,
    TRANSITIONS,
    WAITING,
    Action,
    Ending,
    Priority,
    Status,
    sources,
)


def test_high_comes_before_medium_before_low():
    assert [priority.word for priority in sorted(Priority)] == ["high", "medium", "low"]


@pytest.mark.parametrize("priority", Priority)
def test_a_priority_is_read_from_its_word(priority):
    assert Priority.from_word(priority.word) is priority


@pytest.mark.parametrize("word", ["", "High", "0", "urgent", "medium "])
def test_anything_else_is_no_priority(word):
    with pytest.raises(ValueError, match="expected high, medium or low"):
        Priority.from_word(word)


def test_a_person_reads_waiting_and_not_queued():
    assert Status.QUEUED.label == "Waiting"
    assert Status.FAILED.label == "Failed"


@pytest.mark.parametrize("stored", [None, "", 5, {}, "unknown", "Crash"])
def test_an_ending_that_nobody_knows_is_a_failure(stored):
    assert (Ending.of(stored).label, Ending.of(stored).status) == ("Failed", Status.FAILED)


def test_an_attempt_that_was_not_handed_back_does_not_say_so():
    said = {ending: ending.label for ending in Ending if ending.label != "Failed"}
    assert len(set(said.values())) == len(said)
    assert [ending for ending, label in said.items() if label == "Released (worker stopped)"] == [
        Ending.HANDED_BACK
    ]


def test_ended_waiting_and_running_are_all_there_is():
    assert ENDED | WAITING | {Status.RUNNING} == set(Status)
    assert [status for status in Status if status.ended] == [
        Status.SUCCEEDED,
        Status.FAILED,
        Status.CANCELED,
    ]


def test_every_status_can_be_reached_and_left_or_is_an_end():
    reached = {row.target for row in TRANSITIONS.values() if row.target} | {Status.SCHEDULED, Status.QUEUED}
    left = set().union(*(row.sources for row in TRANSITIONS.values()))
    assert reached == set(Status)
    assert left == set(Status) - {Status.SUCCEEDED}


def test_an_end_is_left_by_a_users_retry_only():
    leaving = {row.name for row in TRANSITIONS.values() if row.sources & ENDED}
    assert leaving == {"retry", "undo_cancel", "undo_cancel_scheduled"}


def test_a_task_that_is_moved_to_another_lane_stays_as_it_is():
    move = TRANSITIONS["reprioritize"]
    assert {source: move.leads_to(source) for source in move.sources} == {each: each for each in WAITING}


def test_only_a_claim_starts_a_task():
    starting = {row.name for row in TRANSITIONS.values() if row.target is Status.RUNNING}
    assert starting == {"claim", "renew"}


def test_a_guard_names_the_sources_of_its_transition():
    assert sources("cancel") == {"$in": ["queued", "scheduled"]}
    assert sources("retry") == {"$in": ["canceled", "failed"]}


@pytest.mark.parametrize(
    ("action", "allowed"),
    [
        (Action.CANCEL, WAITING | {Status.RUNNING}),
        (Action.RETRY, {Status.FAILED, Status.CANCELED}),
        (Action.REPRIORITIZE, WAITING),
        (Action.DELETE, ENDED),
        (Action.CLONE, set(Status)),
    ],
)
def test_a_page_offers_what_the_table_allows(action, allowed):
    assert {status for status in Status if action in ACTIONS[status]} == allowed


@pytest.mark.parametrize("action", [Action.RETRY, Action.REPRIORITIZE])
def test_buttons_and_transitions_agree(action):
    assert {status for status in Status if action in ACTIONS[status]} == TRANSITIONS[action.value].sources
