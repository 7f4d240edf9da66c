"""Any signature makes a form; what is typed is what the function is given, or is refused in its place."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from app.core.secrets.secret import revealed
from app.core.services import Services
from dtq._types import task_type
from tests.plugins.examples import examples
from tests.signing_in import signed_in
from tests.web.create.creating import Browser, Sent, only, publish
from tests.web.create.signatures import KINDS, Drawn, Entry, function_of, parameters
from tests.web.create.signatures_scalars import SCALARS

KINDS.update(SCALARS)

PATIENT = settings(
    max_examples=examples(200),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_type, "_registered", {})


@PATIENT
@given(data=st.data(), drawn=parameters())
def test_what_is_typed_is_what_the_function_is_given(
    app: Flask, services: Services, data: st.DataObject, drawn: dict[str, Drawn]
) -> None:
    entries = {name: data.draw(each.right, label=name) for name, each in drawn.items()}
    kind, answer = _sent(app, services, drawn, entries)

    assert answer.status_code == 303, Sent(answer.text).errors
    task = only(services)
    given_to_it = kind.arguments(revealed(services.vault.opened(task.params, task.id)), _no_files)
    assert given_to_it == {name: entry.meant for name, entry in entries.items()}


@PATIENT
@given(data=st.data(), drawn=parameters())
def test_what_is_wrong_is_said_beside_its_field(
    app: Flask, services: Services, data: st.DataObject, drawn: dict[str, Drawn]
) -> None:
    entries = {
        name: data.draw(each.right | each.wrong, label=name)
        if not each.wrong.is_empty
        else data.draw(each.right)
        for name, each in drawn.items()
    }
    wrong = {name for name, entry in entries.items() if not entry.right}
    _, answer = _sent(app, services, drawn, entries)

    blamed = {place.removeprefix("p-").split(".")[0] for place in Sent(answer.text).errors}
    assert blamed == wrong
    assert answer.status_code == (422 if wrong else 303)
    assert services.db.tasks.count_documents({}) == (0 if wrong else 1)


def _sent(
    app: Flask, services: Services, drawn: dict[str, Drawn], entries: dict[str, Entry]
) -> tuple[task_type.TaskType, Any]:
    """Publish a type of these parameters, open its form, type the entries in and send it."""
    services.db.tasks.delete_many({})
    function = function_of(drawn)
    task_type._registered.clear()
    task_type.task(title="Anything")(function)
    kind = task_type.registered(function)
    publish(services, "anything", **{**kind.document(), "_id": "anything"})
    browser = Browser(signed_in(app.test_client(), services))
    sent: MultiDict[str, Any] = browser.open("/tasks/new/anything")
    for name, entry in entries.items():
        for after, texts in entry.typed.items():
            sent.setlist(f"p-{name}{after}", texts)
    return kind, browser.post("/tasks/new/anything", sent)


def _no_files(file_id: str) -> Any:
    raise AssertionError(file_id)
