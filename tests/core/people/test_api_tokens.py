"""Tokens of programs: what they are, may, and when they end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Conflict, Invalid, NotFound
from app.core.people import api_tokens
from app.core.people.api_tokens import ApiTokens, is_api_token
from app.core.people.person import Person
from app.core.people.roles import Permission, Role, grants_of
from app.core.services import Services

DAY = timedelta(days=1)


def person(role: Role, id: str = "u1") -> Person:
    return Person(id, "Ann", role, grants=grants_of(role))


@pytest.fixture
def tokens(services: Services) -> ApiTokens:
    return services.people.tokens


def test_a_token_is_shown_once_and_stored_as_a_hash(tokens, services):
    token, text = tokens.create(person(Role.SUBMITTER), "  CI \n job ", DAY)
    assert text.startswith("dtq_") and is_api_token(text)
    assert token.name == "CI job"
    assert text not in str(list(services.db.tokens.find())) and text[4:] not in str(
        list(services.db.tokens.find())
    )
    assert tokens.find(text).id == token.id


def test_what_is_no_token_is_not_looked_up(tokens, services, monkeypatch):
    _, text = tokens.create(person(Role.VIEWER), "x", DAY)
    asked = []
    monkeypatch.setattr(type(services.db.tokens), "find_one", lambda *given: asked.append(given))
    for wrong in (
        "",
        "dtq_",
        text[:-1],
        text + "0",
        text.replace("dtq_", "abc_"),
        "dtq_" + "x" * 49,
        text + "\n",
    ):
        assert tokens.find(wrong) is None
    assert asked == []


@given(
    st.text(
        alphabet="abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", min_size=43, max_size=43
    )
)
def test_the_checksum_tells_a_token_from_a_mistyped_one(body):
    text = "dtq_" + body + api_tokens._checksum(body)
    assert is_api_token(text)
    changed = ("B" if body[0] == "A" else "A") + body[1:]
    assert not is_api_token("dtq_" + changed + text[-6:]) or changed == body


def test_a_token_may_what_it_was_given_and_no_more(tokens):
    ann = person(Role.OPERATOR)
    token, _ = tokens.create(ann, "x", DAY, [Permission.TASK_READ], ["clean_table"])
    acting = token.of(ann)
    assert acting.may("task.read", "other") and not acting.may("task.create")
    assert acting.types == {"clean_table"} and acting.id == ann.id
    assert not token.of(person(Role.VIEWER)).may("task.cancel"), "its owner lost the role since"


def test_a_token_of_everything_makes_no_tokens_and_no_users(tokens):
    ann = person(Role.ADMINISTRATOR)
    acting = tokens.create(ann, "x", DAY)[0].of(ann)
    assert acting.may("audit.read") and not acting.may("user.manage") and not acting.may("profile.manage")


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("name", {"name": " "}),
        ("name", {"name": "x" * 81}),
        ("life", {"life": timedelta(0)}),
        ("life", {"life": timedelta(days=367)}),
        ("permissions", {"permissions": []}),
        ("permissions", {"permissions": [Permission.TASK_CANCEL]}),
        ("permissions", {"permissions": [Permission.PROFILE_MANAGE]}),
        ("types", {"types": []}),
    ],
)
def test_values_that_cannot_be(tokens, services, field, given):
    with pytest.raises(Invalid) as caught:
        tokens.create(person(Role.VIEWER), **{"name": "x", "life": DAY, **given})
    assert list(caught.value.fields) == [field]
    assert services.db.tokens.count_documents({}) == 0


def test_it_ends_by_time_and_by_its_owner(tokens, clock):
    late, late_text = tokens.create(person(Role.VIEWER), "late", DAY)
    gone, gone_text = tokens.create(person(Role.VIEWER), "gone", DAY)
    with pytest.raises(NotFound):
        tokens.revoke(gone.id, "u2")
    assert tokens.find(gone_text)
    assert tokens.revoke(gone.id, "u1").revoked_at
    with pytest.raises(NotFound):
        tokens.revoke(gone.id)
    assert tokens.find(gone_text) is None
    clock.advance(hours=25)
    assert tokens.find(late_text) is None
    assert {token.id for token in tokens.of_user("u1")} == {late.id, gone.id}, "it says that it was"
    clock.advance(days=31)
    tokens.prune()
    assert tokens.all() == []


def test_its_last_use_is_known(tokens, clock):
    token, text = tokens.create(person(Role.VIEWER), "x", DAY)
    tokens.find(text, "127.0.0.9")
    clock.advance(seconds=30)
    tokens.find(text, "127.0.0.8")
    assert tokens.of_user("u1")[0].used_from == "127.0.0.9"
    clock.advance(seconds=31)
    tokens.find(text, "127.0.0.8")
    assert tokens.of_user("u1")[0].used_from == "127.0.0.8"


def test_there_are_not_too_many(tokens, monkeypatch):
    monkeypatch.setattr(api_tokens, "MOST_TOKENS", 2)
    tokens.create(person(Role.VIEWER), "1", DAY)
    tokens.create(person(Role.VIEWER), "2", DAY)
    with pytest.raises(Conflict):
        tokens.create(person(Role.VIEWER), "3", DAY)
    assert tokens.revoke_all("u1") == 2
    tokens.create(person(Role.VIEWER), "3", DAY)


def test_a_damaged_token_does_not_work_and_breaks_nothing(tokens, services):
    _, text = tokens.create(person(Role.VIEWER), "x", DAY)
    services.db.tokens.update_one({}, {"$set": {"permissions": 7}})
    assert tokens.find(text) is None and tokens.of_user("u1") == []


def test_the_owner_comes_with_the_token_as_they_are_now(services):
    people = services.people
    ann = people.users.add("Ann", Role.OPERATOR)
    _, text = people.tokens.create(people.users.person(ann), "CI", timedelta(days=1))
    people.users.set_role(ann.id, Role.VIEWER)
    token = people.tokens.find(text)
    assert people.users.read(token.user_document) == people.users.get(ann.id)
    assert people.users.read(token.user_document).role is Role.VIEWER
    assert "password_hash" not in repr(token)
    services.db.users.delete_one({"_id": ann.id})
    assert people.users.read(people.tokens.find(text).user_document) is None
