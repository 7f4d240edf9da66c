"""Keyset pages over anything: whatever the times, filters and sizes, no task is skipped or shown twice."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.listing.filter import TaskFilter
from app.core.tasks.states import Status
from tests.core.listing.pages import fill, start_to_end_and_back
from tests.plugins.examples import examples

ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(0, 2)), max_size=30)
FILTERS = st.builds(
    TaskFilter,
    status=st.sampled_from(["", *(status.value for status in Status)]),
    priority=st.sampled_from(["", "high", "low"]),
    type=st.sampled_from(["", "", "a"]),
    tag=st.sampled_from(["", "", "even"]),
    sort=st.sampled_from(["created", "finished"]),
    order=st.sampled_from(["asc", "desc"]),
    per_page=st.integers(1, 9),
)


@given(rows=ROWS, wanted=FILTERS)
@settings(
    max_examples=examples(120), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_walk_meets_every_task_once(services, rows, wanted):
    services.db.tasks.delete_many({})
    fill(services, rows)
    start_to_end_and_back(services, wanted)
