"""A secret in a form: typed once, never shown, not lost when something else is wrong, hidden ever after."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr

from app.core.secrets import vault as vault_module
from app.core.secrets.secret import MASK, Secret, is_sealed
from app.core.secrets.vault import Vault
from app.core.services import Services
from app.core.tasks.states import Status
from app.core.tasks.task import NewTask, Task, parse_job_id
from app.web.create import secret_fields
from tests.canary import CANARY, hits, no_file, nowhere
from tests.core.params.schemas import schema_of
from tests.web.create.creating import Browser, Sent, nothing_was_created, only, publish
from workers.attempt.attempt import attempt, settle
from workers.attempt.context import AttemptContext
from workers.attempt.output_capture import Capture, LogWriter, log_path
from workers.types.task_modules import load

ADDRESS = "/tasks/new/confess"


@pytest.fixture
def form(client: FlaskClient, services: Services) -> Browser:
    kind = load(["tests.workers.samples"])["confess"]
    publish(services, "confess", **{name: kind.document()[name] for name in ("title", "schema")})
    return Browser(client)


def typed(services: Services) -> Any:
    task = only(services)
    return services.vault.opened(task.params, task.id)["password"]


def kept_in(page: str) -> str:
    """The token that a page holds for the password."""
    return page.partition('name="keep-password" value="')[2].partition('"')[0]


def test_it_is_a_password_that_no_browser_fills_in(form: Browser) -> None:
    page = form.client.get(ADDRESS).text
    tag = page[page.index('<input class="form-control" type="password"') :].partition(">")[0]

    assert 'autocomplete="new-password"' in tag and 'value=""' in tag and tag.endswith(" required")


def test_it_is_sealed_before_it_is_stored(form: Browser, services: Services) -> None:
    answer = form.send(form.open(ADDRESS), "confess", p_password=CANARY)

    assert answer.status_code == 303
    assert is_sealed(only(services).params["password"]) and typed(services) == Secret(CANARY)
    assert nowhere(services) > 3


def test_when_something_else_is_wrong_it_stays_and_does_not_show(form: Browser, services: Services) -> None:
    wrong = form.send(form.open(ADDRESS), "confess", p_password=CANARY, p_pause_s="soon")

    assert wrong.status_code == 422 and nothing_was_created(services)
    assert hits(wrong.text) == [] and secret_fields.TYPED in wrong.text and "required" not in _tag(wrong.text)
    assert form.send(_sent(wrong.text), "confess", p_pause_s="0").status_code == 303
    assert typed(services) == Secret(CANARY)


def test_one_that_is_typed_then_takes_its_place(form: Browser, services: Services) -> None:
    wrong = form.send(form.open(ADDRESS), "confess", p_password=CANARY, p_pause_s="soon")
    form.send(_sent(wrong.text), "confess", p_pause_s="0", p_password="another one")

    assert typed(services) == Secret("another one")


def test_a_missing_one_is_asked_for(form: Browser, services: Services) -> None:
    wrong = form.send(form.open(ADDRESS), "confess")

    assert wrong.status_code == 422 and nothing_was_created(services)
    assert "This field is required." in wrong.text and not kept_in(wrong.text)


def test_what_was_kept_is_of_no_use_to_anybody_else_or_later(
    form: Browser, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = form.send(form.open(ADDRESS), "confess", p_password=CANARY, p_pause_s="soon")
    token, field = kept_in(wrong.text), services.catalog.get("confess").fields[0]

    assert secret_fields.Keeper(services.vault, "local", "confess").find(field, token) == CANARY
    for owner, kind in (("charlie", "confess"), ("local", "another")):
        with pytest.raises(vault_module.CannotOpen):
            secret_fields.Keeper(services.vault, owner, kind).find(field, token)
    later = vault_module.utcnow() + 2 * secret_fields.MAX_AGE
    monkeypatch.setattr(vault_module, "utcnow", lambda: later)
    again = form.send(_sent(wrong.text), "confess", p_pause_s="0")
    assert again.status_code == 422 and secret_fields.AGAIN in again.text and nothing_was_created(services)


def test_without_a_key_nothing_is_taken_and_nothing_else_is_lost(form: Browser, services: Services) -> None:
    values = form.open(ADDRESS)
    form.client.application.extensions["services"] = dataclasses.replace(services, vault=Vault([]))
    answer = form.send(values, "confess", p_password=CANARY, p_pause_s="0.25")

    assert answer.status_code == 422 and nothing_was_created(services)
    assert vault_module.NO_KEY in answer.text and hits(answer.text) == []
    assert _sent(answer.text)["p-pause_s"] == "0.25"


def test_a_token_that_was_tampered_with_is_a_sentence(form: Browser, services: Services) -> None:
    for token in ("1.x.y", CANARY, "", "1"):
        answer = form.send(form.open(ADDRESS), "confess", **{"keep-password": token})
        assert answer.status_code == 422 and nothing_was_created(services)


def test_an_optional_one_can_be_taken_away_again(browser: Browser, services: Services) -> None:
    publish(services, "call", schema=schema_of(token=(SecretStr | None, None), count=(int, 1)))
    wrong = browser.send(browser.open("/tasks/new/call"), "call", p_token=CANARY, p_count="many")
    assert "drop-token" in wrong.text and hits(wrong.text) == []
    browser.send(_sent(wrong.text), "call", p_count="1", **{"drop-token": "1"})

    assert only(services).params == {"token": None, "count": 1}


# The inputs of a past run


def test_the_secret_of_ones_own_past_run_is_used_unseen(form: Browser, services: Services) -> None:
    past = past_run(services, "local")
    page = form.client.get(f"{ADDRESS}?from={past.id}").text

    assert hits(page) == [] and secret_fields.PAST in page
    form.send(_sent(page), "confess")
    clone = services.db.tasks.find_one({"_id": {"$ne": past.id}})
    assert services.vault.opened(clone["params"], clone["_id"])["password"] == Secret(CANARY)


def test_somebody_elses_is_asked_for(form: Browser, services: Services) -> None:
    page = form.client.get(f"{ADDRESS}?from={past_run(services, 'charlie').id}").text

    assert secret_fields.NOT_YOURS in page and not kept_in(page) and "required" in _tag(page)


def test_one_under_a_lost_key_is_asked_for(form: Browser, services: Services) -> None:
    services.dispatch.vault = Vault(["lost"])
    page = form.client.get(f"{ADDRESS}?from={past_run(services, 'local').id}").text

    assert secret_fields.NOT_YOURS in page and not kept_in(page)


def test_the_same_form_sent_twice_is_one_task_and_no_warning(form: Browser, services: Services) -> None:
    values = form.open(ADDRESS)
    first = form.send(values, "confess", p_password=CANARY)
    second = form.send(values, "confess", p_password=CANARY)

    assert first.headers["Location"] == second.headers["Location"]
    assert "This form was already submitted" not in form.client.get(second.headers["Location"]).text
    other = form.send(values, "confess", p_password="changed since")
    assert "This form was already submitted" in form.client.get(other.headers["Location"]).text


# From the form to the end


def test_a_canary_that_was_kept_would_be_found(services: Services, new_task: Any) -> None:
    new_task(params={"x": f"a {CANARY}"})
    with pytest.raises(AssertionError, match="canary"):
        nowhere(services)


@pytest.mark.parametrize("ending", ["return", "raise"])
def test_a_canary_is_found_nowhere(form: Browser, services: Services, tmp_path: Path, ending: str) -> None:
    form.send(form.open(ADDRESS), "confess", p_password=CANARY, p_ending=ending, max_attempts="1")
    task = run_as_a_child_does(services, tmp_path)

    log = services.logs.read(task.id, 1).text
    for said in ("printed", "quoted", "basic", "logged", "from a child"):
        assert said in log
    assert f"from a child {MASK}" in log and task.status.ended
    assert no_file(tmp_path) == 1 and nowhere(services) > 5
    for path in ("", "/log", "/live", "/log/live", "/result.json"):
        assert hits(form.client.get(f"/tasks/{task.id}{path}").data) == []
    for path in ("/", "/tasks", f"{ADDRESS}?from={task.id}"):
        assert hits(form.client.get(path).data) == []
    assert MASK in form.client.get(f"/tasks/{task.id}").text


def run_as_a_child_does(services: Services, folder: Path) -> Task:
    """The attempt of `workers.attempt.child`, in this process; its output stays on the disk."""
    named = parse_job_id(services.queues.take(0) or "")
    task = services.tasks.claim(*named, "worker") if named else None
    assert task
    context = AttemptContext(task, services, lambda: False)
    path = log_path(folder, task.id, task.attempt)
    with Capture(path), printing_to_the_descriptor():
        outcome = attempt(task, load(["tests.workers.samples"])[task.type], context, lambda begun: None)
    LogWriter(services.logs, path, task.id, task.attempt, context.mask).write(ended=True)
    services.tasks.report_progress(task, context.progress_now or {})
    settle(services, task, outcome)
    context.close()
    return services.tasks.get(task.id)


@contextlib.contextmanager
def printing_to_the_descriptor() -> Iterator[None]:
    """As in a worker, where nothing stands between `print` or `logging` and descriptor 1."""
    with open(1, "w", closefd=False) as out, contextlib.redirect_stdout(out):
        handler = logging.StreamHandler(out)
        logging.getLogger().addHandler(handler)
        yield
        logging.getLogger().removeHandler(handler)


def past_run(services: Services, owner: str) -> Task:
    new = NewTask(type="confess", params={"password": Secret(CANARY)}, title="Confess", owner=owner)
    task = services.dispatch.submit(new).task
    services.tasks.cancel(task.id, owner)
    assert services.tasks.get(task.id).status is Status.CANCELED
    return task


def _sent(page: str) -> Any:
    return Sent(page).values


def _tag(page: str) -> str:
    return page[page.index('type="password"') :].partition(">")[0]
