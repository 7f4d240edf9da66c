"""From the end of a task to its delivery: nothing is lost, nothing told twice, and nobody told too much."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from bson import ObjectId
from pymongo.errors import OperationFailure

from app.api.models.tasks import TaskSummary
from app.core.access.access import Access
from app.core.clock import utcnow
from app.core.errors import Forbidden, Invalid
from app.core.notifications import outbox
from app.core.notifications.channels import email
from app.core.notifications.deliveries import (
    MOST_ATTEMPTS,
    Attempt,
    Deliveries,
    DeliveryState,
    Why,
    backoff_s,
)
from app.core.notifications.events import EventType
from app.core.notifications.subscription import Channel, NewSubscription, Off, Scope, Subscription, shown
from app.core.notifications.subscriptions import Subscriptions
from app.core.people.person import Origin, Person
from app.core.people.roles import Permission, Role
from app.core.secrets.rotation import Rotation
from app.core.secrets.vault import Vault
from app.core.services import Services
from app.core.tasks.states import Status
from app.core.tasks.task import NewTask, Task
from config import load
from tests.rig.processes import until
from tests.rig.receiver import Receiver
from tests.web.looking import fail

Subscribe = Callable[..., Subscription]
New = Callable[..., Task]


def events(services: Services) -> list[tuple[str, str]]:
    """Event and subject of every delivery."""
    return sorted((found.event, found.subject) for found in services.deliveries.page(None).deliveries)


def sent(services: Services) -> None:
    """Send what is due until it is settled."""
    sender = services.sender()
    begun = sender.turn()
    until(lambda: not sender._sending.total() or None, 10)
    assert begun


def test_a_failed_task_of_hers_is_told_and_nothing_else(
    services: Services, subscribe: Subscribe, new_task: New, alice: Access
) -> None:
    subscribe()
    mine = new_task(owner=alice.person.id, title="Import", params={"password": "hunter2"})
    fail(services, mine, "No such file.")
    fail(services, new_task(owner="bob"), "No.")
    services.dispatch.cancel(new_task(owner=alice.person.id).id, "x")
    while services.outbox.empty():
        pass
    (delivery,) = services.deliveries.page(alice.person.id).deliveries
    body = json.loads(delivery.body)
    assert (body["type"], body["data"]["task"]["error"]["message"]) == ("task.failed", "No such file.")
    assert "hunter2" not in delivery.body and "params" not in body["data"]["task"]
    assert body["data"]["task"].keys() == TaskSummary.model_fields.keys()
    TaskSummary.model_validate(body["data"]["task"])
    assert services.queries.noticed(10) == []
    assert "notices" not in (services.db.tasks.find_one({"_id": mine.id}) or {})


def test_without_subscriptions_tasks_end_as_ever(services: Services, new_task: New) -> None:
    task = new_task()
    fail(services, task, "No.")
    services.dispatch.cancel(new_task().id, "x")
    assert not services.db.tasks.count_documents({"notice": {"$exists": True}})


def test_what_is_told_twice_is_one_delivery(
    services: Services, subscribe: Subscribe, new_task: New, alice: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was killed before it took the note away leaves it to the next one."""
    subscribe(events=(EventType.TASK_FAILED, EventType.TASK_SUCCEEDED))
    fail(services, new_task(owner=alice.person.id), "No.")
    with monkeypatch.context() as patch:
        patch.setattr(services.tasks, "forget_notices", lambda tasks: None)
        assert services.outbox.empty() == services.outbox.empty() == 1
    assert services.outbox.empty() == 1 and services.outbox.empty() == 0
    assert len(events(services)) == 1


def test_an_end_is_told_also_after_a_retry_and_before_a_deletion(
    services: Services, subscribe: Subscribe, new_task: New, alice: Access
) -> None:
    subscribe()
    task = new_task(owner=alice.person.id, title="Again")
    fail(services, task, "No.")
    alice.retry(task.id)
    services.outbox.empty()
    fail(services, services.tasks.get(task.id), "Still no.")
    alice.delete(task.id)
    bodies = [json.loads(found.body) for found in services.deliveries.page(None).deliveries]
    said = {body["data"]["task"]["error"]["message"]: body["data"]["task"] for body in bodies}
    assert said.keys() == {"No.", "Still no."}
    assert {one["status"] for one in said.values()} == {"failed"}
    assert [said["No."]["attempt"], said["Still no."]["attempt"]] == [1, 2]


def test_a_task_names_who_is_told_of_its_end(
    services: Services, subscribe: Subscribe, alice: Access, person_of: Callable[..., Person]
) -> None:
    """Also where a subscription is for nothing else, and its owner's alone."""
    from tests.web.create.creating import publish

    publish(services)
    kind = services.catalog.types()[0]
    chosen = subscribe(events=(), scope=Scope.CHOSEN)
    new = NewTask(type=kind.name, params={}, title="Mine", notify=(chosen.id,))
    task = alice.submit(new, kind).task
    alice.cancel(task.id)
    alice.submit(NewTask(type=kind.name, params={}, title="Quiet"), kind)
    services.outbox.empty()
    assert events(services) == [("task.canceled", "Canceled: Mine")]
    bob = services.access(person_of(Role.OPERATOR, "bob"))
    with pytest.raises(Invalid):
        bob.submit(new, kind)
    assert services.db.tasks.count_documents({}) == 2


def test_nobody_is_told_of_what_they_may_not_know(
    services: Services, subscribe: Subscribe, new_task: New, person_of: Callable[..., Person]
) -> None:
    """Rights count when something happens, not when somebody subscribed."""
    bob, olga = person_of(Role.SUBMITTER, "bob"), person_of(Role.OPERATOR, "olga")
    for person in (bob, olga):
        subscribe(services.access(person), scope=Scope.ANY, filter={"tag": "night"})
    fail(services, new_task(owner="ann", title="Private", private=True, tags=("night",)), "No.")
    fail(services, new_task(owner="ann", title="Untagged"), "No.")
    services.outbox.empty()
    assert [found.owner for found in services.deliveries.page(None).deliveries] == [olga.id]
    services.people.users.set_role(olga.id, Role.VIEWER)
    fail(services, new_task(owner="ann", title="Later", tags=("night",)), "No.")
    services.outbox.empty()
    assert [found.owner for found in services.deliveries.page(None).deliveries] == [bob.id, olga.id]


def test_it_is_sent_signed_and_verified_by_the_public_library(
    services: Services, subscribe: Subscribe, hook: Receiver, alice: Access
) -> None:
    subscription = subscribe()
    test = alice.notifications.test(subscription.id)
    sent(services)
    assert [found[0] for found in hook.received] == [test.message_id]
    done = services.deliveries.get(test.id)
    assert (done.state, done.attempts, done.tries[0]["status"]) == (DeliveryState.DELIVERED, 1, 200)
    assert done.tries[0]["excerpt"] == "hello"
    stored = str(list(services.db.subscriptions.find()))
    assert hook.secret.startswith("whsec_") and hook.secret not in stored

    _, new = alice.notifications.rotate(subscription.id)
    alice.notifications.send_again(test.id)
    sent(services)
    hook.secret = new
    alice.notifications.send_again(test.id)
    sent(services)
    assert [found[0] for found in hook.received] == [test.message_id] * 3


def test_secrets_follow_a_rotation_of_the_key(
    services: Services, subscribe: Subscribe, hook: Receiver
) -> None:
    subscription = subscribe()
    both = Subscriptions(services.db, Vault(["another key", "tests-only too"]))
    for counts in ((1, 0, 0), (0, 1, 0)):
        done = Rotation()
        both.rotate_keys(done)
        assert (done.renewed, done.current, done.unreadable) == counts
    other = Subscriptions(services.db, Vault(["another key"]))
    assert other.secrets(other.get(subscription.id)) == [hook.secret]
    Subscriptions(services.db, Vault(["a third"])).rotate_keys(done := Rotation())
    assert done.unreadable == 1


def test_a_receiver_that_refuses_is_asked_again_later_and_given_up(
    services: Services, subscribe: Subscribe, hook: Receiver, alice: Access
) -> None:
    hook.answer = lambda number: 503
    delivery = alice.notifications.test(subscribe().id)
    sent(services)
    waiting = services.deliveries.get(delivery.id)
    assert (waiting.state, waiting.tries[0]["why"], waiting.tries[0]["status"]) == (
        DeliveryState.PENDING, "refused", 503,
    )  # fmt: skip
    assert waiting.next_at and waiting.next_at > utcnow() + timedelta(seconds=2)
    assert services.deliveries.due() == []
    for _ in range(MOST_ATTEMPTS - 1):
        services.db.deliveries.update_one({"_id": delivery.id}, {"$set": {"next_at": utcnow()}})
        taken = services.deliveries.take(services.deliveries.get(delivery.id))
        assert taken and services.deliveries.settle(taken, Attempt(Why.REFUSED, 503))
    assert services.deliveries.get(delivery.id).state is DeliveryState.FAILED
    assert sum(backoff_s(number) for number in range(1, MOST_ATTEMPTS)) > 17 * 3600  # at the very least
    again = alice.notifications.send_again(delivery.id)
    assert (again.state, again.message_id) == (DeliveryState.PENDING, delivery.message_id)


def test_two_processes_take_a_delivery_once(services: Services, subscribe: Subscribe, alice: Access) -> None:
    delivery = alice.notifications.test(subscribe().id)
    first, second = services.deliveries.take(delivery), services.deliveries.take(delivery)
    assert first and second is None and services.deliveries.due() == []
    services.db.deliveries.update_one({"_id": delivery.id}, {"$set": {"next_at": utcnow()}})
    later = services.deliveries.take(first)
    assert later and not services.deliveries.settle(first, Attempt(Why.ACCEPTED, 200))
    assert services.deliveries.settle(later, Attempt(Why.ACCEPTED, 200))


def test_a_slow_receiver_delays_no_other(
    services: Services, subscribe: Subscribe, hook: Receiver, alice: Access
) -> None:
    import threading

    answered = threading.Event()
    slow, quick = subscribe(name="slow"), subscribe(name="quick", address=hook.url)
    secrets = {one.id: services.subscriptions.secrets(one)[0] for one in (slow, quick)}
    for _ in range(8):
        alice.notifications.test(slow.id)
    sender = services.sender()
    hook.secret, hook.answer = secrets[slow.id], lambda number: answered.wait(10) and 200 or 200
    assert (sender.turn(), sender.turn()) == (4, 0)
    until(lambda: len(hook.received) == 4 or None, 10)
    hook.secret, hook.answer = secrets[quick.id], lambda number: 200
    test = alice.notifications.test(quick.id)
    assert sender.turn() == 1
    until(lambda: services.deliveries.get(test.id).state is DeliveryState.DELIVERED or None, 10)
    answered.set()


def test_the_gate_holds(services: Services, subscribe: Subscribe, alice: Access) -> None:
    for address in ("http://127.0.0.1:1/", "http://169.254.169.254/latest", "http://localhost/"):
        delivery = alice.notifications.test(subscribe(address=address).id)
        sent(services)
        assert services.deliveries.get(delivery.id).tries[0]["why"] == "not_allowed"
    for address in ("ftp://example.org/", "http://user:pass@example.org/", "http://0x7f.1/", "nonsense"):
        with pytest.raises(Invalid) as error:
            subscribe(address=address)
        assert error.value.fields.keys() == {"address"}


def test_what_is_off_or_gone_is_not_sent(
    services: Services, subscribe: Subscribe, hook: Receiver, new_task: New, alice: Access
) -> None:
    subscription = subscribe()
    fail(services, new_task(owner=alice.person.id), "No.")
    services.outbox.empty()
    off = NewSubscription(**{**vars(subscription.asked), "enabled": False})
    alice.notifications.change(subscription.id, off, subscription.version)
    sent(services)
    (delivery,) = services.deliveries.page(None).deliveries
    assert (delivery.state, delivery.tries[0]["why"], hook.received) == (DeliveryState.FAILED, "gone", [])


def test_several_failures_are_told_once(
    services: Services, subscribe: Subscribe, new_task: New, alice: Access
) -> None:
    subscribe(events=(EventType.TASKS_FAILING,), count=3, minutes=10)
    for _ in range(7):
        fail(services, new_task(owner=alice.person.id), "No.")
        services.outbox.empty()
    assert events(services) == [("tasks.failing", "3 tasks failed within 10 minutes")]


def test_long_waits_and_missing_workers_are_told_when_they_begin(
    services: Services, subscribe: Subscribe, new_task: New, alice: Access
) -> None:
    subscribe(events=(EventType.TASK_WAITING, EventType.TYPE_UNSERVED), wait_minutes=5)
    look = services.conditions().look
    tasks = [new_task(owner=alice.person.id, title="Slow", type="rare") for _ in range(2)]
    assert look() == 0
    past = {"queued_at": utcnow() - timedelta(minutes=6), "created_at": utcnow() - timedelta(minutes=6)}
    services.db.tasks.update_many({}, {"$set": past})
    assert (look(), look()) == (2, 0)
    assert events(services) == [
        ("task.waiting", "Waiting: Slow"), ("type.unserved", "No online worker has rare"),
    ]  # fmt: skip
    for task in tasks:
        services.dispatch.cancel(task.id, "x")
    assert look() == 0
    later = new_task(owner=alice.person.id, title="Slow too")
    services.db.tasks.update_one({"_id": later.id}, {"$set": past})
    assert look() == 2


def test_a_token_cannot_subscribe_to_more_than_it_reads(
    services: Services, subscribe: Subscribe, person_of: Callable[..., Person]
) -> None:
    olga = person_of(Role.OPERATOR, "olga")
    narrow = [Permission.TASK_READ, Permission.NOTIFICATION_MANAGE]
    _, text = services.people.tokens.create(olga, "CI", timedelta(days=1), narrow)
    access = services.access(services.programs.person(text, Origin()))
    with pytest.raises(Forbidden):
        subscribe(access, scope=Scope.ANY)
    assert subscribe(access, scope=Scope.OWN).owner == olga.id
    viewer = services.access(person_of(Role.VIEWER, "vera"))
    with pytest.raises(Forbidden):
        subscribe(viewer)


def test_a_mail_has_no_header_of_a_title(services: Services, alice: Access, subscribe: Subscribe) -> None:
    settings = load({"ENVIRONMENT": "local", "SMTP_HOST": "localhost", "SMTP_FROM": "dtq@example.org"})
    subscription = subscribe(
        channel=Channel.EMAIL, address="a@example.org", name="x\r\nBcc: b@example.org =?utf-8?q?=0A?="
    )
    delivery = alice.notifications.test(subscription.id)
    written = email.compose(settings, "a@example.org", delivery).as_bytes()
    heads = written.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    assert not [line for line in heads if line.lower().startswith("bcc")]
    assert f"Message-ID: <{delivery.message_id}@example.org>" in heads


def test_damaged_documents_block_nobody(
    services: Services, subscribe: Subscribe, new_task: New, alice: Access
) -> None:
    subscribe()
    services.db.subscriptions.insert_one({"owner": alice.person.id, "enabled": True})
    services.db.deliveries.insert_one({"state": "pending", "next_at": utcnow() - timedelta(days=1)})
    services.db.tasks.insert_one({"_id": ObjectId(), "notice": ObjectId(), "notices": 7})
    task = new_task(owner=alice.person.id)
    fail(services, task, "No.")
    services.outbox.empty()
    assert [found.task for found in services.deliveries.page(None).deliveries] == [task.id]
    assert [found.task for found in services.deliveries.due()] == [task.id]
    assert services.tasks.get(task.id).status is Status.FAILED


def test_a_bulk_action_of_thousands_costs_few_queries_and_is_bounded(
    services: Services, subscribe: Subscribe, new_task: New, alice: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.core.notifications.deliveries.MOST_PENDING", 150)
    subscription = subscribe(events=(EventType.TASK_CANCELED,), filter={"tag": "night"})
    tasks = [new_task(owner=alice.person.id, tags=("night",) if number % 2 else ()) for number in range(400)]
    services.tasks.cancel_many([task.id for task in tasks], "x")
    asked: list[object] = []
    find = services.people.users.find
    monkeypatch.setattr(services.people.users, "find", lambda owner: asked.append(owner) or find(owner))
    rounds = 0
    while services.outbox.empty():
        rounds += 1
    assert rounds == 4 and len(asked) == 4
    assert services.db.deliveries.count_documents({"subscription": subscription.id}) == 150
    assert services.subscriptions.get(subscription.id).dropped == 50
    alice.notifications.change(subscription.id, subscription.asked)
    assert services.subscriptions.get(subscription.id).dropped == 0


def test_a_mailbox_gets_a_hundred_per_hour(
    services: Services, subscribe: Subscribe, new_task: New, alice: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.core.notifications.deliveries.MOST_MAILS", 3)
    mails = subscribe(channel=Channel.EMAIL, address="a@example.org", events=(EventType.TASK_CANCELED,))
    for _ in range(2):
        tasks = [new_task(owner=alice.person.id) for _ in range(4)]
        services.tasks.cancel_many([task.id for task in tasks], "x")
        services.outbox.empty()
    assert services.db.deliveries.count_documents({}) == 3
    assert services.subscriptions.get(mails.id).dropped == 5


def test_a_dead_receiver_is_turned_off_and_what_waited_is_over(
    services: Services, subscribe: Subscribe, hook: Receiver, new_task: New, alice: Access
) -> None:
    hook.answer = lambda number: 503
    subscription = subscribe()
    for _ in range(3):
        fail(services, new_task(owner=alice.person.id), "No.")
    services.outbox.empty()
    first = services.deliveries.due()[0]
    services.db.deliveries.update_one({"_id": first.id}, {"$set": {"attempts": MOST_ATTEMPTS - 1}})
    services.db.deliveries.update_many(
        {"_id": {"$ne": first.id}}, {"$set": {"next_at": utcnow() + timedelta(1)}}
    )
    sent(services)
    off = services.subscriptions.get(subscription.id)
    assert (off.asked.enabled, off.off, off.version) == (False, Off.DEAD, 2)
    assert not services.db.deliveries.count_documents({"state": "pending"})
    alice.notifications.change(off.id, subscription.asked)
    assert services.subscriptions.get(off.id).off is None


def test_a_receiver_that_accepts_something_stays_on(
    services: Services, subscribe: Subscribe, hook: Receiver, new_task: New, alice: Access
) -> None:
    subscription = subscribe()
    fail(services, new_task(owner=alice.person.id), "No.")
    services.outbox.empty()
    (first,) = services.deliveries.due()
    alice.notifications.test(subscription.id)
    later = {"$set": {"attempts": MOST_ATTEMPTS - 1, "next_at": utcnow() + timedelta(1)}}
    services.db.deliveries.update_one({"_id": first.id}, later)
    sent(services)
    services.db.deliveries.update_one({"_id": first.id}, {"$set": {"next_at": utcnow()}})
    hook.answer = lambda number: 503
    sent(services)
    assert services.deliveries.get(first.id).state is DeliveryState.FAILED
    assert services.subscriptions.get(subscription.id).asked.enabled


def test_a_receiver_that_is_gone_is_turned_off_at_once(
    services: Services, subscribe: Subscribe, hook: Receiver, alice: Access
) -> None:
    hook.answer = lambda number: 410
    subscription = subscribe()
    alice.notifications.test(subscription.id)
    sent(services)
    assert services.subscriptions.get(subscription.id).off is Off.GONE


def test_rights_that_were_lost_count_for_what_waits_and_for_what_is_shown(
    services: Services, subscribe: Subscribe, hook: Receiver, new_task: New, person_of: Callable[..., Person]
) -> None:
    """Who was an operator reads nothing of a private task any more, neither there nor here."""
    olga = person_of(Role.OPERATOR, "olga")
    subscription = subscribe(services.access(olga), scope=Scope.ANY)
    fail(services, new_task(owner="ann", title="Salaries", private=True), "Of Ann.")
    services.outbox.empty()
    (delivery,) = services.deliveries.page(olga.id).deliveries
    assert services.access(olga).notifications.delivery(delivery.id).subject == "Failed: Salaries"
    services.people.users.set_role(olga.id, Role.SUBMITTER)
    sent(services)
    assert (services.deliveries.get(delivery.id).tries[0]["why"], hook.received) == ("not_permitted", [])
    user = services.people.users.find(olga.id)
    assert user
    now = services.access(services.people.users.person(user)).notifications
    (listed,) = now.deliveries("", subscription).deliveries
    for seen in (listed, now.delivery(delivery.id)):
        assert "Salaries" not in str(seen) and "Of Ann" not in str(seen) and seen.task is None
    with pytest.raises(Forbidden):
        now.send_again(delivery.id)


@pytest.mark.parametrize("lose", ["disable", "demote"])
def test_who_may_not_subscribe_any_more_is_sent_nothing(
    services: Services, subscribe: Subscribe, hook: Receiver, new_task: New, alice: Access, lose: str
) -> None:
    subscribe()
    for _ in range(2):
        fail(services, new_task(owner=alice.person.id), "No.")
    services.outbox.empty()
    if lose == "disable":
        services.people.users.disable(alice.person.id)
    else:
        services.people.users.set_role(alice.person.id, Role.VIEWER)
    sent(services)
    assert not services.db.deliveries.count_documents({"state": {"$ne": "failed"}}) and not hook.received


def test_hundreds_of_damaged_documents_hide_no_good_one(
    services: Services, subscribe: Subscribe, new_task: New, alice: Access
) -> None:
    subscribe()
    services.db.tasks.insert_many([{"_id": ObjectId(), "notice": ObjectId(bytes(12))} for _ in range(300)])
    past = utcnow() - timedelta(days=1)
    services.db.deliveries.insert_many([{"state": "pending", "next_at": past} for _ in range(300)])
    task = new_task(owner=alice.person.id)
    fail(services, task, "No.")
    assert [found.id for found in services.queries.noticed(1)] == [task.id]
    services.outbox.empty()
    assert [found.task for found in services.deliveries.due()] == [task.id]


def test_an_end_that_could_not_be_told_is_tried_again(
    services: Services, subscribe: Subscribe, new_task: New, alice: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe()
    task = new_task(owner=alice.person.id)
    fail(services, task, "No.")

    def refuse(*given: object) -> int:
        raise OperationFailure("A document is too large for an index.", 17280)

    with monkeypatch.context() as refusing:
        refusing.setattr(Deliveries, "insert_many", refuse)
        services.outbox.empty()
    services.outbox.empty()
    assert not services.deliveries.page(None).deliveries  # It blocks nobody by being tried again and again.

    monkeypatch.setattr(outbox, "AGAIN_S", 0.0)
    services.outbox.empty()
    assert [found.task for found in services.deliveries.page(None).deliveries] == [task.id]


def test_a_notice_that_nobody_understands_prevents_no_deletion(
    services: Services, subscribe: Subscribe, new_task: New, alice: Access
) -> None:
    subscribe()
    odd, good = (new_task(owner=alice.person.id) for _ in range(2))
    for task in (odd, good):
        fail(services, task, "No.")
    services.db.tasks.update_one({"_id": odd.id}, {"$set": {"notices.0.status": "exploded"}})
    for task in (odd, good):
        alice.delete(task.id)
    assert not services.db.tasks.count_documents({})
    assert [found.task for found in services.deliveries.page(None).deliveries] == [good.id]


def test_a_task_that_is_deleted_is_told_of_still(
    services: Services, subscribe: Subscribe, hook: Receiver, new_task: New, alice: Access
) -> None:
    subscribe()
    task = new_task(owner=alice.person.id)
    fail(services, task, "No.")
    alice.delete(task.id)
    sent(services)
    assert [body["data"]["task"]["id"] for _, body in hook.received] == [str(task.id)]


def test_addresses_of_others_show_their_host_only() -> None:
    assert shown(Channel.WEBHOOK, "https://hooks.example.org/services/T0/B0/secret?k=v") == (
        "https://hooks.example.org/…"
    )
    assert shown(Channel.WEBHOOK, "http://a.example.org:8080") == "http://a.example.org:8080/"
