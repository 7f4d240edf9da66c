"""The form of a type with decimals, dates, moments, durations, addresses and JSON: sent, refused, cloned."""

from __future__ import annotations

import re

import pytest

from tests.web.create.creating import Sent, nothing_was_created, only
from tests.web.create.kinds import publish_every_kind

ADDRESS = "/tasks/new/every_kind"
KEPT = {
    "price": "9.95",
    "day": "2026-06-01",
    "at": "08:30:00",
    "start": "2026-06-01T08:30:00+02:00",
    "stop": None,
    "patience": "PT1H30M",
    "answer_to": None,
    "page": "https://example.com/a",
    "source": None,
    "options": {"depth": 2},
    "sizes": [1, 2],
    "days": [],
    "code": "AB1",
    "share": 0.3,
}


@pytest.fixture
def form(browser, services):
    publish_every_kind(services)
    return browser


def send(form, **changes):
    given = {"p_start": ["2026-06-01T08:30", "Europe/Berlin"], **changes}
    return form.send(form.open(ADDRESS), "every_kind", **given)


def test_a_form_as_it_opens_is_what_its_defaults_say(form, services):
    assert send(form).status_code == 303
    kept = only(services).params
    assert kept == KEPT
    assert isinstance(kept["price"], str)


def test_what_people_type_is_kept_exactly(form, services):
    answer = send(
        form,
        p_price="1000.05",
        p_patience="2 days",
        p_stop=["2026-10-25T02:30", "+01:00"],
        p_answer_to="ada@example.com",
        p_source="ftp://host/file",
        p_options='{"$where": {"a.b": [1.0, null]}}',
        p_anything="null",
        p_sizes="3\r\n\r\n1",
        p_days="2026-02-28",
    )
    assert answer.status_code == 303
    assert only(services).params == KEPT | {
        "price": "1000.05",
        "patience": "P2D",
        "stop": "2026-10-25T02:30:00+01:00",
        "answer_to": "ada@example.com",
        "source": "ftp://host/file",
        "options": {"$where": {"a.b": [1.0, None]}},
        "anything": None,
        "sizes": [3, 1],
        "days": ["2026-02-28"],
    }


WRONG = {
    "price": (["9.99"], "Enter a multiple of 0.05."),
    "day": (["2031-01-01"], "Enter 2030-12-31 or earlier."),
    "at": (["25:00"], "There is no time 25:00. Enter a time of day, such as 08:30."),
    "start": (["2026-03-29T02:30", "Europe/Berlin"],
              "02:30 on 2026-03-29 does not exist in Europe/Berlin: clocks go forward over it."),
    "stop": (["2026-06-01T08:30", "Mars"],
             "There is no time zone “Mars”. Give a name such as Europe/Berlin, or an offset such as +02:00."),
    "patience": (["3 days"], "Enter 2 days or less."),
    "answer_to": (["ada"], "Enter an e-mail address, such as ada@example.com. "
                           "An email address must have an @-sign."),
    "page": (["ftp://example.com"], "Enter a URL that begins with http:// or https://."),
    "source": (["javascript:alert(1)"], "Enter a complete URL, such as https://example.com/page."),
    "options": (['{\n"a": }'], "This is not JSON: line 2, column 6: expecting value."),
    "anything": (["[NaN]"], "JSON has no NaN."),
    "sizes": (["1\n\n0"], "Line 3: Enter 1 or more."),
    "days": (["soon"], "Line 1: Enter a date, such as 2026-12-31."),
    "code": (["abc"], "Wrong format (^[A-Z]{2}[0-9]+$)."),
    "share": (["0.35"], "Enter a multiple of 0.1."),
}  # fmt: skip


def test_each_mistake_stands_beside_its_field_and_what_was_typed_is_kept(form, services):
    answer = send(form, **{f"p_{name}": texts for name, (texts, _) in WRONG.items()})
    again = Sent(answer.text)

    assert answer.status_code == 422
    beside = {name.removeprefix("p-"): text.strip() for name, text in again.errors.items()}
    assert beside == {name: sentence for name, (_, sentence) in WRONG.items()}
    for name, (texts, _) in WRONG.items():
        assert [text.replace("\r\n", "\n") for text in again.values.getlist(f"p-{name}")] == texts
    assert nothing_was_created(services)


def test_a_text_that_a_browser_would_not_show_stands_in_a_plain_line(form):
    page = send(form, p_day="1.6.2026", p_price="9,95", p_start=["tomorrow", "UTC"]).text
    for name in ("day", "price", "start"):
        assert re.search(rf'id="p-{name}" [^>]*type="text"', page)


def test_nothing_is_not_taken_for_a_default(form, services):
    answer = send(form, p_day="", p_options=" ", p_start=["", "Europe/Berlin"], p_patience="")
    assert {name: text.strip() for name, text in Sent(answer.text).errors.items()} == {
        "p-day": "Enter a date from 2026-01-01 to 2030-12-31.",
        "p-options": "Enter JSON.",
        "p-start": "This field is required.",
        "p-patience": "Enter a duration from 1 minute to 2 days.",
    }
    assert nothing_was_created(services)


CLONED = {
    "p_start": ["2026-06-01T08:30:15.25", "-03:30"],
    "p_stop": ["2026-10-25T02:30", "Europe/Lisbon"],
    "p_patience": "90",
    "p_anything": '[1.0, "x", null]',
    "p_days": "2026-02-28\n2027-02-28",
    "p_price": "0.10",
}


@pytest.mark.parametrize(
    "changes", [{}, CLONED | {"p_stop": None}, {"p_anything": "null"}, CLONED | {"p_stop": ["", ""]}]
)
def test_a_clone_of_a_task_is_the_same_task(form, services, changes):
    assert send(form, **changes).status_code == 303
    first = only(services)
    services.db.tasks.update_one({"_id": first.id}, {"$set": {"submission_key": "another"}})

    assert form.send(form.open(f"{ADDRESS}?from={first.id}"), "every_kind").status_code == 303
    second = services.db.tasks.find_one({"parent": first.id})
    assert second["params"] == first.params
    assert repr(second["params"]) == repr(first.params)


def test_a_moment_is_shown_again_in_the_zone_it_was_meant_in(form, services):
    send(form, p_start=["2026-06-01T08:30", "Asia/Kolkata"])
    again = form.open(f"{ADDRESS}?from={only(services).id}")
    assert again.getlist("p-start") == ["2026-06-01T08:30", "+05:30"]


def test_the_page_of_the_task_says_them_in_words(form, services, client):
    send(form, p_patience="90m", p_source="ftp://host/file", p_answer_to="ada@example.com", p_sizes="1\n2")
    page = client.get(f"/tasks/{only(services).id}").text
    parameters = page.split('id="parameters-title"')[1].split("</section>")[0]

    assert "1 hour 30 minutes" in parameters
    assert "2026-06-01 08:30 +02:00</span>" in parameters
    assert '<time datetime="2026-06-01T08:30:00.000+02:00"' in parameters
    assert 'href="https://example.com/a" rel="noopener noreferrer nofollow"' in parameters
    assert "ftp://host/file" in parameters
    assert 'href="ftp' not in parameters
    assert "ada@example.com" in parameters
    assert "{\n  &#34;depth&#34;: 2\n}" in parameters


def test_an_address_is_never_a_script(form, services, client):
    send(form)
    task = only(services)
    for value in ("javascript:alert(1)//https://x", " JavaScript:alert(1)", "data:text/html,<script>"):
        services.db.tasks.update_one({"_id": task.id}, {"$set": {"params.page": value}})
        page = client.get(f"/tasks/{task.id}").text
        assert not re.search(r'href="\s*(javascript|data):', page, re.IGNORECASE)
        assert "alert(1)" in page or "data:text/html,&lt;script&gt;" in page


def test_values_of_an_older_version_of_the_type_do_not_break_the_page_or_the_form(form, services, client):
    send(form)
    task = only(services)
    odd = {
        "start": 3,
        "patience": "soon",
        "price": 1.5,
        "page": None,
        "sizes": "x",
        "options": "text",
        "days": [1],
    }
    services.db.tasks.update_one({"_id": task.id}, {"$set": {"params": odd}})
    assert client.get(f"/tasks/{task.id}").status_code == 200
    assert form.open(f"{ADDRESS}?from={task.id}").getlist("p-patience") == ["soon"]
