"""Who has used up a quota is told so: 429, a sentence, when to try again; nothing typed is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.core.people.roles import Role
from app.core.services import Services, assemble
from config import Settings
from setting_values import PerRole
from tests.web.create.creating import Browser, Sent, publish, upload

ONE: PerRole = (("submitter", 1),)
Limit = Callable[..., Browser]


@pytest.fixture
def limited(
    app: Flask, services: Services, settings: Settings, signed_in_as: Callable[..., FlaskClient]
) -> Limit:
    """A submitter, on a server with quotas."""

    def sign_in(**quotas: PerRole) -> Browser:
        publish(services)
        changed = assemble(replace(settings, **quotas), services.db, services.queues.redis)
        app.extensions["services"] = changed
        return Browser(signed_in_as(Role.SUBMITTER))

    return sign_in


def count(services: Services, collection: str = "tasks") -> int:
    return services.db[collection].count_documents({})


@pytest.mark.parametrize("quota", ["max_waiting_tasks", "submits_per_minute"])
def test_a_form_over_the_quota_comes_back_as_it_was(limited: Limit, services: Services, quota: str) -> None:
    browser = limited(**{quota: ONE})
    assert browser.send(browser.open(), p_source=upload()).status_code == 303
    answer = browser.send(browser.open(), p_source=upload(), title="Mine")
    assert answer.status_code == 429 and 1 <= int(answer.headers["Retry-After"]) <= 60
    sent = Sent(answer.text).values
    assert sent["title"] == "Mine" and sent["p-source"] and "data-summary" in answer.text
    assert count(services) == 1


def test_the_script_of_the_form_gets_the_sentence(limited: Limit, services: Services) -> None:
    browser = limited(submits_per_minute=ONE)
    browser.send(browser.open(), p_source=upload())
    headers = {"Accept": "application/json", "X-Requested-With": "fetch"}
    answer = browser.send(browser.open(), p_source=upload(), headers=headers)
    assert answer.status_code == 429 and answer.mimetype == "application/problem+json"
    assert answer.json is not None and answer.json["title"] == "Quota reached"
    assert int(answer.headers["Retry-After"]) >= 1 and count(services) == 1


def send_file(browser: Browser, content: bytes) -> Any:
    token = browser.open()["csrf_token"]
    return browser.client.post(
        "/tasks/new/clean_table/source?name=a.csv&type=text/csv",
        data=content,
        content_type="application/octet-stream",
        headers={"X-CSRFToken": token, "Accept": "application/json"},
    )


@pytest.mark.parametrize(("quota", "size"), [("uploads_per_hour", 1), ("upload_mb_per_day", 2**20)])
def test_an_upload_over_the_quota_is_refused_before_it_is_stored(
    limited: Limit, services: Services, quota: str, size: int
) -> None:
    browser = limited(**{quota: ONE})
    assert send_file(browser, b"a" * size).status_code == 201
    answer = send_file(browser, b"a")
    assert answer.status_code == 429 and int(answer.headers["Retry-After"]) > 60
    assert count(services, "files.files") == 1


def test_a_file_in_a_form_is_refused_beside_its_field(limited: Limit, services: Services) -> None:
    browser = limited(uploads_per_hour=ONE)
    assert send_file(browser, b"a").status_code == 201
    answer = browser.send(browser.open(), p_source=upload())
    assert answer.status_code == 422
    assert Sent(answer.text).errors["p-source"].startswith("You can upload 1 file per hour.")
    assert count(services) == 0 and count(services, "files.files") == 1


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.ADMINISTRATOR])
def test_other_roles_go_on(
    limited: Limit, services: Services, signed_in_as: Callable[..., FlaskClient], role: Role
) -> None:
    limited(max_waiting_tasks=ONE, submits_per_minute=ONE, uploads_per_hour=ONE, upload_mb_per_day=ONE)
    browser = Browser(signed_in_as(role))
    for _ in range(3):
        assert browser.send(browser.open(), p_source=upload()).status_code == 303
    assert count(services) == 3
