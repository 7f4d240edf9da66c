"""Conditions on several parameters, and patterns as parameters: published by a type, said before it runs."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import Field

from app.core.errors import Invalid
from app.core.params.validate import validate
from dtq import Context, TaskTypeError, task
from dtq._types.task_type import registered, registry
from dtq.checks import Check, chosen, empty, given


@pytest.fixture(autouse=True)
def _types_of_others():
    before = registry()
    yield
    registry(before)


def wrong(values: dict[str, Any], *checks: Check) -> dict[str, str]:
    @task(title="Checked", checks=checks)
    def checked(ctx: Context, how: str = "a", text: str = "", some: list[str] = [], more: int = 0) -> None:  # noqa: B006 - a default of a form
        """Take anything."""

    try:
        validate(registered(checked).document()["schema"], values)
    except Invalid as refused:
        return refused.fields
    return {}


@pytest.mark.parametrize(
    ("condition", "values", "holds"),
    [
        (empty("text"), {}, True),
        (empty("text"), {"text": "a"}, False),
        (empty("text", "some"), {"some": ["a"]}, False),
        (empty("text", "some"), {"some": [], "text": ""}, True),
        (given("text"), {"text": "a"}, True),
        (given("text"), {}, False),
        (given("some", "text"), {"text": "a"}, False),
        (given("more"), {"more": 0}, True),
        (chosen(how="a"), {}, True),
        (chosen(how="b"), {}, False),
        (chosen(how=["b", "c"]), {"how": "c"}, True),
    ],
)
def test_conditions(condition, values, holds):
    assert wrong(values, Check("how", "No.", condition)) == ({"how": "No."} if holds else {})


def test_all_conditions_of_a_check_must_hold():
    check = Check("text", "No.", chosen(how="a"), empty("text"))
    assert wrong({"text": "x"}, check) == {}
    assert wrong({"how": "b"}, check) == {}
    assert wrong({}, check) == {"text": "No."}


def test_what_is_wrong_by_itself_is_said_first():
    assert wrong({"more": "x"}, Check("how", "No.", chosen(how="a"))).keys() == {"more"}


@pytest.mark.parametrize(
    "check", [Check("tekst", "No.", empty("text")), Check("text", "No.", empty("tekst"))]
)
def test_a_check_of_no_parameter_is_refused_at_load(check):
    with pytest.raises(TaskTypeError, match="a check names tekst, which is no parameter"):
        wrong({}, check)


def test_a_pattern_as_a_parameter():
    @task(title="Find")
    def find(
        ctx: Context, pattern: Annotated[str, Field(json_schema_extra={"format": "linear-regex"})] = "x"
    ) -> None:
        """Find."""

    schema = registered(find).document()["schema"]
    assert validate(schema, {"pattern": "^[a-z]+$"})
    for bad, why in (
        ("[", "unclosed character class"),
        ("(?=a)", "look-around"),
        ("(?:a{1000}){1000}", "too large"),
    ):
        with pytest.raises(Invalid) as refused:
            validate(schema, {"pattern": bad})
        assert why in refused.value.fields["pattern"]
