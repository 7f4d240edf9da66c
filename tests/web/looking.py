"""Somebody in front of a page: opens addresses, reads them, and sends the forms that are on them."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.core.catalog import WorkerInfo
from app.core.clock import utcnow
from app.core.services import Services
from app.core.tasks.task import Task


def text_of(html: str) -> str:
    """What a person reads of it, on one line."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", html))).strip()


class Looker:
    """A person with a browser, who sends the token that the last form had."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self._token = ""

    def open(self, address: str, status: int = 200, **headers: str) -> str:
        answer = self.client.get(address, headers=headers)
        assert answer.status_code == status, answer.text
        found = re.search(r'name="csrf_token" value="([^"]+)"', answer.text)
        self._token = found[1] if found else self._token
        return answer.text

    def read(self, address: str, status: int = 200) -> str:
        return text_of(self.open(address, status))

    def press(self, task: Task, action: str, **values: Any) -> TestResponse:
        """Press a button on the page of a task, whether it is there or not."""
        self.open("/tasks/" + str(task.id)) if not self._token else None
        return self.client.post(f"/tasks/{task.id}/{action}", data={"csrf_token": self._token, **values})


def worker(services: Services, name: str = "worker-1", **given: Any) -> None:
    """A worker that lives."""
    now = utcnow()
    values: dict[str, Any] = {"types": ("count_slowly",), **given}
    services.catalog.report(WorkerInfo(name, "host", 1, "0.1.0", now, now, **values))


def claim(services: Services, task: Task, by: str = "worker-1") -> Task:
    """A worker takes the task."""
    services.queues.remove([task])
    taken = services.tasks.claim(task.id, task.dispatch, by)
    assert taken is not None
    return taken


def succeed(services: Services, task: Task, result: Any = None) -> Task:
    assert services.tasks.succeed(claim(services, task), result)
    return services.tasks.get(task.id)


def fail(services: Services, task: Task, message: str = "It broke.", traceback: str = "Traceback") -> Task:
    error = {"kind": "error", "type": "ValueError", "message": message, "traceback": traceback}
    assert services.dispatch.failed(claim(services, task), error)
    return services.tasks.get(task.id)


def aged(services: Services, task: Task, by: timedelta, *names: str) -> Task:
    """The task as if these moments had been earlier."""
    moved = {name: getattr(task, name) - by for name in names}
    services.db.tasks.update_one({"_id": task.id}, {"$set": moved})
    return replace(task, **moved)
