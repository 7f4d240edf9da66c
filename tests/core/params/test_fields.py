"""What a form is made of: the fields that a schema asks for."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import Field

from app.core.params.fields import describe
from tests.core.params.schemas import KINDS, WHOLE, Shade, one


def test_every_kind_in_the_order_of_the_signature():
    assert [(each.name, each.kind.name) for each in describe(WHOLE)] == list(KINDS.items())


def test_a_file_says_what_it_takes():
    source = describe(WHOLE)[0]
    assert (source.title, source.required, source.accept) == ("Table", True, (".csv", ".tsv"))


def test_an_enum_shows_its_values_and_not_the_name_of_its_class():
    shade = {each.name: each for each in describe(WHOLE)}["shade"]
    assert (shade.title, shade.help) == ("Shade", "")
    assert describe(one(Shade))[0].title == "X"
    assert shade.choices == (("light", "light"), ("very_dark", "very_dark"))
    assert shade.default == "very_dark"


def test_an_optional_value_is_nullable_and_keeps_its_bounds():
    field = describe(one(Annotated[int, Field(ge=2, le=5)] | None, None))[0]
    assert (field.kind.name, field.nullable, field.required, field.minimum, field.maximum) == (
        "int",
        True,
        False,
        2,
        5,
    )


def test_an_optional_enum_is_a_choice():
    field = describe(one(Shade | None, None))[0]
    assert (field.kind.name, field.nullable, len(field.choices)) == ("choice", True, 2)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"ge": 1, "le": 1_000_000}, "from 1 to 1,000,000"),
        ({"ge": 0}, "of 0 or more"),
        ({"le": 2.5}, "up to 2.5"),
        ({"gt": 0}, "above 0"),
        ({"gt": 0, "le": 1}, "above 0 and up to 1"),
        ({}, ""),
    ],
)
def test_bounds_in_words(limits, words):
    assert describe(one(Annotated[float, Field(**limits)]))[0].bounds == words


def test_a_choice_has_the_label_that_its_type_gives_and_else_stands_as_it_is():
    labels = {"json_schema_extra": {"labels": {"csv": "Text"}}}
    (each,) = describe(one(Annotated[Literal["csv", "XLSX", "utf-8"], Field(**labels)]))
    assert each.choices == (("csv", "Text"), ("XLSX", "XLSX"), ("utf-8", "utf-8"))


@pytest.mark.parametrize(("default", "advanced"), [("x", True), (None, True), (..., False)])
def test_what_is_rarely_needed_may_be_folded_away_unless_it_is_required(default, advanced):
    rarely = Field(json_schema_extra={"advanced": True})
    annotation = Annotated[str | None, rarely] if default is None else Annotated[str, rarely]
    assert describe(one(annotation, default))[0].advanced is advanced
    assert not describe(one(str, "x"))[0].advanced
