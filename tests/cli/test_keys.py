"""`flask keys rotate`: every secret under the current key, once, and nothing else changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from bson import ObjectId
from click.testing import Result
from pymongo.errors import AutoReconnect

from app import create_app
from app.core.secrets.secret import SEALED, Secret
from app.core.secrets.vault import CannotOpen, Vault
from app.core.services import Services
from app.core.tasks import queries
from app.core.tasks.task import Task
from config import Settings

OLD, NEW, OTHER = "old", "tests-only too", "lost"
PARAMS = {"password": Secret("canary"), "rows": [{"word": Secret("second"), "name": "ada"}], "n": 2**40}


@pytest.fixture
def rotate(settings: Settings, services: Services) -> Callable[..., Result]:
    """The command with a current and a former key."""
    object.__setattr__(services, "vault", Vault([NEW, OLD]))
    runner = create_app(settings, services).test_cli_runner()
    return lambda *words: runner.invoke(args=["keys", "rotate", *words])


@pytest.fixture
def sealed(services: Services, new_task: Callable[..., Task]) -> Callable[[str], Task]:
    """A task with two secrets under a key."""

    def make(key: str) -> Task:
        services.dispatch.vault = Vault([key])
        return new_task(params=PARAMS)

    return make


def stored(services: Services, task: Task) -> Any:
    return services.db.tasks.find_one({"_id": task.id})


def test_former_keys_are_not_needed_afterwards(
    rotate: Callable[..., Result],
    sealed: Callable[[str], Task],
    new_task: Callable[..., Task],
    services: Services,
) -> None:
    old, current, plain = sealed(OLD), sealed(NEW), new_task(params={"text": "no secret"})
    before = {task.id: stored(services, task) for task in (old, current, plain)}
    done = rotate()

    counts = "Secrets encrypted again: 2; under the current key already: 2; unreadable: 0."
    assert (done.exit_code, done.stdout) == (0, f"Tasks with secrets: 2. {counts}\n")
    assert Vault([NEW]).opened(stored(services, old)["params"], old.id) == PARAMS
    assert stored(services, current) == before[current.id] and stored(services, plain) == before[plain.id]
    changed = {name for name, value in stored(services, old).items() if before[old.id][name] != value}
    assert changed == {"params"}
    with pytest.raises(CannotOpen):
        Vault([NEW]).opened(stored(services, old)["params"], current.id)  # still of its own task only


def test_a_dry_run_changes_nothing_and_a_second_run_neither(
    rotate: Callable[..., Result], sealed: Callable[[str], Task], services: Services
) -> None:
    task = sealed(OLD)
    before = stored(services, task)
    assert "to encrypt again: 2;" in rotate("--dry-run").stdout and stored(services, task) == before

    rotate()
    once = stored(services, task)
    assert "encrypted again: 0;" in rotate().stdout and stored(services, task) == once != before


def test_what_no_key_decrypts_stays_and_is_counted(
    rotate: Callable[..., Result], sealed: Callable[[str], Task], services: Services
) -> None:
    lost, old = sealed(OTHER), sealed(OLD)
    services.db.tasks.update_one(
        {"_id": lost.id}, {"$set": {"params.password": stored(services, old)["params"]["password"]}}
    )
    before = stored(services, lost)
    done = rotate()

    assert done.exit_code == 3 and "unreadable: 2." in done.stdout and "SECRETS_KEY_FALLBACKS" in done.stderr
    assert stored(services, lost) == before
    assert Vault([NEW]).opened(stored(services, old)["params"], old.id) == PARAMS


def test_damaged_documents_are_passed_over(
    rotate: Callable[..., Result], sealed: Callable[[str], Task], services: Services
) -> None:
    damaged = [None, "text", {"x": {SEALED: 1}}, {"x": {SEALED: "1.zz.content"}}]
    services.db.tasks.insert_many([{"_id": ObjectId(), "params": params} for params in damaged])
    services.db.tasks.insert_one({"_id": ObjectId()})
    sealed(OLD)

    assert (rotate().exit_code, rotate("--dry-run").stdout.split(".")[0]) == (0, "Tasks with secrets: 1")


def test_an_interrupted_run_is_continued(
    rotate: Callable[..., Result], sealed: Callable[[str], Task], services: Services,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(queries, "PARAMS_BATCH", 2)
    tasks = [sealed(OLD) for _ in range(5)]
    real, left = services.tasks.replace_params, iter(range(3))

    def interrupted(*given: Any) -> bool:
        if next(left, None) is None:
            raise AutoReconnect("away")
        return real(*given)

    with monkeypatch.context() as outage:
        outage.setattr(services.tasks, "replace_params", interrupted)
        first = rotate()
    assert first.exit_code == 1 and "Traceback" not in first.stderr

    assert "again: 4; under the current key already: 6;" in rotate().stdout
    assert [Vault([NEW]).opened(stored(services, task)["params"], task.id) for task in tasks] == [PARAMS] * 5


def test_without_a_key_it_says_so(rotate: Callable[..., Result], services: Services) -> None:
    object.__setattr__(services, "vault", Vault([]))
    done = rotate()

    assert done.exit_code == 1 and "SECRETS_KEY" in done.stderr
