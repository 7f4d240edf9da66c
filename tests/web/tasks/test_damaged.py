"""No document breaks a page, whatever stands in it: a task of a wrong type is passed over or shown."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.tasks.states import Status
from tests.core.damage import FIELDS, WRONG, damaged, every
from tests.plugins.examples import examples
from tests.web.create.creating import publish
from tests.web.looking import worker

LISTS = (
    "/",
    "/tasks",
    "/tasks?sort=finished",
    "/tasks?sort=finished&status=failed&per_page=50",
    "/tasks?status=queued",
    "/tasks?q=count",
    "/tasks/counts",
    "/pulse",
    "/tasks/new",
)


@pytest.mark.slow
@pytest.mark.parametrize("wrong", WRONG)
def test_no_wrong_type_in_any_field_breaks_a_list(wrong, alice, services, new_task):
    services.db.tasks.drop_indexes()
    services.db.tasks.insert_many(every(WRONG[wrong]))
    task = new_task()
    for address in LISTS:
        page = alice.open(address)
        assert "sort=finished" in address or "?" in address or address != "/tasks" or str(task.id) in page


@settings(
    max_examples=examples(40),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(
    field=st.sampled_from(FIELDS), wrong=st.sampled_from(list(WRONG)), status=st.sampled_from(list(Status))
)
def test_no_wrong_type_in_any_field_breaks_the_page_of_a_task(client, services, field, wrong, status):
    publish(services)
    document = damaged(status, field, WRONG[wrong])
    services.db.tasks.insert_one(document)
    address = f"/tasks/{document['_id']}"
    for page in ("", "/live", "/log/live", "/result"):
        assert client.get(address + page).status_code < 500
    assert client.get(f"/tasks/new/clean_table?from={document['_id']}").status_code < 500


@pytest.mark.parametrize("wrong", WRONG)
def test_no_worker_or_type_of_a_wrong_shape_breaks_a_page(wrong, alice, services):
    worker(services)
    publish(services)
    for collection in ("workers", "task_types"):
        whole = services.db[collection].find_one()
        for name in [name for name in whole if name not in ("_id", "seen_at")]:
            odd = {**whole, "_id": f"odd {name}", name: WRONG[wrong]}
            if wrong == "missing":
                del odd[name]
            services.db[collection].insert_one(odd)
    for address in ("/", "/tasks/new", "/tasks"):
        alice.open(address)
