"""The table of roles and permissions."""

from __future__ import annotations

import pytest

from app.core.people.person import ANONYMOUS, PUBLIC, Person
from app.core.people.roles import ADDED, Permission, Reach, Role, grants_of


def person(role: Role, **given: bool) -> Person:
    return Person("me", "Me", role, grants=grants_of(role, **given))


def test_every_permission_is_somebodys():
    assert set(grants_of(Role.ADMINISTRATOR)) == set(Permission)
    assert sum(len(added) for added in ADDED.values()) >= len(Permission)


@pytest.mark.parametrize(("lower", "higher"), list(zip(list(Role), list(Role)[1:], strict=False)))
def test_a_role_may_do_what_those_before_it_may(lower, higher):
    before, after = grants_of(lower), grants_of(higher)
    assert all(after[permission] >= reach for permission, reach in before.items())


def test_own_and_any():
    submitter, operator = person(Role.SUBMITTER), person(Role.OPERATOR)
    assert submitter.may("task.cancel") and submitter.may("task.cancel", "me")
    assert not submitter.may("task.cancel", "other")
    assert operator.may("task.cancel", "other")
    assert submitter.may("task.read", "other")
    assert not person(Role.VIEWER).may("task.create")


def test_where_only_own_tasks_are_seen():
    assert not person(Role.VIEWER, own_tasks_only=True).may("task.read", "other")
    assert not person(Role.SUBMITTER, own_tasks_only=True).may("task.clone", "other")
    assert person(Role.OPERATOR, own_tasks_only=True).may("task.read", "other")


def test_nobody_may_only_what_is_public():
    assert ANONYMOUS.may(PUBLIC)
    assert not any(ANONYMOUS.may(permission) for permission in Permission)


def test_a_name_that_is_no_permission_is_refused():
    with pytest.raises(ValueError, match="task\\.fly"):
        person(Role.ADMINISTRATOR).may("task.fly")


def test_narrowed_never_gains():
    viewer = person(Role.VIEWER).narrowed(list(Permission), ["a"])
    assert viewer.grants == person(Role.VIEWER).grants
    assert viewer.narrowed([Permission.TASK_READ], ["a", "b"]).types == {"a"}
    assert viewer.narrowed([Permission.TASK_READ]).grants == {Permission.TASK_READ: Reach.ANY}
