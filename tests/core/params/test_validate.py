"""Values of parameters against their schema, from whatever sender."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from app.core.errors import Invalid
from app.core.params.formats.plain_values import shown
from app.core.params.validate import validate
from tests.core.params.schemas import FILE, FILE_ID, KINDS, WHOLE, Shade, one, schema_of

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def complaint(schema: dict[str, Any], **values: Any) -> str:
    with pytest.raises(Invalid) as caught:
        validate(schema, values)
    return caught.value.fields["x"]


class TestValidate:
    def test_defaults_are_filled_in(self):
        assert validate(WHOLE, {"source": FILE_ID}) == {
            "source": FILE_ID,
            "note": "",
            "name": "x",
            "count": 3,
            "ratio": 0.5,
            "trim": True,
            "case": "keep",
            "shade": "very_dark",
            "parts": ["a"],
            "lines": [],
            "maybe": None,
        }

    def test_a_default_from_a_factory_is_left_to_the_function(self):
        assert validate(one(list[str], Field(default_factory=list)), {}) == {}

    @pytest.mark.parametrize(
        ("annotation", "value", "sentence"),
        [
            (Annotated[int, Field(ge=3)], 2, "Enter 3 or more."),
            (Annotated[int, Field(le=3)], 4, "Enter 3 or less."),
            (Annotated[float, Field(gt=0)], 0, "Enter more than 0."),
            (Annotated[float, Field(lt=1)], 1, "Enter less than 1."),
            (Annotated[int, Field(multiple_of=5)], 7, "Enter a multiple of 5."),
            (Annotated[str, Field(min_length=2)], "a", "Use 2 characters or more."),
            (Annotated[str, Field(max_length=2)], "abc", "Use 2 characters or fewer."),
            (
                Annotated[str, Field(pattern="^[a-z]+$")],
                "A1",
                "Wrong format (^[a-z]+$).",
            ),
            (
                Annotated[str, Field(pattern="^[a-z]+$", description="Small letters.")],
                "A1",
                "Wrong format. Small letters.",
            ),
            (Annotated[list[str], Field(min_length=2)], ["a"], "Add at least 2."),
            (Annotated[list[str], Field(max_length=1)], ["a", "b"], "Use 1 or fewer."),
            (Literal["a", "b"], "c", "Please choose one of: a, b."),
            (list[Literal["a", "b"]], ["c"], "Please choose one of: a, b."),
            (Shade, "red", "Please choose one of: light, very_dark."),
            (int, "3", "Enter a whole number."),
            (int, True, "Enter a whole number."),
            (int, 1.5, "Enter a whole number."),
            (float, "1.5", "Enter a number."),
            (bool, 1, "Choose yes or no."),
            (str, 3, "Enter text."),
            (str, ["a"], "Enter text."),
            (str, None, "Enter text."),
            (list[str], "a", "Enter a list."),
            (list[str], ["a", 1], "Entry 2: Enter text."),
            (Annotated[str, Field(json_schema_extra=FILE)], 3, "Enter the ID of an uploaded file."),
            (Annotated[int, Field(ge=3)] | None, 2, "Enter 3 or more."),
            (int | None, "3", "Enter a whole number."),
        ],
    )
    def test_a_sentence_for_each_rule(self, annotation, value, sentence):
        assert complaint(one(annotation), x=value) == sentence

    def test_missing_and_unknown_names(self):
        with pytest.raises(Invalid) as caught:
            validate(one(int), {"y": 1})
        assert caught.value.fields == {
            "x": "This field is required.",
            "y": "There is no parameter of this name.",
        }

    @pytest.mark.parametrize("values", [None, [], "x", 3, [{"x": 1}]])
    def test_no_object(self, values):
        with pytest.raises(Invalid, match="Enter an object of parameters"):
            validate(one(int), values)

    @pytest.mark.parametrize(
        ("annotation", "value"),
        [
            (float, math.nan),
            (float, math.inf),
            (float, 10**400),
            (int, 2**63),
            (int, -(2**63) - 1),
            (str, "a\x00b"),
            (str, "\ud800"),
            (list[str], ["a", "\udfff"]),
        ],
    )
    def test_what_the_database_could_not_keep(self, annotation, value):
        assert complaint(one(annotation), x=value)

    def test_the_bounds_of_what_is_kept(self):
        schema = schema_of(x=(int, ...), y=(int, ...))
        assert validate(schema, {"x": 2**63 - 1, "y": -(2**63)}) == {"x": 2**63 - 1, "y": -(2**63)}

    @given(ANYTHING)
    def test_raises_nothing_but_invalid_with_a_sentence_for_a_field(self, value):
        for name in KINDS:
            try:
                validate(WHOLE, {"source": FILE_ID, name: value})
            except Invalid as refused:
                assert refused.fields.keys() == {name}
                assert all(refused.fields.values())


class TestShown:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (None, ""),
            ("a", "a"),
            (2.0, "2"),
            (0.5, "0.5"),
            (True, "true"),
            (["é"], '["é"]'),
            (10**20, str(10**20)),
        ],
    )
    def test_values_as_text(self, value, text):
        assert shown(value) == text
