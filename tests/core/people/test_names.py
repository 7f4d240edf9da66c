"""Names that look the same: one of them is refused, whatever makes them different to a program."""

from __future__ import annotations

import pytest

from app.core.errors import Conflict, Invalid
from app.core.people.names import LONGEST_NAME, checked_groups, checked_name, name_shape, usable_groups
from app.core.people.roles import Role
from app.core.people.users import Users
from app.core.tasks.task import one_line


@pytest.fixture
def users(services):
    return services.people.users


@pytest.mark.parametrize(
    ("known", "again"),
    [
        ("coco", "\u0441\u043e\u0441\u043e"),  # Cyrillic alone
        ("\u0441\u043e\u0441\u043e", "coco"),
        ("AXE", "\u0410\u0425\u0415"),
        ("ax", "\u0391\u03a7"),  # Greek capitals
        ("Ivan", "lvan"),
        ("Ivan", "1van"),
        ("user0", "userO"),
        ("ann lee", "ann  lee"),
        ("ann", "\uff41nn"),
        ("ann", "\U0001d44enn"),
        ("dirk", "d\u0131rk"),
    ],
)
def test_a_name_that_looks_like_another_ones_is_refused(users, known, again):
    users.add(known, Role.VIEWER)
    with pytest.raises(Conflict, match="looks the same"):
        users.add(again, Role.ADMINISTRATOR)
    assert users.external("company", "s1", again, Role.VIEWER, ()).name.endswith("@company")
    assert name_shape(known) == name_shape(checked_name(again))


@pytest.mark.parametrize(("one", "two"), [("bob", "rob"), ("user1", "user2"), ("a.b", "ab")])
def test_names_that_look_different_are_two(users, one, two):
    assert users.add(one, Role.VIEWER) != users.add(two, Role.VIEWER)


BLANK = "\u3164\u115f\u1160\uffa0\u200b\u200d\u200e\u202e\u2066\ufeff\u00ad\u2800\u034f\u0000"


@pytest.mark.parametrize("blank", BLANK)
def test_nothing_invisible_is_in_a_name(users, blank):
    for name in (f"ann{blank}", f"a{blank}nn", blank):
        with pytest.raises(Invalid):
            users.add(name, Role.VIEWER)
        with pytest.raises(Invalid):
            checked_groups([name])
        assert one_line(f"a{blank}{blank}b") == "a b", "a title, a tag, the name of a token or passkey"
    assert users.external("company", "s1", f"a{blank}nn", Role.VIEWER, ()).name in ("ann", "a nn")
    assert usable_groups([f"a{blank}", "a"]) == ("a",)


def test_names_that_were_there_before_shapes_were_stored_count_too(users, services):
    old, twin = users.add("coco", Role.VIEWER), users.add("other", Role.VIEWER)
    services.db.users.update_one({"_id": old.id}, {"$unset": {"name_shape": ""}})
    changed = {"$set": {"name": "c0co", "name_key": "c0co"}, "$unset": {"name_shape": ""}}
    services.db.users.update_one({"_id": twin.id}, changed)
    for _ in range(2):
        with pytest.raises(Conflict):
            users.add("\u0441\u043e\u0441\u043e", Role.VIEWER)
    assert users.get(old.id) and users.get(twin.id)
    assert isinstance(users, Users) and users.add("bob", Role.VIEWER)


def test_groups_are_of_one_alphabet_and_one_spelling():
    assert checked_groups(["Fu\u0308r", "F\u00fcr"]) == ["F\u00fcr"]
    with pytest.raises(Invalid) as caught:
        checked_groups(["\u0430dmins"])
    assert "alphabet" in caught.value.fields["groups"]


def test_a_name_of_a_provider_is_short_enough(users):
    users.add("a" * LONGEST_NAME, Role.VIEWER)
    assert len(users.external("p" * 40, "s1", "a" * 500, Role.VIEWER, ()).name) <= LONGEST_NAME
