"""An output of a task as the input of the next one: a link, no script, no download and upload."""

from __future__ import annotations

import io
import re
from typing import Annotated, Any

import pytest
from bson import ObjectId
from pydantic import Field

from app.core.people.person import Person
from app.core.people.roles import Role, grants_of
from app.core.tasks.task import Task
from tests.core.params.schemas import FILE, schema_of
from tests.web.create.creating import Sent, publish
from tests.web.looking import text_of

ANY = {"format": "file-id"}
ONE = schema_of(source=(Annotated[str, Field(title="Table", json_schema_extra=FILE)], ...))
TWO = schema_of(
    source=(Annotated[str, Field(title="Table", json_schema_extra=FILE)], ...),
    other=(Annotated[str, Field(title="Other", json_schema_extra=ANY)] | None, None),
)
MANY = schema_of(files=(list[Annotated[str, Field(json_schema_extra=ANY)]], ...))
NONE = schema_of(count=(int, 3))
ZIPS = schema_of(archive=(Annotated[str, Field(json_schema_extra={**ANY, "accept": [".zip"]})], ...))


@pytest.fixture
def types(services):
    for name, schema in {"one": ONE, "two": TWO, "many": MANY, "none": NONE, "zips": ZIPS}.items():
        publish(services, name, title=f"Type {name}", schema=schema)


@pytest.fixture
def saved(services):
    """A file of somebody that a task saved."""

    def save(name: str = "clean.csv", task: Task | None = None, owner: str = "local") -> str:
        file = services.files.save(io.BytesIO(b"a\n1\n"), name, "text/csv", owner, role="output")
        if task:
            services.files.attach([file.id], task.id)
        return str(file.id)

    return save


def cards(page: str) -> set[str]:
    return set(re.findall(r"/tasks/new/(\w+)\?file=", page))


def links(page: str) -> list[list[str]]:
    """The files of each link "Use as input"."""
    found = re.findall(r'class="use-as-input" href="/tasks/new\?([^"]*)"', page)
    return [re.findall(r"file=([0-9a-f]{24})", query) for query in found]


@pytest.mark.usefixtures("types")
class TestChoosing:
    def test_only_types_that_take_the_file(self, client, saved):
        page = client.get(f"/tasks/new?file={saved()}").text
        assert cards(page) == {"one", "two", "many"}
        assert "clean.csv , 4 bytes, is selected. These task types accept it." in text_of(page)
        assert cards(client.get(f"/tasks/new?file={saved('all.ZIP')}").text) == {"two", "many", "zips"}

    def test_several_files_need_room_for_all(self, client, saved):
        both = client.get(f"/tasks/new?file={saved('a.csv')}&file={saved('b.txt')}").text
        assert cards(both) == {"two", "many"}
        assert "a.csv and 1 more file are selected. These task types accept all of them." in text_of(both)
        three = "&".join(f"file={saved(f'{name}.csv')}" for name in "abc")
        assert cards(client.get(f"/tasks/new?{three}").text) == {"many"}

    def test_the_files_stay_while_one_searches(self, client, saved):
        file = saved()
        page = client.get(f"/tasks/new?q=many&file={file}").text
        assert cards(page) == {"many"}
        assert f'<input type="hidden" name="file" value="{file}">' in page

    def test_a_file_that_is_gone(self, client):
        answer = client.get(f"/tasks/new?file={ObjectId()}")
        assert answer.status_code == 404
        assert "no longer here" in answer.text

    @pytest.mark.parametrize("text", ["x", "0" * 23, "g" * 24, "0" * 25, "../../etc/passwd"])
    def test_what_is_no_id(self, client, text):
        assert client.get("/tasks/new", query_string={"file": text}).status_code == 400
        assert client.get("/tasks/new/one", query_string={"file": text}).status_code == 400

    def test_more_files_than_a_form_takes(self, client):
        query = "&".join(f"file={ObjectId()}" for _ in range(101))
        assert client.get(f"/tasks/new?{query}").status_code == 400


@pytest.mark.usefixtures("types")
class TestForm:
    def test_the_file_is_chosen_and_sent_as_it_stands(self, browser, services, saved, new_task):
        source = new_task()
        file = saved(task=source)

        form = browser.open(f"/tasks/new/one?file={file}")
        answer = browser.send(form, "one")

        assert form["p-source"] == file
        assert answer.status_code == 303
        made = services.db.tasks.find_one({"type": "one"})
        assert made["params"] == {"source": file}
        assert services.files.of_task(made["_id"])[0].name == "clean.csv"

    def test_it_stays_when_the_first_task_is_deleted(self, browser, services, saved, new_task):
        source = new_task()
        file = saved(task=source)
        browser.send(browser.open(f"/tasks/new/one?file={file}"), "one")

        services.files.release(source.id)

        assert services.files.get(ObjectId(file)).name == "clean.csv"

    def test_it_was_deleted_while_the_form_was_open(self, browser, services, saved, new_task):
        source = new_task()
        form = browser.open(f"/tasks/new/one?file={saved(task=source)}")
        services.files.release(source.id)

        answer = browser.send(form, "one")

        assert answer.status_code == 422
        assert Sent(answer.text).errors["p-source"] == "This file is no longer here. Please choose it again."

    def test_several_files(self, browser, saved):
        first, second, third = saved("a.csv"), saved("b.txt"), saved("c.csv")
        query = f"file={second}&file={first}"
        assert Sent(browser.client.get(f"/tasks/new/two?{query}").text).values["p-other"] == second
        assert Sent(browser.client.get(f"/tasks/new/two?{query}").text).values["p-source"] == first
        many = browser.open(f"/tasks/new/many?{query}&file={third}")
        assert [one for one in many.getlist("p-files") if one] == [second, first, third]

    @pytest.mark.parametrize(
        ("type_", "names", "field", "sentence"),
        [
            ("one", ["x.zip"], "p-source", "x.zip isn't an accepted file type. Accepted: .csv, .tsv."),
            ("one", ["a.csv", "b.csv"], "p-source", "There is no room for b.csv."),
            ("zips", ["a.csv"], "p-archive", "a.csv isn't an accepted file type. Accepted: .zip."),
        ],
    )
    def test_a_file_that_does_not_fit_is_said_beside_the_field(
        self, client, saved, type_, names, field, sentence
    ):
        query = "&".join(f"file={saved(name)}" for name in names)
        answer = client.get(f"/tasks/new/{type_}?{query}")
        assert answer.status_code == 200
        assert Sent(answer.text).errors == {field: sentence}

    def test_a_type_without_files_opens_as_ever(self, client, saved):
        assert Sent(client.get(f"/tasks/new/none?file={saved()}").text).errors == {}

    @pytest.mark.parametrize("owner", ["local", "bob"])
    def test_somebody_elses_file_is_as_if_it_were_gone(self, client, saved, owner):
        page = client.get(f"/tasks/new/one?file={saved('secret-name.csv', owner=owner)}").text
        assert ("secret-name" in page) is (owner == "local")
        assert bool(Sent(page).errors) is (owner != "local")
        chosen = client.get(f"/tasks/new?file={saved('secret-name.csv', owner=owner)}")
        assert (chosen.status_code == 200) is (owner == "local")
        assert ("secret-name" in chosen.text) is (owner == "local")


@pytest.mark.usefixtures("types")
class TestLinks:
    def of(self, client: Any, task: Task) -> list[list[str]]:
        return links(client.get(f"/tasks/{task.id}").text)

    def test_beside_each_output_and_for_all(self, client, saved, new_task):
        task = new_task()
        first, second = saved("a.csv", task), saved("b.csv", task)
        assert self.of(client, task) == [[first, second], [first], [second]]

    def test_one_output_has_one_link(self, client, saved, new_task):
        task = new_task()
        file = saved(task=task)
        assert self.of(client, task) == [[file]]

    def test_the_outputs_of_anybodys_task_that_may_be_downloaded(self, client, saved, new_task):
        task = new_task()
        file = saved(task=task, owner="bob")
        assert self.of(client, task) == [[file]]
        assert client.get(f"/tasks/new?file={file}").status_code == 200

    def test_none_for_inputs_and_without_outputs(self, client, new_task):
        assert self.of(client, new_task()) == []

    def test_none_for_who_may_not_create(self, client, saved, new_task, monkeypatch):
        from app.web.platform import permissions

        task = new_task()
        saved(task=task)
        reader = Person("local", "local", Role.VIEWER, grants=grants_of(Role.VIEWER))
        monkeypatch.setattr(permissions, "current_person", lambda: reader)
        assert self.of(client, task) == []
        assert client.get("/tasks/new").status_code == 403
