"""Somebody who ticks tasks in the list, presses a button, and then the button of each page that follows."""

from __future__ import annotations

import re
from typing import Any

from werkzeug.test import TestResponse

from tests.web.looking import Looker, text_of

HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


class Chooser(Looker):
    """Bob operates."""

    def choose(self, path: str, *tasks: Any, status: int = 200, **values: Any) -> str:
        """The page that asks, for these tasks (or ids); ``path`` may have a filter."""
        self.open("/tasks")
        answer = self.send(path, {"id": [getattr(task, "id", task) for task in tasks], **values})
        if status == 200:
            return self.follow(answer).text
        assert answer.status_code == status, text_of(answer.text)
        return answer.text

    def follow(self, answer: TestResponse) -> TestResponse:
        """The page that an answer to a form leads to, as a browser opens it: by GET."""
        assert answer.status_code == 303, text_of(answer.text)
        page = self.client.get(answer.location)
        assert page.status_code == 200, text_of(page.text)
        return page

    def send(self, path: str, values: dict[str, Any]) -> TestResponse:
        return self.client.post(f"/tasks/many/{path}", data={"csrf_token": self._token, **values})

    def press_on(self, html: str, **headers: str) -> TestResponse:
        """The first button of the form on a page of ours."""
        action = re.search(r'<form method="post" action="(/tasks/many/[^"]+)"', html)
        assert action, text_of(html)
        values: dict[str, list[str]] = {}
        for name, value in HIDDEN.findall(html):
            values.setdefault(name, []).append(value)
        return self.client.post(action[1].replace("&amp;", "&"), data=values, headers=headers)

    def start(self, html: str) -> str:
        """Press the button of a preview; returns the address of the page that it leads to."""
        answer = self.press_on(html)
        assert answer.status_code == 303 and answer.location.startswith("/bulk/"), text_of(answer.text)
        return answer.location

    def end(self, html: str) -> str:
        """What the page of a bulk action says when it was started from a preview."""
        return text_of(self.open(self.start(html)).split("<main")[1])
