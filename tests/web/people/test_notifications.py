"""The pages of one's own subscriptions: create, the secret once, edit, test, deliveries, delete."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.core.notifications.deliveries import Attempt, Why
from app.core.notifications.subscription import Off
from app.core.people.roles import Role
from app.core.services import Services
from app.web.people.notifications import NOT_ROTATED, OFF
from tests.signing_in import token_of, user_of
from tests.web.create.creating import Browser, only, publish, upload
from tests.web.looking import text_of

PAGE = "/profile/notifications"
NEW = {
    "name": "CI <b>", "channel": "webhook", "address": "https://example.org/hook?key=k",
    "event": ["task.failed"], "scope": "own", "enabled": "1",
    "count": "3", "minutes": "10", "wait_minutes": "10",
}  # fmt: skip


def send(client: FlaskClient, path: str = PAGE, **data: Any) -> TestResponse:
    return client.post(path, data={"csrf_token": token_of(client.get(PAGE).text), **data})


def test_the_secret_is_shown_once(signed_in_as: Callable[..., FlaskClient], services: Services) -> None:
    client = signed_in_as(Role.SUBMITTER)
    assert f'href="{PAGE}"' in client.get("/profile").text
    answer = send(client, **NEW)
    assert answer.status_code == 201 and answer.headers["Cache-Control"] == "no-store"
    (secret,) = set(re.findall(r"whsec_[A-Za-z0-9+/=]{44}", answer.text))
    (found,) = services.subscriptions.of_owner(None)
    assert found.owner == user_of(services, Role.SUBMITTER, "submitter").id
    page = client.get(f"{PAGE}/{found.id}").text
    assert secret not in page and "whsec_" not in page and "CI &lt;b&gt;" in page
    assert "key=k" not in client.get(PAGE).text and "key=k" in page
    key = re.findall(r'name="submission_key" value="([^"]{16,})"', client.get(PAGE).text)[0]
    assert [send(client, **NEW, submission_key=key).status_code for _ in range(3)] == [201, 409, 409]
    assert len(services.subscriptions.of_owner(None)) == 2
    page = client.get(f"{PAGE}/{found.id}").text
    (version,) = re.findall(r'/rotate".*?name="version" value="([0-9]+)"', page, re.DOTALL)
    rotated = send(client, f"{PAGE}/{found.id}/rotate", version=version).text
    assert "whsec_" in rotated and secret not in rotated
    reloaded = send(client, f"{PAGE}/{found.id}/rotate", version=version)
    assert reloaded.status_code == 303 and NOT_ROTATED in client.get(reloaded.location).text
    assert len(set(services.subscriptions.secrets(services.subscriptions.get(found.id)))) == 2
    assert services.subscriptions.secrets(services.subscriptions.get(found.id))[0] in rotated


def test_what_is_wrong_is_said_and_nothing_is_lost(
    signed_in_as: Callable[..., FlaskClient], services: Services
) -> None:
    client = signed_in_as(Role.SUBMITTER)
    for wrong, said in (
        ({"address": "nonsense"}, "The address must begin with http:// or https:// and a host."),
        ({"channel": "email"}, "Enter an e-mail address, such as name@example.org."),
        ({"event": []}, "Choose at least one event."),
        ({"count": "many"}, "Enter a whole number from 1 to 1,000."),
        ({"scope": "mine"}, "Check the subscription."),
        ({"filter_priority": "urgent"}, "priority"),
        ({"types": "some"}, "Choose at least one task type."),
    ):
        answer = send(client, **{**NEW, **wrong})
        assert answer.status_code == 422 and said in text_of(answer.text), wrong
        assert services.subscriptions.of_owner(None) == []


def test_edit_test_deliveries_and_delete(
    signed_in_as: Callable[..., FlaskClient], services: Services
) -> None:
    client = signed_in_as(Role.SUBMITTER)
    send(client, **NEW)
    (found,) = services.subscriptions.of_owner(None)
    own = f"{PAGE}/{found.id}"
    assert send(client, own, **{**NEW, "name": "Nightly", "version": "1"}).status_code == 303
    assert send(client, own, **{**NEW, "name": "Stale", "version": "1"}).status_code == 409
    assert send(client, f"{own}/test").status_code == 303
    (delivery,) = services.deliveries.page(None).deliveries
    taken = services.deliveries.take(delivery)
    assert taken
    services.deliveries.settle(taken, Attempt(Why.REFUSED, 410, 12, "<script>gone</script>", final=True))
    page = text_of(client.get(own).text)
    assert "Nightly" in page and "Failed" in page and "410 Refused" in page
    shown = client.get(f"{PAGE}/deliveries/{delivery.id}").text
    assert "&lt;script&gt;gone" in shown and delivery.message_id in shown
    assert send(client, f"{PAGE}/deliveries/{delivery.id}/resend").status_code == 303
    assert services.deliveries.due() != []
    assert send(client, f"{own}/delete").status_code == 303
    assert services.subscriptions.of_owner(None) == [] and client.get(own).status_code == 404


def test_administrators_see_all_and_may_delete_but_not_change(
    signed_in_as: Callable[..., FlaskClient], services: Services
) -> None:
    sub, ada, vera = (signed_in_as(role) for role in (Role.SUBMITTER, Role.ADMINISTRATOR, Role.VIEWER))
    send(sub, **NEW)
    (found,) = services.subscriptions.of_owner(None)
    assert sub.get(f"{PAGE}/all").status_code == 403 and vera.get(PAGE).status_code == 403
    everybody = ada.get(f"{PAGE}/all").text
    assert "CI &lt;b&gt;" in everybody and "key=k" not in everybody
    assert ada.get(f"{PAGE}/{found.id}").status_code == 404
    assert send(ada, f"{PAGE}/{found.id}/test").status_code == 404
    assert send(ada, f"{PAGE}/{found.id}/delete").status_code == 303
    assert services.subscriptions.of_owner(None) == []


def test_create_task_offers_them(signed_in_as: Callable[..., FlaskClient], services: Services) -> None:
    publish(services)
    client = signed_in_as(Role.SUBMITTER)
    form = "/tasks/new/clean_table"
    assert "Tell me when it ends" not in client.get(form).text
    send(client, **NEW)
    (found,) = services.subscriptions.of_owner(None)
    page = client.get(form).text
    assert "Tell me when it ends" in page and f'value="{found.id}"' in page
    sender = Browser(client)
    sent = sender.open()
    sent.setlist("notify", [str(found.id)])
    assert sender.send(sent, p_source=upload()).status_code == 303
    assert only(services).notify == (found.id,)


def test_what_was_turned_off_or_dropped_is_said(
    signed_in_as: Callable[..., FlaskClient], services: Services
) -> None:
    client = signed_in_as(Role.SUBMITTER)
    send(client, **NEW)
    (found,) = services.subscriptions.of_owner(None)
    services.subscriptions.note_dropped(found, 1_234)
    services.subscriptions.turn_off(found, Off.DEAD)
    page = text_of(client.get(f"{PAGE}/{found.id}").text)
    assert OFF[Off.DEAD] in page and "1,234 messages dropped" in page
    assert "turned off: no receiver" in client.get(PAGE).text
    again = {**NEW, "version": "2"}
    assert send(client, f"{PAGE}/{found.id}", **again).status_code == 303
    page = text_of(client.get(f"{PAGE}/{found.id}").text)
    assert "Turned off" not in page and "dropped" not in page


def test_a_type_that_is_not_there_any_more_stays_chosen(
    signed_in_as: Callable[..., FlaskClient], services: Services
) -> None:
    """Left out of the form, it would be lost by the next Save, and the subscription be for all types."""
    client = signed_in_as(Role.SUBMITTER)
    send(client, **{**NEW, "types": "some", "type": ["retired"]})
    (found,) = services.subscriptions.of_owner(None)
    page = client.get(f"{PAGE}/{found.id}").text
    assert re.search(r'name="type" value="retired" checked', page)
