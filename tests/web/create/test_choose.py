"""Create Task: which types are offered, in what order, and what is said when there are none."""

from __future__ import annotations

import re

from tests.web.create.creating import publish


def titles(page: str) -> list[str]:
    return re.findall(r"<h3><a href=\"[^\"]+\">([^<]+)</a></h3>", page)


def many(services):
    for number in range(8):
        publish(services, f"job_{number}", title=f"Job {number}", category="Data" if number % 2 else "Mail")


def test_without_types_it_says_how_to_get_some(client):
    page = client.get("/tasks/new")
    assert page.status_code == 200
    assert "No task types yet" in page.text
    assert "python -m workers" in page.text


def test_types_stand_under_their_category(client, services):
    many(services)
    page = client.get("/tasks/new").text
    assert re.findall(r"<h2 id=\"category-\d\">(\w+)</h2>", page) == ["Data", "Mail"]
    assert titles(page) == [f"Job {number}" for number in (1, 3, 5, 7, 0, 2, 4, 6)]


def test_a_type_that_nobody_serves_is_shown_as_such_and_its_form_warns(client, services):
    publish(services, served=False)
    assert "No worker available" in client.get("/tasks/new").text
    assert "No running worker supports this task type" in client.get("/tasks/new/clean_table").text
    publish(services)
    assert "No worker available" not in client.get("/tasks/new").text
    assert "No running worker supports this task type" not in client.get("/tasks/new/clean_table").text


def test_what_was_used_lately_comes_first_when_there_are_many(client, services, new_task):
    many(services)
    for name in ("job_2", "job_5", "job_2", "gone"):
        new_task(type=name)
    page = client.get("/tasks/new").text
    assert re.findall(r'<a class="tag" href="/tasks/new/\w+">([^<]+)</a>', page) == ["Job 2", "Job 5"]
    assert len(titles(page)) == 8  # a card each, and no second one


def test_a_search_without_a_script(client, services):
    many(services)
    assert titles(client.get("/tasks/new?q=MAIL+job+4").text) == ["Job 4"]
    nothing = client.get("/tasks/new", query_string={"q": "<script>alert(1)</script>"}).text
    assert "No matching task types" in nothing
    assert "<script>alert(1)" not in nothing


def test_texts_of_a_type_are_escaped(client, services):
    publish(services, title="<i>T</i>", summary="<i>S</i>", help="<i>H</i>", category="<i>C</i>")
    for address in ("/tasks/new", "/tasks/new/clean_table"):
        assert "<i>" not in client.get(address).text
