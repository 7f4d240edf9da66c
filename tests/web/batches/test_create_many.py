"""Create many: from a table to one batch, in steps that are addresses and without a script."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
from flask.testing import FlaskClient
from pydantic import BaseModel, Field, SecretStr

from app.core.people.roles import Role
from app.core.services import Services
from app.core.tasks.task import Task
from tests.core.params.schemas import FILE, schema_of
from tests.rig.forms import Sent
from tests.web.create.creating import Browser, publish, upload


class Place(BaseModel):
    """A part."""

    city: str
    number: int = 1


ROWS = b'Name,age,Colors,place\nAnn,3,red,\nBob,4,"red,blue","{""city"": ""Rome""}"\n'
NEW = "/batches/new/greet"


@pytest.fixture(autouse=True)
def greet(services: Services) -> None:
    schema = schema_of(
        full_name=(Annotated[str, Field(title="Name", max_length=20)], ...),
        age=(Annotated[int, Field(ge=0)], ...),
        colors=(list[Literal["red", "blue"]], []),
        place=(Place | None, None),
        polite=(bool, True),
        photo=(Annotated[str, Field(json_schema_extra=FILE)] | None, None),
        password=(SecretStr | None, None),
    )
    publish(services, "greet", title="Greet", schema=schema)


@pytest.fixture
def person(client: FlaskClient) -> Browser:
    return Browser(client)


def token(client: FlaskClient, address: str = NEW) -> str:
    found = re.search('name="csrf_token" value="([^"]+)"', client.get(address).text)
    assert found
    return found[1]


def give(person: Browser, **sent: Any) -> Any:
    """Send the first step."""
    return person.post(NEW, {"csrf_token": token(person.client), **sent})


def table(person: Browser, content: bytes = ROWS, name: str = "people.csv") -> str:
    """Upload a table; returns the address of its columns."""
    answer = give(person, table=upload(content, name))
    assert answer.status_code == 303, answer.text
    return str(answer.headers["Location"])


def send(person: Browser, address: str, do: str = "create", **changes: Any) -> Any:
    values = Sent(person.client.get(address).text).values
    for name, value in changes.items():
        values.setlist(re.sub("^(p|map)_", r"\1-", name), [value])
    values["do"] = do
    return person.post(address, values)


def tasks(services: Services) -> list[Task]:
    found = services.db.tasks.find().sort([("_id", 1)])
    return [services.tasks.get(task["_id"]) for task in found]


def test_rows_become_tasks_of_one_batch(person: Browser, services: Services) -> None:
    address = table(person)
    page = person.client.get(address).text
    assert "All 2 rows are valid." in page and "Create 2 tasks" in page and "people.csv" in page
    made = send(person, address, p_photo=upload(name="ann.csv"), p_password="hunter2", title="", tags="new")
    assert made.status_code == 303, made.text
    ann, bob = tasks(services)
    assert (ann.params["full_name"], ann.params["age"], ann.params["colors"]) == ("Ann", 3, ["red"])
    assert (bob.params["colors"], bob.params["place"]) == (["red", "blue"], {"city": "Rome", "number": 1})
    assert ann.params["photo"] == bob.params["photo"] and ann.params["polite"] is True
    assert ann.batch == bob.batch and ann.tags == ("new",) and ann.title == "Greet, row 2"
    assert services.vault.opened(ann.params, ann.id)["password"].reveal() == "hunter2"
    shown = person.client.get(made.headers["Location"])
    assert shown.status_code == 200 and "Greet: people.csv" in shown.text


def test_twenty_clicks_make_one_batch(person: Browser, services: Services) -> None:
    address = table(person)
    values = Sent(person.client.get(address).text).values
    values["do"] = "create"
    answers = [person.post(address, values) for _ in range(20)]
    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert len(tasks(services)) == 2
    assert "This batch was already created" in person.client.get(address).text


def test_problems_stand_by_row_and_field_and_create_nothing(person: Browser, services: Services) -> None:
    address = table(person, b"Name,age\n" + b"Ann,x\n" * 3 + b"," + b"x" * 9 + b"\nBob,-1\nEve,5,6\nZoe,7\n")
    page = person.client.get(address).text
    assert "6 of 7 rows" in page and "Age: <b>5</b>" in page and "Name: <b>1</b>" in page
    assert "Row 2</b> Age: Enter a whole number" in page and "Row 7</b> This row has 3 cells" in page
    answer = send(person, address)
    assert answer.status_code == 422 and "6 of 7 rows" in answer.text
    assert tasks(services) == []


def test_wrong_rows_are_skipped_by_a_button_that_says_how_many(person: Browser, services: Services) -> None:
    address = table(person, b"Name,age\nAnn,x\nBob,4\nEve,5\n")
    page = person.client.get(address).text
    assert 'value="skip-1">Create 2 tasks, skip 1 row<' in page and 'value="create"' not in page
    assert send(person, address, do="skip-2").status_code == 422 and tasks(services) == []
    assert send(person, address, do="skip-1").status_code == 303
    assert [task.params["full_name"] for task in tasks(services)] == ["Bob", "Eve"]


def test_where_no_row_is_right_nothing_is_offered_but_to_check_again(person: Browser) -> None:
    page = person.client.get(table(person, b"Name,age\nAnn,x\n")).text
    assert 'value="check">Check again' in page and 'value="skip-' not in page and 'value="create"' not in page


def test_all_that_is_wrong_with_a_row_is_told_at_once(person: Browser, services: Services) -> None:
    page = person.client.get(table(person, b"Name,age\n" + b"x" * 21 + b",old\nAnn,\n")).text
    assert "Row 2</b> Name: Use 20 characters or fewer." in page
    assert "Row 2</b> Age: Enter a whole number" in page and "Row 3</b> Age: This field is required." in page
    assert page.count("Row 2</b>") == 2 and page.count("Row 3</b>") == 1


def test_a_column_can_go_elsewhere(person: Browser, services: Services) -> None:
    address = table(person, b"who,years,label\nAnn,3,Hello\n")
    page = send(person, address, do="check")
    assert page.status_code == 422 and "This field is required." in page.text
    both = send(person, address, map_0="full_name", map_1="full_name")
    assert both.status_code == 422 and "Choose one column for it" in both.text
    assert send(person, address, map_0="photo").status_code == 400
    made = send(person, address, map_0="full_name", map_1="age", map_2="=title")
    assert made.status_code == 303, made.text
    (ann,) = tasks(services)
    assert (ann.title, ann.params["full_name"], ann.params["age"]) == ("Hello", "Ann", 3)


def test_what_no_column_gives_is_the_same_for_all_and_checked_beside_its_field(
    person: Browser, services: Services
) -> None:
    address = table(person, b"name\nAnn\nBob\n")
    assert "All 2 rows are valid." in person.client.get(address).text
    wrong = send(person, address, p_age="x", timeout_s="0")
    assert wrong.status_code == 422 and "Fix 2 problems" in wrong.text
    assert "of 2 rows" not in wrong.text
    assert send(person, address, p_age="7").status_code == 303
    assert [task.params["age"] for task in tasks(services)] == [7, 7]


def test_json_lines_keep_their_types(person: Browser, services: Services) -> None:
    text = '{"full_name": "Ann", "age": 3, "place": {"city": "Rome"}}\n{"full_name": 7, "age": 3}'
    answer = give(person, text=text)
    address = answer.headers["Location"]
    assert "1 of 2 rows" in person.client.get(address).text
    answer = give(person, text=text.splitlines()[0])
    assert send(person, answer.headers["Location"]).status_code == 303
    assert tasks(services)[0].params["place"]["city"] == "Rome"


@pytest.mark.parametrize(
    ("sent", "status", "said"),
    [
        ({}, 422, "Upload one file, or paste a table."),
        ({"text": "a\n1", "table": upload()}, 422, "Use one table"),
        ({"text": "only a head"}, 422, "no rows"),
        ({"table": upload(b"x" * (8 * 2**20 + 1))}, 413, "at most 8 MB"),
    ],
)
def test_what_is_no_table_is_told(person: Browser, sent: Any, status: int, said: str) -> None:
    answer = give(person, **sent)
    assert answer.status_code == status and said in answer.text


def test_addresses_that_lead_nowhere(person: Browser, signed_in_as: Callable[..., Any]) -> None:
    address = table(person)
    get = person.client.get
    assert get("/batches/new/lost").status_code == get(f"{NEW}/{'0' * 24}?key={'k' * 16}").status_code == 404
    assert get(address.partition("?")[0]).status_code == get(f"{address}&x=1").status_code == 400
    assert signed_in_as(Role.VIEWER).get(NEW).status_code == 403
    assert signed_in_as(Role.SUBMITTER).get(address).status_code == 404  # somebody else's table
    assert NEW in get("/tasks/new/greet").text


def test_rows_of_a_model_can_be_added_for_all(person: Browser, services: Services) -> None:
    publish(services, "greet", title="Greet", schema=schema_of(name=(str, ...), places=(list[Place], [])))
    address = table(person, b"name\nAnn\n")
    values = Sent(person.client.get(address).text).values
    values["row"] = "add:places"
    page = person.post(address, values)
    assert page.status_code == 200 and "p-places.0.city" in page.text
    values = Sent(page.text).values
    values.setlist("p-places.0.city", ["Rome"])
    values["do"] = "create"
    assert person.post(address, values).status_code == 303
    assert tasks(services)[0].params["places"] == [{"city": "Rome", "number": 1}]
