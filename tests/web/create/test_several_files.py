"""Several files in one field: chosen together, kept, dropped, counted, and nobody else's."""

from __future__ import annotations

import io

import pytest

from tests.core.params.models import INVITE
from tests.web.create.creating import Sent, nothing_was_created, only, publish, upload

FORM = "/tasks/new/invite"
FINE = {"p-people.0.name": "Ada"}


@pytest.fixture(autouse=True)
def invite(services):
    publish(services, "invite", schema=INVITE, title="Invite people")


def send(browser, form, **changes):
    return browser.send(form, "invite", **{**FINE, **changes})


def names(services) -> list[str]:
    task = only(services)
    known = {str(file.id): file.name for file in services.files.of_task(task.id)}
    return [known[one] for one in task.params["files"]]


def test_several_in_one_go_in_their_order(browser, services):
    send(browser, browser.open(FORM), **{"p-files": [upload(name="b.csv"), upload(name="a.csv")]})
    assert names(services) == ["b.csv", "a.csv"]
    assert only(services).title == "Invite people: b.csv and 1 more"


def test_they_stay_with_an_error_and_can_be_left_out_and_added_to(browser, services):
    answer = send(
        browser,
        browser.open(FORM),
        **{"p-files": [upload(name="a.csv"), upload(name="b.csv")]},
        timeout_s="soon",
    )
    form = Sent(answer.text).values
    first, second = form.getlist("p-files")
    assert f'name="drop-files" value="{first}"' in answer.text
    kept = {"p-files": [first, second, upload(name="c.csv")], "drop-files": [first], "timeout_s": "60"}
    assert send(browser, form, **kept).status_code == 303
    assert names(services) == ["b.csv", "c.csv"]


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ([], "Please choose a file."),
        (["a.csv", "b.csv", "c.csv", "d.csv"], "Use 3 files or fewer."),
        (["a.csv", "b.exe"], "b.exe isn't an accepted file type. Accepted: .csv, .tsv."),
    ],
)
def test_what_is_wrong_stands_beside_the_field(browser, services, chosen, sentence):
    answer = send(browser, browser.open(FORM), **{"p-files": [upload(name=name) for name in chosen]})
    assert answer.status_code == 422
    assert Sent(answer.text).errors == {"p-files": sentence}
    assert all((name in answer.text) for name in chosen)
    assert nothing_was_created(services)


def test_somebody_elses_files_are_gone(browser, services):
    hers = services.files.save(io.BytesIO(b"1"), "hers.csv", "text/csv", "charlie", role="input")
    answer = send(browser, browser.open(FORM), **{"p-files": [str(hers.id), "0" * 24, upload()]})
    assert Sent(answer.text).errors == {"p-files": "2 files are no longer here. Please choose them again."}
    assert "hers.csv" not in answer.text
    assert nothing_was_created(services)


def test_each_is_sent_alone_by_the_script(browser, services):
    token = browser.open(FORM)["csrf_token"]
    for parameter, status in (
        ("files", 201),
        ("people.photo", 201),
        ("people", 404),
        ("address.street", 404),
    ):
        answer = browser.post(
            f"{FORM}/{parameter}",
            {"file": upload()},
            headers={"X-CSRFToken": token, "Accept": "application/json"},
        )
        assert answer.status_code == status, parameter
    assert services.db["files.files"].count_documents({}) == 2


def test_a_file_of_a_model_that_is_not_given_belongs_to_no_task(browser, services):
    form = browser.open(FORM)
    send(
        browser,
        form,
        **{"p-files": [upload()], "p-people.0.photo": upload(name="ada.csv"), "drop-people.0.photo": "1"},
    )
    assert {file.name for file in services.files.of_task(only(services).id)} == {"airports.csv", "ada.csv"}
