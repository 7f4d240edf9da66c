"""Secrets in models and in rows: kept by path, in whichever row they are then."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from app.core.secrets.secret import MASK, is_sealed, masked, revealed
from app.core.services import Services
from app.web.create import secret_fields
from tests.canary import CANARY, hits, nowhere
from tests.core.params.schemas import schema_of
from tests.web.create.creating import Browser, Sent, nothing_was_created, only, publish

FORM = "/tasks/new/log_in"
TWO = {"p-people": ["0", "1"], "p-people.0.name": "Ada", "p-people.0.token": "for Ada alone"}
TWO |= {"p-people.1.name": "Grace", "p-people.1.token": CANARY}


class Login(BaseModel):
    name: str
    token: SecretStr


class Server(BaseModel):
    host: str = "localhost"
    key: SecretStr | None = None


@pytest.fixture
def form(browser: Browser, services: Services) -> Browser:
    schema = schema_of(server=(Server, ...), people=(list[Login], ...), count=(int, 1))
    publish(services, "log_in", schema=schema, title="Log in")
    return browser


def opened(services: Services) -> Any:
    task = only(services)
    return revealed(services.vault.opened(task.params, task.id))


def send(form: Browser, values: Any, **changes: Any) -> Any:
    return form.send(values, "log_in", **changes)


def test_they_are_sealed_and_masked_wherever_they_stand(form: Browser, services: Services) -> None:
    answer = send(form, form.open(FORM), **TWO, **{"p-server.key": CANARY})
    task = only(services)

    assert answer.status_code == 303
    assert is_sealed(task.params["server"]["key"]) and is_sealed(task.params["people"][1]["token"])
    assert masked(task.params)["people"][0] == {"name": "Ada", "token": MASK}
    assert opened(services)["people"][1] == {"name": "Grace", "token": CANARY}
    page = form.client.get(f"/tasks/{task.id}").text
    assert "Grace" in page and MASK in page and hits(page) == []
    assert nowhere(services) > 3


def test_what_was_typed_stays_with_its_row_when_another_goes(form: Browser, services: Services) -> None:
    wrong = send(form, form.open(FORM), **TWO, **{"p-count": "many", "p-server.key": "opens it"})
    assert wrong.status_code == 422 and nothing_was_created(services)
    assert hits(wrong.text) == [] and wrong.text.count(secret_fields.TYPED) == 3
    without_ada = send(form, Sent(wrong.text).values, row="remove:people.0")
    assert hits(without_ada.text) == []
    answer = send(form, Sent(without_ada.text).values, **{"p-count": "1"})

    assert answer.status_code == 303
    assert opened(services)["people"] == [{"name": "Grace", "token": CANARY}]
    assert opened(services)["server"]["key"] == "opens it"


def test_a_row_of_which_only_the_secret_was_typed_is_no_empty_one(form: Browser, services: Services) -> None:
    wrong = send(form, form.open(FORM), **{"p-people.0.token": CANARY, "p-count": "many"})
    again = send(form, Sent(wrong.text).values, **{"p-count": "1"})

    assert again.status_code == 422 and nothing_was_created(services)
    assert Sent(again.text).errors["p-people.0.name"].strip() == "This field is required."


def test_those_of_ones_own_past_run_are_used_unseen(form: Browser, services: Services) -> None:
    send(form, form.open(FORM), **TWO)
    past = only(services)
    page = form.client.get(f"{FORM}?from={past.id}").text
    assert hits(page) == [] and page.count(secret_fields.PAST) == 2
    send(form, Sent(page).values, **{"p-people.0.token": "another"})

    clone = services.db.tasks.find_one({"_id": {"$ne": past.id}})
    people = revealed(services.vault.opened(clone["params"], clone["_id"]))["people"]
    assert [each["token"] for each in people] == ["another", CANARY]


def test_a_kept_one_opens_in_no_other_parameter(form: Browser, services: Services) -> None:
    wrong = send(form, form.open(FORM), **TWO, **{"p-count": "many"})
    values = Sent(wrong.text).values
    answer = send(form, values, **{"p-count": "1", "keep-server.key": values["keep-people.1.token"]})

    assert answer.status_code == 422 and nothing_was_created(services)
    assert Sent(answer.text).errors["p-server.key"] == secret_fields.AGAIN
