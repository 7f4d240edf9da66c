"""Quotas: who has which, what is counted, that it is refused before anything is stored."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import fakeredis
import pytest
from redis.exceptions import ConnectionError as RedisAway

from app.core.access.access import Access
from app.core.catalog import TaskType
from app.core.errors import QuotaExceeded
from app.core.people.person import Person
from app.core.people.quotas import Quotas, Rates, _span
from app.core.people.roles import Permission, Role
from app.core.services import Services, assemble
from app.core.tasks.task import NewTask
from config import PerRole, Settings, load, per_role
from tests.browser.seeded import publish
from tests.core.access.people import person
from workers.types.task_modules import load as load_types

OTHERS = [role for role in Role if role is not Role.SUBMITTER]
ALICE = person(Role.SUBMITTER, "Alice")


def limited(services: Services, settings: Settings, **quotas: PerRole) -> Services:
    none: dict[str, PerRole] = dict.fromkeys(
        ("max_waiting_tasks", "submits_per_minute", "uploads_per_hour", "upload_mb_per_day"), ()
    )
    changed = replace(settings, **{**none, **quotas})
    made = assemble(changed, services.db, services.queues.redis)
    publish(made, load_types(["dtq_library.demo"]))
    return made


def kind_of(services: Services) -> TaskType:
    return services.catalog.get("count_slowly")


def submit(access: Access, services: Services, **given: Any) -> Any:
    new = NewTask(type="count_slowly", params={}, title="Count", **given)
    return access.submit(new, kind_of(services))


def count(services: Services) -> int:
    return services.db.tasks.count_documents({})


def test_waiting_tasks_are_counted_per_person(services: Services, settings: Settings) -> None:
    core = limited(services, settings, max_waiting_tasks=(("submitter", 2),))
    alice = core.access(ALICE)
    first = submit(alice, core).task
    submit(alice, core)
    with pytest.raises(QuotaExceeded) as refused:
        submit(alice, core)
    assert count(core) == 2
    assert refused.value.status == 429 and refused.value.retry_after_s == 60
    assert str(refused.value) == (
        "You have 2 waiting tasks, the most allowed. Wait until some have started, or cancel some."
    )
    submit(core.access(person(Role.SUBMITTER, "Charlie")), core)
    alice.cancel(first.id)
    submit(alice, core)
    assert count(core) == 4


def test_a_form_that_comes_again_gets_its_task_over_a_quota(services: Services, settings: Settings) -> None:
    core = limited(services, settings, max_waiting_tasks=(("submitter", 1),))
    alice = core.access(ALICE)
    first = submit(alice, core, submission_key="k" * 32)
    again = submit(alice, core, submission_key="k" * 32)
    assert again.task.id == first.task.id and not again.created
    with pytest.raises(QuotaExceeded):
        submit(alice, core, submission_key="l" * 32)


def test_submissions_are_counted_over_all_tokens_of_a_person(services: Services, settings: Settings) -> None:
    core = limited(services, settings, submits_per_minute=(("submitter", 2),))
    token = ALICE.narrowed([Permission.TASK_CREATE], ["count_slowly"])
    submit(core.access(ALICE), core)
    submit(core.access(token), core)
    with pytest.raises(QuotaExceeded) as refused:
        submit(core.access(token), core)
    assert count(core) == 2
    assert 1 <= refused.value.retry_after_s <= 60
    assert str(refused.value).startswith("You can create 2 tasks per minute. Try again in ")


def upload(access: Access, size: int) -> Any:
    return access.files.save(io.BytesIO(b"x" * size), "a.csv", "text/csv")


def test_uploads_are_counted(services: Services, settings: Settings) -> None:
    core = limited(services, settings, uploads_per_hour=(("submitter", 1),))
    alice = core.access(ALICE)
    upload(alice, 1)
    with pytest.raises(QuotaExceeded, match="You can upload 1 file per hour. Try again in "):
        upload(alice, 1)
    assert core.db["files.files"].count_documents({}) == 1


def test_bytes_of_uploads_are_counted(services: Services, settings: Settings) -> None:
    core = limited(services, settings, upload_mb_per_day=(("submitter", 1),))
    alice = core.access(ALICE)
    upload(alice, 700 * 1024)
    with pytest.raises(QuotaExceeded, match="You can upload 1 MB per day, and this file would exceed that."):
        upload(alice, 400 * 1024)
    upload(alice, 324 * 1024)
    assert core.db["files.files"].count_documents({}) == 2


def test_an_upload_that_has_not_arrived_counts_as_it_declares(services: Services, settings: Settings) -> None:
    class Stream(io.BytesIO):
        def seekable(self) -> bool:
            return False

    core = limited(services, settings, upload_mb_per_day=(("submitter", 1),))
    with pytest.raises(QuotaExceeded):
        core.access(ALICE).files.save(Stream(b"x"), "a.csv", "text/csv", 2**20 + 1)


@pytest.mark.parametrize("processes", [1, 4])
def test_waiting_tasks_are_counted_seldom(processes: int) -> None:
    waiting, counts = [0], [0]

    def count_waiting(owner: str, most: int) -> int:
        counts[0] += 1
        return min(waiting[0], most)

    limits = (("submitter", 6_400),)
    several = [
        Quotas(Rates(fakeredis.FakeRedis), count_waiting, limits, (), (), ()) for _ in range(processes)
    ]
    refused = 0
    while refused < processes:
        refused = 0
        for quotas in several:
            try:
                quotas.require_submit(ALICE)
                waiting[0] += 1
            except QuotaExceeded:
                refused += 1
    assert 6_400 <= waiting[0] <= 6_400 + 100 * (processes - 1)
    assert counts[0] < 500 * processes


@pytest.mark.parametrize("role", OTHERS)
def test_a_role_without_a_quota_costs_no_query(role: Role) -> None:
    def never(*_: Any) -> Any:
        raise AssertionError

    limits = (("submitter", 1),)
    quotas = Quotas(Rates(never), never, limits, limits, limits, limits)
    for _ in range(3):
        quotas.require_submit(person(role))
        quotas.require_upload(person(role), 2**40)
    with pytest.raises(AssertionError):
        quotas.require_submit(ALICE)


@pytest.mark.parametrize("role", list(Role))
def test_any_role_can_have_a_quota(role: Role) -> None:
    limits = ((role.value, 1),)
    redis = fakeredis.FakeRedis()
    quotas = Quotas(Rates(lambda: redis), lambda *_: 0, limits, limits, limits, limits)
    quotas.require_submit(person(role))
    quotas.require_upload(person(role), 1)
    with pytest.raises(QuotaExceeded):
        quotas.require_submit(person(role))
    with pytest.raises(QuotaExceeded):
        quotas.require_upload(person(role), 1)
    other = Person("other", "Other", role)
    quotas.require_submit(other)


def test_without_redis_rates_are_not_judged_and_waiting_tasks_are() -> None:
    server = fakeredis.FakeServer()
    server.connected = False
    redis = fakeredis.FakeRedis(server=server)
    with pytest.raises(RedisAway):
        redis.ping()
    waiting, limits = [0], (("submitter", 1),)
    quotas = Quotas(Rates(lambda: redis), lambda *_: waiting[0], limits, limits, limits, limits)
    for _ in range(3):
        quotas.require_submit(ALICE)
        quotas.require_upload(ALICE, 2**30)
    waiting[0] = 1
    with pytest.raises(QuotaExceeded):
        quotas.require_submit(ALICE)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "1 second"), (60, "60 seconds"), (61, "2 minutes"), (3_600, "60 minutes"), (3_601, "2 hours")],
)
def test_a_time_to_wait_is_rounded_up(seconds: int, words: str) -> None:
    assert _span(seconds) == words


def test_settings_name_each_role() -> None:
    assert per_role(" ".join(f"{role.value}=1" for role in Role)) == tuple((role.value, 1) for role in Role)
    assert load({"ENVIRONMENT": "local", "MAX_WAITING_TASKS": "none"}).max_waiting_tasks == ()


@pytest.mark.parametrize(
    "text", ["submitter", "submitter=0", "owner=1", "viewer=1 viewer=2", "viewer=-1", "x=none"]
)
def test_settings_refuse_what_is_no_quota(text: str) -> None:
    with pytest.raises(ValueError, match="numbers by role"):
        per_role(text)
