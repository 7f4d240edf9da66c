"""What no version of ours writes into Redis begins anew, or is named, and keeps nothing from its turn."""

from __future__ import annotations

import pytest

from app.core.queue.epoch import EPOCH, LOSS
from app.core.queue.rq import ASIDE, ASIDE_S, JOB_TTL_S, WAKE, Job
from app.core.tasks.states import Priority


@pytest.mark.parametrize(
    "garbled",
    [b"", b"x", b"\xff\xfe", b"a b", b"loss 9 never x", b"loss 0 2026-01-01T00:00:00 zz", b"loss  "],
)
def test_a_repair_whose_place_cannot_be_read_begins_anew_and_ends(garbled, services, new_task):
    task = new_task()
    services.queues.redis.flushall()
    services.queues.redis.set(LOSS, garbled)
    assert services.recovery.recover() == 1
    assert services.queues.epoch.exists()
    assert services.queues.take(0) == task.job_id


def test_a_place_that_is_no_text_begins_anew(services, new_task):
    task = new_task()
    services.queues.redis.flushall()
    services.queues.redis.rpush(LOSS, "x")
    services.recovery.recover()
    assert services.queues.redis.exists(EPOCH)
    assert services.queues.take(0) == task.job_id


def test_a_hash_without_its_entry_is_stale_though_it_never_runs_out(services, new_task):
    task, waits = new_task(), new_task()
    for each in (task, waits):
        services.queues.redis.persist(Job.key_for(each.job_id))
    services.queues.redis.lrem("rq:queue:medium", 1, task.job_id)
    assert [each.id for each in services.queues.missing([task, waits])] == [task.id]
    assert services.recovery.sweep() == 1
    assert 0 < services.queues.redis.ttl(Job.key_for(task.job_id)) <= JOB_TTL_S


def test_a_lane_of_a_wrong_type_is_named_and_the_others_go_on(services, new_task, caplog):
    low = new_task(priority="low")
    services.queues.redis.set("rq:queue:high", "x")
    assert services.queues.depths() == {Priority.HIGH: 0, Priority.MEDIUM: 0, Priority.LOW: 1}
    services.queues.depths()
    assert caplog.text.count("DEL rq:queue:high") == 1
    assert services.queues.take(0) == low.job_id


@pytest.mark.parametrize("key", ["rq:queue:high", "rq:queue:low", WAKE, "rq:queues"])
def test_a_key_of_a_wrong_type_is_put_aside_and_everything_goes_on(key, services, new_task, caplog):
    redis = services.queues.redis
    redis.delete(key)
    redis.hset(key, "x", "y")
    assert services.queues.mend() == 1 and services.queues.mend() == 0
    assert redis.hgetall(ASIDE + key) == {b"x": b"y"} and 0 < redis.ttl(ASIDE + key) <= ASIDE_S
    assert ASIDE + key in caplog.text
    task = new_task(priority="high")
    assert services.queues.take(0) == task.job_id


def test_hints_that_were_lost_with_their_queue_are_sent_again(services, new_task):
    lost, other = new_task(priority="high"), new_task(priority="low")
    services.recovery.recover()
    services.queues.redis.set("rq:queue:high", "x")
    services.queues.mend()
    services.recovery.recover()
    assert {services.queues.take(0) for _ in range(2)} == {lost.job_id, other.job_id}


def test_a_push_to_a_key_of_a_wrong_type_leaves_nothing_that_seems_to_wait(services, new_task):
    services.queues.redis.set("rq:queue:high", "x")
    task = new_task(priority="high")
    assert services.queues.missing([task]) == [task]
    services.queues.redis.delete("rq:queue:high")
    services.recovery.push_due()
    assert services.queues.take(0) == task.job_id


def test_what_is_right_stays_where_it_is(services, new_task):
    task = new_task()
    assert services.queues.mend() == 0
    assert services.queues.take(0) == task.job_id


@pytest.mark.parametrize("name", [b"\xff\xfe", b"", b"evil", b"rq:worker:\xff"])
def test_a_name_that_is_none_leaves_the_register_of_workers(name, services):
    redis = services.queues.redis
    for key in ("rq:workers", "rq:workers:high"):
        redis.sadd(key, name, "rq:worker:w1")
    redis.hset("rq:worker:w1", "birth", "x")
    services.queues.forget_lost_workers()
    assert redis.smembers("rq:workers") == {b"rq:worker:w1"}
    assert redis.smembers("rq:workers:high") == {b"rq:worker:w1"}


def test_a_register_that_is_no_set_begins_anew(services):
    services.queues.redis.set("rq:workers:high", "x")
    services.queues.forget_lost_workers()
    assert not services.queues.redis.exists("rq:workers:high")
