"""Users, sessions and links as the database holds them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.core.errors import Conflict, Invalid, NotFound
from app.core.people.links import Links, Purpose
from app.core.people.random_tokens import hashed, new_token
from app.core.people.roles import Role
from app.core.people.sessions import Sessions
from app.core.people.users import Users
from app.core.services import Services


@pytest.fixture
def users(services: Services) -> Users:
    return services.people.users


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a\u202eb", "<b>", "x" * 81, "a\x00"])
def test_a_name_that_cannot_be_used_is_refused(users, name):
    with pytest.raises(Invalid) as caught:
        users.add(name, Role.VIEWER)
    assert "name" in caught.value.fields
    assert not users.any()


@pytest.mark.parametrize("again", ["Ann", "ann", "ＡＮＮ"])
def test_names_are_unique_whatever_their_case_or_width(users, again):
    ann = users.add("Ann", Role.VIEWER)
    with pytest.raises(Conflict):
        users.add(again, Role.ADMINISTRATOR)
    assert users.by_name(again) == ann == users.get(ann.id)


@pytest.mark.parametrize("name", ["\u0430nn", "Ann \u0392", "b\u03bfb", "\u0406van"])
def test_a_name_of_two_alphabets_that_look_alike_is_refused(users, name):
    with pytest.raises(Invalid, match="Check") as caught:
        users.add(name, Role.VIEWER)
    assert "alphabet" in caught.value.fields["name"]
    known = users.external("company", "s1", name, Role.VIEWER, ())
    assert known.name == f"{name}@company"


@pytest.mark.parametrize(
    "name", ["\u0418\u0432\u0430\u043d", "\u0391\u03bd\u03bd\u03b1", "\u7530\u4e2d Ken", "J\u00fcrgen 2"]
)
def test_a_name_of_any_one_alphabet_is_taken(users, name):
    assert users.add(name, Role.VIEWER).name == name
    assert users.external("company", "s1", f"{name} 3", Role.VIEWER, ()).name == f"{name} 3"


def test_the_local_person_is_one(users):
    assert users.local() == users.local()
    assert users.local().role is Role.ADMINISTRATOR


def test_the_last_administrator_stays(users):
    first, second = users.add("one", Role.ADMINISTRATOR), users.add("two", Role.ADMINISTRATOR)
    users.disable(first.id)
    for change in (lambda: users.disable(second.id), lambda: users.set_role(second.id, Role.VIEWER)):
        with pytest.raises(Conflict):
            change()
    users.enable(first.id)
    assert users.set_role(second.id, Role.VIEWER).role is Role.VIEWER


def test_an_administrator_who_has_never_set_a_password_is_none_to_rely_on(users, services):
    one, two = users.add("one", Role.ADMINISTRATOR, password_hash="x"), users.add("two", Role.ADMINISTRATOR)
    for change in (lambda: users.disable(one.id), lambda: users.set_role(one.id, Role.VIEWER)):
        with pytest.raises(Conflict):
            change()
    assert users.get(one.id) == one
    services.db.passkeys.insert_one({"_id": "k", "user": two.id})
    assert not users.disable(one.id).enabled
    with pytest.raises(Conflict):
        users.disable(two.id)


def test_an_administrator_of_a_provider_that_is_gone_is_none_to_rely_on(services):
    there = ["company"]
    users = Users(services.db, providers=lambda: there)
    one = users.add("one", Role.ADMINISTRATOR, password_hash="x")
    users.external("company", "s1", "two", Role.ADMINISTRATOR, ())
    users.require_another_administrator(one.id)
    there.clear()
    with pytest.raises(Conflict):
        users.disable(one.id)


def test_the_local_person_counts_where_links_sign_them_in(services):
    here, elsewhere = Users(services.db), Users(services.db, local=False)
    here.local()
    one = here.add("one", Role.ADMINISTRATOR, password_hash="x")
    here.require_another_administrator(one.id)
    with pytest.raises(Conflict):
        elsewhere.set_role(one.id, Role.OPERATOR)


def test_one_who_cannot_sign_in_anyway_may_be_disabled(users):
    users.add("one", Role.ADMINISTRATOR, password_hash="x")
    assert not users.disable(users.add("two", Role.ADMINISTRATOR).id).enabled


def test_two_administrators_who_disable_each_other_at_once_are_not_both_gone(users, monkeypatch):
    one, two = users.add("one", Role.ADMINISTRATOR), users.add("two", Role.ADMINISTRATOR)
    real = users._set

    def both(user_id, values):
        monkeypatch.setattr(users, "_set", real)
        users.disable(two.id)  # The other request, between the look and the change of this one.
        return real(user_id, values)

    monkeypatch.setattr(users, "_set", both)
    with pytest.raises(Conflict):
        users.set_role(one.id, Role.VIEWER)
    assert users.get(one.id).role is Role.ADMINISTRATOR and users.get(one.id).enabled


def test_nobody_is_not_found(users):
    with pytest.raises(NotFound):
        users.set_groups("nobody", ["a"])


def test_a_damaged_user_cannot_sign_in_and_breaks_nothing(users, services):
    services.db.users.insert_one({"_id": "x", "name": "x", "name_key": "x", "role": 7})
    assert users.find("x") is None and users.all() == []


# Sessions


@pytest.fixture
def sessions(services: Services) -> Sessions:
    return Sessions(services.db, idle=timedelta(hours=1), absolute=timedelta(hours=3))


def test_a_session_is_found_by_its_token_alone(sessions, services):
    token = sessions.begin("u1", ["password"], "127.0.0.1", "Browser")
    found = sessions.find(token)
    assert (found.user, found.factors, found.id) == ("u1", ("password",), hashed(token))
    assert token not in str(list(services.db.sessions.find()))
    assert [sessions.find(text) for text in ("", "x" * 43, hashed(token), new_token(), "a\x00")] == [None] * 5


def test_a_session_ends_when_idle_and_in_any_case(sessions, clock):
    token = sessions.begin("u1", [])
    for _ in range(3):
        clock.advance(minutes=50)
        assert sessions.find(token)
    clock.advance(minutes=31)
    assert sessions.find(token) is None, "three hours are over"
    idle = sessions.begin("u1", [])
    clock.advance(minutes=61)
    assert sessions.find(idle) is None and sessions.of_user("u1") == []


def test_a_session_is_ended_by_its_own_user_only(sessions):
    token = sessions.begin("u1", [])
    other = sessions.begin("u1", [])
    assert not sessions.end(hashed(token), "u2") and sessions.find(token)
    assert sessions.end_all("u1", but=hashed(other)) == 1
    assert sessions.find(token) is None and sessions.find(other)


def test_what_is_over_is_deleted(sessions, services, clock):
    sessions.begin("u1", [])
    clock.advance(hours=2)
    last = sessions.begin("u1", [])
    sessions.prune()
    assert [session["_id"] for session in services.db.sessions.find()] == [hashed(last)]


# Links


def test_a_link_works_once_and_not_for_long(services, clock):
    links = Links(services.db)
    token = links.make(Purpose.PASSWORD, timedelta(hours=1), "u1")
    assert links.find(token) and links.find(token)
    assert links.take(token).user == "u1"
    assert links.take(token) is None
    late = links.make(Purpose.PASSWORD, timedelta(hours=1), "u1")
    clock.advance(minutes=61)
    assert links.take(late) is None


def test_a_fresh_link_ends_the_one_before(services):
    links = Links(services.db)
    first = links.make(Purpose.LOCAL, timedelta(hours=1))
    links.make(Purpose.PASSWORD, timedelta(hours=1), "u1")
    second = links.make(Purpose.LOCAL, timedelta(hours=1))
    assert links.find(first) is None and links.find(second)
