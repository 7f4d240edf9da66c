"""The pages of bulk actions have addresses: Back and Reload open them, and an address changes nothing."""

from __future__ import annotations

import base64
import re
import zlib

import pytest
from bson import ObjectId
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import BadQuery
from app.core.queue import bulk
from app.core.tasks.states import Status
from app.web.tasks.bulk_runs import MOST, pack, unpack
from tests.signing_in import signed_in
from tests.web.looking import fail, text_of
from tests.web.tasks.choosing import HIDDEN

IDS = st.lists(st.binary(min_size=12, max_size=12).map(ObjectId), min_size=1, max_size=200)


@given(IDS)
def test_ids_in_an_address(ids):
    packed = pack(ids)
    assert re.fullmatch("[A-Za-z0-9_-]+", packed)
    assert len(packed) <= 16 * len(ids) + 2
    assert unpack(packed) == tuple(ids)


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.hex()))
def test_anything_else_is_refused(text):
    try:
        found = unpack(text)
    except BadQuery:
        return
    assert unpack(pack(found)) == found


def test_a_bomb_is_refused():
    bomb = base64.urlsafe_b64encode(b"z" + zlib.compress(b"\0" * 50_000_000)).decode()
    with pytest.raises(BadQuery):
        unpack(bomb)


@pytest.fixture
def nightly(new_task):
    return [new_task(tags=("nightly",)) for _ in range(5)]


@pytest.fixture
def steps(monkeypatch):
    monkeypatch.setattr(bulk, "BATCH", 2)
    monkeypatch.setattr(bulk, "STEP_S", 0.0)


def preview_of(bob, *tasks, **values):
    bob.open("/tasks")
    answer = bob.send("cancel?tag=nightly", {"id": [task.id for task in tasks], **values})
    assert answer.status_code == 303
    return answer.location


class TestPreview:
    def test_it_can_be_opened_again_and_says_what_is_so_now(self, bob, services, nightly):
        address = preview_of(bob, *nightly[:2])
        assert "Cancel 2 tasks?" in bob.read(address)
        services.tasks.cancel(nightly[0].id, "alice")
        assert "Cancel 1 task?" in bob.read(address)
        bob.press_on(bob.open(address))
        assert "Nothing to cancel" in bob.read(address)  # Back

    def test_opening_it_changes_nothing(self, bob, services, nightly):
        for address in (preview_of(bob, *nightly), preview_of(bob, all="1")):
            before = list(services.db.tasks.find())
            bob.open(address)
            assert list(services.db.tasks.find()) == before

    def test_two_hundred_tasks_fit_into_an_address(self, bob, nightly):
        bob.open("/tasks")
        answer = bob.send("cancel?q=" + "%C3%A9" * 200, {"id": [str(ObjectId()) for _ in range(200)]})
        assert answer.status_code == 303
        assert len(answer.location) < 8_000
        assert "Skipped: 200 no longer exist." in bob.read(answer.location)

    @pytest.mark.parametrize(
        "query",
        [
            "",
            "all=1&chosen=x",
            "chosen=",
            "chosen=%00",
            "chosen=zzzz",
            "all=1&lease=bob",
            "all=1&status=lost",
        ],
    )
    def test_an_address_that_is_none_of_ours(self, client, query):
        assert client.get(f"/tasks/many/cancel?{query}").status_code == 400

    def test_a_lane_is_needed_to_move_to(self, client):
        assert client.get("/tasks/many/priority?all=1&to=urgent").status_code == 422


class TestProgress:
    def started(self, bob):
        preview = bob.open(preview_of(bob, all="1"))
        answer = bob.press_on(preview)
        assert answer.status_code == 303 and "/tasks/many/cancel/progress?" in answer.location
        return answer.location

    def canceled(self, services):
        return services.db.tasks.count_documents({"status": Status.CANCELED.value})

    def test_it_can_be_opened_again_and_changes_nothing(self, bob, services, nightly, steps):
        address = self.started(bob)
        for _ in range(3):
            assert "2 of 5 tasks" in bob.read(address)
        assert self.canceled(services) == 2

    def test_back_to_it_when_it_has_ended(self, bob, services, nightly, steps):
        address = self.started(bob)
        bob.end(bob.open(address))
        assert "Done 5 tasks canceled." in bob.read(address)
        assert "hx-post" not in bob.open(address)

    def test_back_to_it_when_it_was_stopped(self, bob, services, nightly, steps):
        address = self.started(bob)
        values = dict(HIDDEN.findall(bob.open(address)))
        bob.send("cancel/run?tag=nightly", {**values, "stop": "1"})
        assert "It was stopped. 2 tasks canceled." in bob.read(address)
        assert self.canceled(services) == 2

    def test_steps_in_place_are_known_to_its_address(self, bob, services, nightly, steps):
        address = self.started(bob)
        bob.press_on(bob.open(address), **{"HX-Request": "true"})
        assert "4 of 5 tasks" in bob.read(address)

    def test_an_address_alone_starts_nothing(self, bob, app, services, nightly, steps):
        address = self.started(bob)
        for other in (re.sub("run=[^&]*", "run=x", address), re.sub("&?run=[^&]*", "", address)):
            assert bob.client.get(other).status_code == 303
        stranger = signed_in(app.test_client(), services, name="charlie").get(address)
        assert (stranger.status_code, stranger.location) == (303, "/tasks?tag=nightly")
        assert self.canceled(services) == 2

    def test_the_last_runs_are_known(self, bob, services, new_task, steps):
        addresses = []
        for _ in range(MOST + 1):
            for _ in range(3):
                new_task(tags=("nightly",))
            addresses.append(self.started(bob))
        assert [bob.client.get(each).status_code for each in addresses] == [303, *[200] * MOST]


def test_what_failed_after_the_preview_was_opened_stays(bob, services, new_task):
    kept = new_task(tags=("nightly",))
    ended = new_task(tags=("nightly",))
    services.tasks.cancel(ended.id, "alice")
    bob.open("/tasks")
    preview = bob.follow(bob.send("delete?tag=nightly", {"all": "1"})).text
    assert "Delete 1 task?" in text_of(preview)
    fail(services, kept)
    bob.end(preview)
    assert [task["_id"] for task in services.db.tasks.find()] == [kept.id]
