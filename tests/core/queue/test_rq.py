"""The three queues: order, waking, and that a message is never more than a hint."""

from __future__ import annotations

import contextlib
import json
import threading
import time
import zlib
from dataclasses import replace

import pytest
from rq.job import Job

from app.core.errors import QueueUnavailable
from app.core.queue.connection import connect
from app.core.queue.rq import FUNCTION, WAKE, Queues, raw_job
from app.core.tasks.states import Priority
from app.core.tasks.task import parse_job_id

QUEUE = "rq:queue:"


@pytest.fixture
def queues(services):
    return services.queues


class TestOrder:
    def test_high_before_medium_before_low_and_first_in_first_out(self, queues, new_task, waiting):
        words = ["low", "high", "medium", "high", "low", "medium"]
        tasks = [new_task(priority=word) for word in words]
        assert waiting() == [str(tasks[index].id) for index in (1, 3, 2, 5, 0, 4)]

    def test_a_high_one_that_comes_late_is_next(self, queues, new_task):
        new_task(priority="low"), new_task(priority="low")
        queues.take(0)
        urgent = new_task(priority="high")
        assert queues.take(0) == urgent.job_id

    def test_many_are_pushed_in_their_order(self, queues, new_task, waiting):
        tasks = [replace(new_task(), dispatch=7) for _ in range(5)]
        waiting()
        queues.push(tasks)
        assert waiting() == [str(task.id) for task in tasks]

    def test_nothing_pushed_is_nothing_done(self, queues):
        queues.push([])
        assert queues.redis.keys("*") == []

    def test_an_empty_queue_gives_nothing(self, queues):
        assert queues.take(0) is None

    def test_depths_count_each_lane(self, queues, new_task):
        for word in ("high", "low", "low"):
            new_task(priority=word)
        assert queues.depths() == {Priority.HIGH: 1, Priority.MEDIUM: 0, Priority.LOW: 2}

    def test_places_count_through_the_lanes(self, queues, new_task):
        low, first, second = new_task(priority="low"), new_task(priority="high"), new_task(priority="high")
        assert [queues.place(task) for task in (first, second, low)] == [1, 2, 3]

    def test_what_does_not_wait_has_no_place(self, queues, new_task, waiting):
        task = new_task()
        waiting()
        assert queues.place(task) is None


class TestHints:
    def test_a_message_is_gone_whole_when_it_is_taken(self, queues, new_task):
        task = new_task()
        assert raw_job(queues.redis, task.job_id)
        queues.take(0)
        assert raw_job(queues.redis, task.job_id) == {}
        assert queues.redis.keys("rq:job:*") == []

    def test_what_a_stock_worker_popped_and_died_with_seems_to_wait_for_an_hour_at_most(
        self, queues, new_task
    ):
        task = new_task()
        queues.redis.lpop("rq:queue:medium")
        assert queues.missing([task]) == []
        assert 0 < queues.redis.ttl(f"rq:job:{task.job_id}") <= 3600

    def test_a_message_that_is_taken_back_is_gone(self, queues, new_task, waiting):
        gone, stays = new_task(), new_task()
        queues.remove([gone])
        assert queues.missing([gone, stays]) == [gone]
        assert waiting() == [str(stays.id)]

    def test_taking_back_what_is_not_there_is_nothing(self, queues, new_task, waiting):
        task = new_task()
        waiting()
        queues.remove([task])
        assert queues.missing([task]) == [task]

    def test_another_dispatch_of_the_task_is_another_message(self, queues, new_task):
        task = new_task()
        newer = replace(task, dispatch=task.dispatch + 1)
        assert queues.missing([task, newer]) == [newer]

    def test_missing_nothing_is_nothing(self, queues):
        assert queues.missing([]) == []

    def test_it_names_our_function_and_the_id_as_json(self, queues, new_task):
        task = new_task(params={"password": "swordfish"})
        job = raw_job(queues.redis, task.job_id)
        assert json.loads(zlib.decompress(job[b"data"])) == [FUNCTION, None, [str(task.id)], {}]
        assert b"swordfish" not in b"".join(job.values())

    def test_nothing_in_redis_is_a_pickle(self, queues, new_task, services):
        for word in ("high", "medium", "low"):
            new_task(priority=word)
        services.recovery.recover()
        values = list(every_value(queues.redis))
        assert len(values) > 20
        assert [value for value in values if value.startswith(b"\x80")] == []

    def test_rq_itself_reads_it(self, queues, new_task):
        """So that `rq info` and a dashboard show it."""
        task = new_task(timeout_s=77)
        job = Job.fetch(task.job_id, connection=queues.redis, serializer=json_serializer())
        assert (job.func_name, job.args, job.timeout) == (FUNCTION, [str(task.id)], 77)
        assert (job.result_ttl, job.failure_ttl) == (0, 0)


def every_value(redis):
    """Whatever Redis holds, unpacked."""
    for key in redis.keys("*"):
        kind = redis.type(key)
        found = {
            b"hash": lambda key: redis.hgetall(key).values(),
            b"list": lambda key: redis.lrange(key, 0, -1),
            b"set": redis.smembers,
            b"zset": lambda key: redis.zrange(key, 0, -1),
            b"stream": lambda key: [value for _, each in redis.xrange(key) for value in each.values()],
            b"string": lambda key: [redis.get(key)],
        }[kind](key)
        for value in found:
            with contextlib.suppress(zlib.error):
                value = zlib.decompress(value)
            yield value


def json_serializer():
    from rq.serializers import JSONSerializer

    return JSONSerializer


class TestForged:
    @pytest.mark.parametrize(
        "forged", [b"os.system", b"\xff\xfe\x00", b"", b"0" * 100_000, b"__import__('os').system('id')"]
    )
    def test_a_message_that_is_none_of_ours_names_no_task(self, forged, queues):
        queues.redis.rpush(QUEUE + "high", forged)
        taken = queues.take(0)
        assert taken is not None
        assert parse_job_id(taken) is None

    def test_a_forged_payload_is_never_read(self, queues, new_task):
        task = new_task()
        queues.redis.hset(f"rq:job:{task.job_id}", mapping={"data": b"\x80\x04cos\nsystem\n"})
        assert queues.take(0) == task.job_id

    def test_a_stale_message_starts_nothing(self, services, queues, new_task, document):
        task = new_task(priority="low")
        services.dispatch.reprioritize(task.id, Priority.HIGH)
        queues.redis.rpush(QUEUE + "low", task.job_id)
        before = document(task)
        assert services.tasks.claim(task.id, task.dispatch, "w1") is None
        assert document(task) == before

    def test_a_doubled_message_starts_it_once(self, services, queues, new_task):
        task = new_task()
        queues.redis.rpush(QUEUE + "medium", task.job_id)
        named = [parse_job_id(queues.take(0)) for _ in range(2)]
        assert named == [(task.id, task.dispatch)] * 2
        assert services.tasks.claim(task.id, task.dispatch, "w1")
        assert services.tasks.claim(task.id, task.dispatch, "w2") is None

    def test_a_message_for_a_task_that_never_was_starts_nothing(self, services, new_task):
        task = new_task()
        services.db.tasks.delete_one({"_id": task.id})
        assert services.tasks.claim(task.id, task.dispatch, "w1") is None


class TestWaking:
    def test_a_push_wakes_who_waits(self, queues, new_task):
        waits = threading.Thread(target=queues.take, args=(20,), daemon=True)
        waits.start()
        time.sleep(0.05)
        new_task()
        waits.join(timeout=5)
        assert not waits.is_alive()

    def test_a_push_between_the_look_and_the_wait_is_not_missed(self, queues, new_task, monkeypatch):
        new_task()
        queues.take(0)
        look = queues._take

        def look_then_push(**given):
            found = look(**given)
            monkeypatch.setattr(queues, "_take", look)
            new_task()
            return found

        monkeypatch.setattr(queues, "_take", look_then_push)
        began = time.monotonic()
        assert queues.take(20) is None
        assert time.monotonic() - began < 5
        assert queues.take(0) is not None

    def test_nobody_pushing_is_waited_for_that_long_only(self, queues):
        began = time.monotonic()
        assert queues.take(0.05) is None
        assert 0.04 < time.monotonic() - began < 2

    def test_the_wake_stream_does_not_grow(self, queues, new_task):
        for _ in range(5):
            new_task()
        assert queues.redis.xlen(WAKE) == 1


class TestEpoch:
    def test_it_is_gone_when_redis_lost_its_data(self, queues):
        queues.epoch.begin("one")
        assert queues.epoch.exists()
        queues.redis.flushdb()
        assert not queues.epoch.exists()


@pytest.mark.parametrize(
    "ask",
    [
        lambda queues, task: queues.push([task]),
        lambda queues, task: queues.take(0),
        lambda queues, task: queues.remove([task]),
        lambda queues, task: queues.missing([task]),
        lambda queues, task: queues.depths(),
        lambda queues, task: queues.place(task),
        lambda queues, task: queues.epoch.exists(),
        lambda queues, task: queues.epoch.begin("one"),
    ],
    ids=["push", "take", "remove", "missing", "depths", "place", "epoch.exists", "epoch.begin"],
)
def test_redis_away_is_said_by_each_of_them_at_once(ask, new_task):
    nobody = Queues(connect("redis://127.0.0.1:1/0", timeout_ms=200))
    began = time.monotonic()
    with pytest.raises(QueueUnavailable, match="Tasks are safe"):
        ask(nobody, new_task())
    assert time.monotonic() - began < 1


def test_whether_redis_answers(queues):
    assert queues.answers()
    assert not Queues(connect("redis://127.0.0.1:1/0", timeout_ms=200)).answers()


def test_a_worker_that_was_killed_leaves_the_register_of_rq_when_its_key_has_run_out(services):
    redis = services.queues.redis
    for name in ("lost", "alive"):
        for register in ("rq:workers", "rq:workers:high", "rq:workers:medium", "rq:workers:low"):
            redis.sadd(register, f"rq:worker:{name}")
    redis.hset("rq:worker:alive", "birth", "now")

    services.queues.forget_lost_workers()

    assert {key: redis.smembers(key) for key in redis.keys("rq:workers*")} == dict.fromkeys(
        (b"rq:workers", b"rq:workers:high", b"rq:workers:medium", b"rq:workers:low"), {b"rq:worker:alive"}
    )
