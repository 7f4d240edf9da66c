"""People and programs that create tasks through a storm, and write down what they were promised."""

from __future__ import annotations

import contextlib
import os
import queue
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pymongo.errors import PyMongoError

from app.core.errors import TaskQueueError
from app.core.services import connect
from app.core.tasks.states import Priority
from app.core.tasks.task import NewTask
from config import load
from tests.chaos.checker import Ack
from tests.rig.person import LOST, Answer, Person, new_key

QUEUES = ("high", "medium", "low")
SECONDS = (0.0, 0.0, 0.0, 0.0, 0.05, 0.1, 0.3, 1.5)
PATIENCE_S = 120.0


@dataclass(frozen=True)
class Wish:
    """One task that a client wants: the same one however often it has to ask."""

    number: int
    priority: str
    seconds: float
    due_s: float


def wishes(count: int, seconds: float, chance: random.Random) -> list[Wish]:
    """Wishes at an even pace."""
    return [
        Wish(number, chance.choice(QUEUES), chance.choice(SECONDS), number * seconds / count)
        for number in range(count)
    ]


class Book:
    """What clients were promised, on the disk before they go on (fsync)."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def note(self, number: int, task: str) -> None:
        with self._lock:
            os.write(self._file, f"{number} {task}\n".encode())
            os.fsync(self._file)

    def acks(self) -> list[Ack]:
        lines = (line.split() for line in self._path.read_text().splitlines())
        return [Ack(int(number), task) for number, task in lines]


Ask = Callable[[Wish, str], str | None]
"""Asks once for a wish under a submission key: the task's id, or None when no promise came."""


class Crowd:
    """Clients at work, each in a thread; `over` when every wish was promised or given up."""

    def __init__(self, wanted: list[Wish], asks: list[Ask], book: Book) -> None:
        self._wanted: queue.Queue[Wish] = queue.Queue()
        for wish in wanted:
            self._wanted.put(wish)
        self._book, self._began = book, time.monotonic()
        self.given_up: list[int] = []
        self._threads = [threading.Thread(target=self._work, args=(ask,), daemon=True) for ask in asks]
        for thread in self._threads:
            thread.start()

    @property
    def over(self) -> bool:
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self, ask: Ask) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._insist(self._wanted.get_nowait(), ask)

    def _insist(self, wish: Wish, ask: Ask) -> None:
        time.sleep(max(0.0, self._began + wish.due_s - time.monotonic()))
        key, end = new_key(), time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            task = ask(wish, key)
            if task is not None:
                self._book.note(wish.number, task)
                return
            time.sleep(0.2)
        self.given_up.append(wish.number)


class ByForm:
    """A browser that opens the form once and sends it for each wish."""

    def __init__(self, port: int, sign_in: Callable[[], dict[str, str]]) -> None:
        self._person, self._sign_in = Person(port, timeout_s=10), sign_in
        self._form: dict[str, str] = {}

    def __call__(self, wish: Wish, key: str) -> str | None:
        try:
            self._person.cookies = self._person.cookies or self._sign_in()
            self._form = self._form or self._person.open("mark")
            return self._promised(self._person.send("mark", self._filled(wish, key)))
        except (*LOST, AssertionError, PyMongoError):
            return None

    def _filled(self, wish: Wish, key: str) -> dict[str, str]:
        return {
            **self._form,
            "p-number": str(wish.number),
            "p-seconds": str(wish.seconds),
            "priority": wish.priority,
            "submission_key": key,
        }

    def _promised(self, answer: Answer) -> str | None:
        if answer.status == 303:
            return answer.task
        if answer.status < 500:
            raise RuntimeError(f"a form was refused: {answer.status} {answer.text[:1000]}")
        return None


class ByCode:
    """A program that submits through the core, with a submission key of its own."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._services = connect(load(env))

    def __call__(self, wish: Wish, key: str) -> str | None:
        params = {"number": wish.number, "seconds": wish.seconds}
        new = NewTask(
            "mark", params, "Mark", Priority.from_word(wish.priority), max_attempts=20, submission_key=key
        )
        try:
            return str(self._services.dispatch.submit(new).task.id)
        except (PyMongoError, TaskQueueError):
            return None

    def close(self) -> None:
        self._services.close()
