"""What a process hands to the one it starts, over a pipe: secret settings, and the secrets of a task.

Neither is in variables or on a command line, where task code could read them. A child has no key: its
supervisor decrypts what the task that it runs was given, and nothing else.
"""

from __future__ import annotations

import json
import os
import select
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bson import ObjectId

from app.core.secrets.secret import SEALED, Secret, is_sealed, is_secret, replaced
from app.core.secrets.vault import CannotOpen, Vault

PATIENCE_S = 5.0


class Sender:
    """The end of the process that hands over. ``reader`` is for the other process to inherit."""

    def __init__(self) -> None:
        self.reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)

    def started(self) -> None:
        """Close the end that the other process has now."""
        os.close(self.reader)
        self.reader = -1

    def send(self, content: Any) -> bool:
        """Send one line; returns whether the other process has taken it within `PATIENCE_S`."""
        rest = memoryview(json.dumps(content).encode() + b"\n")
        deadline = time.monotonic() + PATIENCE_S
        while rest:
            try:
                rest = rest[os.write(self._writer, rest) :]
            except BlockingIOError:
                left_s = deadline - time.monotonic()
                if left_s <= 0 or not select.select([], [self._writer], [], left_s)[1]:
                    return False
            except BrokenPipeError:
                return False
        return True

    def close(self) -> None:
        if self.reader >= 0:
            self.started()
        os.close(self._writer)


class Receiver:
    """The end of the process that was started. It stays open for this process alone."""

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)
        self.descriptor = descriptor
        self._rest = b""

    def receive(self) -> Any:
        """Wait for one line. Raises EOFError where the other process has ended."""
        while b"\n" not in self._rest:
            content = os.read(self.descriptor, 65_536)
            if not content:
                raise EOFError
            self._rest += content
        line, _, self._rest = self._rest.partition(b"\n")
        return json.loads(line)


def received(descriptor: int) -> Mapping[str, str]:
    """Return the settings that were handed over, where nothing else will be."""
    found: Mapping[str, str] = Receiver(descriptor).receive()
    os.close(descriptor)
    return found


def opened_for(vault: Vault, task_id: ObjectId, tokens: Sequence[str]) -> dict[str, Any]:
    """Return the secrets of one task, or why they cannot be read, as the supervisor sends it."""
    try:
        return {"secrets": [vault.open_of_task(token, task_id) for token in tokens]}
    except CannotOpen as error:
        return {"refused": str(error)}


def sealed_for(vault: Vault, task_id: ObjectId, texts: Sequence[str]) -> dict[str, Any]:
    """Return secrets sealed for a task to come, or why they cannot be kept, as the supervisor sends it."""
    try:
        return {"sealed": [vault.seal_of_task(text, task_id) for text in texts]}
    except CannotOpen as error:
        return {"refused": str(error)}


class SupervisorVault:
    """Has the supervisor open what is sealed, and seal; ``tell`` sends it one line."""

    def __init__(self, tell: Callable[..., None], receiver: Receiver) -> None:
        self._tell, self._receiver = tell, receiver

    def opened(self, params: Any, task_id: ObjectId) -> Any:
        """Return the parameters of the task that runs as they were given. Raises CannotOpen, EOFError."""
        tokens: list[str] = []
        replaced(params, is_sealed, lambda value: tokens.append(value[SEALED]))
        if not tokens:
            return params
        secrets = iter(self._answer("secrets", open=tokens))
        return replaced(params, is_sealed, lambda _: Secret(next(secrets)))

    def sealed(self, params: dict[str, Any], task_id: ObjectId) -> dict[str, Any]:
        """Return parameters as they are stored with a task to come. Raises CannotOpen, EOFError."""
        texts: list[str] = []
        replaced(params, is_secret, lambda secret: texts.append(secret.reveal()))
        if not texts:
            return params
        tokens = iter(self._answer("sealed", seal=texts, of=str(task_id)))
        kept: dict[str, Any] = replaced(params, is_secret, lambda _: {SEALED: next(tokens)})
        return kept

    def _answer(self, name: str, **asked: Any) -> list[str]:
        self._tell(**asked)
        answer = self._receiver.receive()
        if "refused" in answer:
            raise CannotOpen(answer["refused"])
        found: list[str] = answer[name]
        return found
