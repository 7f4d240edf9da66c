"""What goes from a supervisor to its child: settings once, then the secrets of the task that runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from bson import ObjectId

from app.core.secrets.secret import Secret
from app.core.secrets.vault import CannotOpen, Vault
from workers import handover
from workers.handover import Receiver, Sender, SupervisorVault, opened_for

PARAMS = {"password": Secret("canary"), "rows": [{"word": Secret("second"), "name": "ada"}], "n": 1}


@pytest.fixture
def sender() -> Iterator[Sender]:
    made = Sender()
    yield made
    made.close()


def test_settings_arrive_whole(sender: Sender) -> None:
    sent = {"MONGODB_URI": "mongodb://db/x\n\u2028", "REDIS_URL": "redis://" + "x" * 40_000}
    assert sender.send(sent)
    assert Receiver(sender.reader).receive() == sent


def test_a_supervisor_that_has_ended_is_noticed() -> None:
    sender = Sender()
    receiver = Receiver(sender.reader)
    sender.reader = -1
    sender.close()
    with pytest.raises(EOFError):
        receiver.receive()


def test_one_that_does_not_listen_is_not_waited_for(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "PATIENCE_S", 0.0)
    assert not sender.send("x" * 2**20)


@pytest.mark.parametrize("keys", [["key"], ["new", "key"]])
def test_a_child_without_a_key_has_its_supervisor_decrypt(sender: Sender, keys: list[str]) -> None:
    task_id, asked = ObjectId(), []
    params = Vault(["key"]).sealed(PARAMS, task_id)

    def supervisor(open: list[str]) -> None:
        asked.append(open)
        sender.send(opened_for(Vault(keys), task_id, open))

    child = SupervisorVault(supervisor, Receiver(sender.reader))

    assert child.opened(params, task_id) == PARAMS
    assert child.opened({"text": "no secret"}, task_id) == {"text": "no secret"}
    assert [len(tokens) for tokens in asked] == [2]


def test_secrets_larger_than_a_pipe_arrive(sender: Sender) -> None:
    task_id = ObjectId()
    large = {"key": Secret("x" * 300_000)}

    def supervisor(open: list[str]) -> None:
        threading.Thread(target=lambda: sender.send(opened_for(Vault(["key"]), task_id, open))).start()

    child = SupervisorVault(supervisor, Receiver(sender.reader))
    assert child.opened(Vault(["key"]).sealed(large, task_id), task_id) == large


@pytest.mark.parametrize(
    ("vault", "runs"), [(Vault(["key"]), ObjectId()), (Vault(["lost"]), None), (Vault([]), None)]
)
def test_a_refusal_is_an_error_of_the_parameters(sender: Sender, vault: Vault, runs: Any) -> None:
    task_id = ObjectId()
    params = Vault(["key"]).sealed(PARAMS, task_id)

    def supervisor(open: list[str]) -> None:
        sender.send(opened_for(vault, runs or task_id, open))

    with pytest.raises(CannotOpen):
        SupervisorVault(supervisor, Receiver(sender.reader)).opened(params, task_id)
