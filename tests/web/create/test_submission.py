"""What was sent is read once: nothing is described, laid out or judged again to be shown."""

from __future__ import annotations

from collections import Counter

import pytest

from app.core.params import validate as judged
from app.web.create import submission
from tests.core.params.models import INVITE
from tests.web.create.creating import publish
from tests.web.create.kinds import publish_every_kind


@pytest.fixture
def calls(monkeypatch):
    counted = Counter()

    def count(module, name):
        function = getattr(module, name)

        def counting(*given, **named):
            counted[name] += 1
            return function(*given, **named)

        monkeypatch.setattr(module, name, counting)

    for name in ("laid_out", "rows_among", "read_laid_out", "validate"):
        count(submission, name)
    count(judged, "describe")
    return counted


@pytest.mark.parametrize("changes", [{}, {"p_price": "x", "p_day": "soon"}])
def test_a_form_is_laid_out_read_and_judged_once(browser, services, calls, changes):
    publish_every_kind(services)
    sent = browser.open("/tasks/new/every_kind")
    calls.clear()
    given = {"p_start": ["2026-06-01T08:30", "UTC"], **changes}

    assert browser.send(sent, "every_kind", **given).status_code == (422 if changes else 303)
    assert calls == {"laid_out": 1, "rows_among": 1, "read_laid_out": 1, "validate": 1}


def test_rows_are_laid_out_once_more_without_those_that_nobody_filled_in(browser, services, calls):
    publish(services, "invite", schema=INVITE)
    sent = browser.open("/tasks/new/invite")
    calls.clear()

    assert browser.send(sent, "invite").status_code == 422
    assert calls == {"laid_out": 2, "rows_among": 2, "read_laid_out": 1, "validate": 1}
