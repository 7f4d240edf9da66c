"""The pages of bulk actions: Back and Reload open them, they show how far it is, and stop and resume it."""

from __future__ import annotations

import base64
import re
import zlib

import pytest
from bson import ObjectId
from hypothesis import given
from hypothesis import strategies as st

from app.core.access import bulk
from app.core.bulk import operations as bulk_operations
from app.core.bulk import run as bulk_run
from app.core.clock import utcnow
from app.core.errors import BadQuery
from app.core.people.roles import Role
from app.core.tasks.states import Status
from app.web.bulk.packed_ids import pack, unpack
from tests.signing_in import signed_in
from tests.web.looking import fail, text_of, worker

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
def by_workers(monkeypatch):
    """None is small enough to be done before the answer."""
    monkeypatch.setattr(bulk, "SMALL", -1)
    monkeypatch.setattr(bulk_run, "FIRST", 2)
    monkeypatch.setattr(bulk_run, "BATCH", 2)
    monkeypatch.setattr(bulk_run, "TURN_S", 0.0)


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
        started = bob.start(bob.open(address))
        again = bob.open(address)  # Back
        assert "This bulk action was already started" in text_of(again)
        assert f'href="{started}"' in again and "/run" not in again

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
            "all=1&key=x",
            "all=1&key=" + "%00" * 16,
        ],
    )
    def test_an_address_that_is_none_of_ours(self, client, query):
        assert client.get(f"/tasks/many/cancel?{query}").status_code == 400

    def test_a_lane_is_needed_to_move_to(self, client):
        assert client.get("/tasks/many/priority?all=1&to=urgent").status_code == 422


class TestItsPage:
    @pytest.fixture
    def address(self, bob, nightly, by_workers):
        return bob.start(bob.open(preview_of(bob, all="1")))

    @pytest.fixture
    def turn(self, services):
        return lambda: services.bulk_runner("w1").turn()

    def canceled(self, services):
        return services.db.tasks.count_documents({"status": Status.CANCELED.value})

    def test_looking_changes_nothing(self, bob, services, address, turn):
        turn()
        for _ in range(3):
            assert "2 of 5 tasks" in bob.read(address)
            assert "2 of 5 tasks" in bob.read(f"{address}/live")
        assert self.canceled(services) == 2

    def test_it_renews_itself_while_it_runs_and_no_longer(self, bob, address, turn):
        assert f'hx-get="{address}/live" hx-trigger="every 2s"' in bob.open(address)
        while turn():
            pass
        for shown in (address, f"{address}/live"):
            assert "Done 5 tasks canceled." in bob.read(shown)
            assert "hx-get" not in bob.open(shown).split("<main")[-1]

    def test_without_a_worker_it_says_so(self, bob, services, address, turn):
        assert "No workers are online. This bulk action continues once" in bob.read(address)
        while turn():
            pass
        assert "No workers are online" not in bob.read(address)

    def test_with_a_worker_it_does_not(self, bob, services, nightly, by_workers):
        worker(services)
        assert "No workers are online" not in bob.read(bob.start(bob.open(preview_of(bob, all="1"))))

    def test_stop_and_resume(self, bob, services, address, turn):
        turn()
        bob.open(address)
        answer = bob.client.post(f"{address}/stop", data={"csrf_token": bob._token})
        assert (answer.status_code, answer.location) == (303, address)
        said = bob.read(address)
        assert "Stopped 2 tasks canceled. Stopped by local. Tasks already processed stay processed." in said
        turn()
        assert self.canceled(services) == 2

        answer = bob.client.post(f"{address}/resume", data={"csrf_token": bob._token})
        assert (answer.status_code, answer.location) == (303, address)
        while turn():
            pass
        assert "Done 5 tasks canceled." in bob.read(address)
        for action in ("stop", "resume"):  # A button of an old page.
            assert bob.client.post(f"{address}/{action}", data={"csrf_token": bob._token}).status_code == 303
        assert "Done 5 tasks canceled." in bob.read(address)

    def test_its_person_was_disabled(self, bob, services, address, turn):
        services.db.users.update_one({"name": "local"}, {"$set": {"disabled_at": utcnow()}})
        turn()
        services.db.users.update_one({"name": "local"}, {"$set": {"disabled_at": None}})
        assert "Stopped No task canceled. Stopped: local may not sign in any more." in bob.read(address)

    def test_strangers_do_not_find_it(self, bob, app, services, address):
        stranger = signed_in(app.test_client(), services, Role.SUBMITTER, name="charlie")
        assert stranger.get(address).status_code == 404
        assert "Bulk actions are kept for 30 days" in text_of(stranger.get(address).text)
        assert "No bulk actions in the last 30 days." in text_of(stranger.get("/bulk").text)
        assert bob.client.get("/bulk/x").status_code == 404
        operator = signed_in(app.test_client(), services, Role.OPERATOR, name="olga")
        assert "by local" in text_of(operator.get(address).text)

    def test_the_list_leads_to_it(self, bob, services, address, turn):
        assert 'href="/bulk">Bulk actions' in bob.open("/tasks")
        listed = bob.open("/bulk")
        assert f'href="{address}">Cancel tasks' in listed
        assert "Cancel tasks Running 0 of 5 local" in text_of(listed)
        while turn():
            pass
        assert "Cancel tasks Done 5 of 5 local" in bob.read("/bulk")

    def test_the_list_in_pages(self, bob, services, address, monkeypatch):
        for _ in range(bulk_operations.PAGE_SIZE):
            bob.start(bob.open(preview_of(bob, all="1")))
        first = bob.open("/bulk")
        assert first.count('scope="row"') == bulk_operations.PAGE_SIZE
        following = re.search(r'href="(/bulk\?after=[^"]+)"', first)[1]
        assert f'href="{address}"' in bob.open(following)
        for wrong in ("/bulk?after=x", "/bulk?before=x"):
            assert bob.client.get(wrong).status_code == 400

    def test_what_was_skipped_is_named_and_titles_stay_text(self, bob, services, new_task):
        hostile = "<script>alert('x')</script>"
        ended, waits = fail(services, new_task(title=hostile)), new_task()
        page = bob.open(bob.start(bob.choose("cancel", ended, waits)))
        assert "1 has failed" in text_of(page) and hostile in text_of(page)
        assert "<script>alert" not in page
        assert f'href="/tasks/{ended.id}"' in page


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
