"""Typed parameters: how what a browser sends for the fields of a form is read."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from app.core.errors import Invalid
from app.core.params.fields import describe
from app.core.params.formats.plain_values import unkeepable
from app.core.params.validate import MAX_TEXT, from_form
from tests.core.params.schemas import FILE, FILE_ID, KINDS, WHOLE, Shade, one


def read(schema: dict[str, Any], **sent: Any) -> Any:
    """What the form makes of `x`: its value, or the sentence beside it."""
    texts = {name: [text] if isinstance(text, str) else text for name, text in sent.items()}
    values, problems = from_form(describe(schema), texts)
    return problems.get("x", values.get("x", "nothing"))


class TestFromForm:
    def test_a_whole_form(self):
        values, problems = from_form(
            describe(WHOLE),
            {
                "source": [FILE_ID],
                "note": ["one\r\ntwo"],
                "name": ["  as typed "],
                "count": [" 7 "],
                "ratio": ["1e-3"],
                "trim": ["1"],
                "case": ["upper"],
                "shade": ["light"],
                "parts": ["b", "a"],
                "lines": ["first\r\n\r\n second \n"],
                "maybe": [""],
            },
        )
        assert problems == {}
        assert values == {
            "source": FILE_ID,
            "note": "one\ntwo",
            "name": "  as typed ",
            "count": 7,
            "ratio": 0.001,
            "trim": True,
            "case": "upper",
            "shade": "light",
            "parts": ["b", "a"],
            "lines": ["first", "second"],
            "maybe": None,
        }

    def test_a_browser_leaves_out_what_is_off(self):
        values, problems = from_form(describe(WHOLE), {"source": [FILE_ID]})
        assert (values["trim"], values["parts"], values["lines"]) == (False, [], [])
        assert problems == {
            "count": "Enter a number from 1 to 1,000,000.",
            "ratio": "Enter a number above 0.",
        }

    def test_a_name_that_is_no_parameter(self):
        with pytest.raises(Invalid, match="no parameter “status”"):
            from_form(describe(WHOLE), {"status": ["succeeded"]})

    @pytest.mark.parametrize("annotation", [str, int, float, Literal["a"]])
    def test_several_where_one_belongs(self, annotation):
        assert read(one(annotation), x=["a", "b"]) == "Enter one value; several were sent."

    @pytest.mark.parametrize("text", ["", " \n\t "])
    @pytest.mark.parametrize("annotation", [str, int, float, Literal["a"]])
    def test_nothing_where_something_is_needed(self, annotation, text):
        assert read(one(annotation), x=text) == "This field is required."

    def test_no_file_where_one_is_needed(self):
        assert read(one(Annotated[str, Field(json_schema_extra=FILE)]), x="") == "Please choose a file."

    @pytest.mark.parametrize(
        "annotation", [str | None, int | None, Shade | None, list[str] | None, bool | None]
    )
    def test_nothing_where_none_is_an_answer(self, annotation):
        assert read(one(annotation, None), x="") is None

    def test_none_of_optional_choices(self):
        assert read(one(list[Literal["a", "b"]] | None, None)) is None

    def test_a_text_may_be_emptied(self):
        assert read(one(str, "default"), x="") == ""

    @pytest.mark.parametrize(
        "text",
        [
            "1.5",
            "1e5",
            "0x10",
            "1_000",
            "٣",
            "²",
            "३",
            "NaN",
            "inf",
            "--1",
            "1 2",
            "9" * 20,
            "9" * 5000,
            "1\x00",
            "True",
        ],
    )
    def test_no_whole_number(self, text):
        assert read(one(Annotated[int, Field(ge=1, le=5)]), x=text) == (
            "Enter a whole number from 1 to 5, such as 3."
        )

    @pytest.mark.parametrize(
        "text",
        ["nan", "-NaN", "inf", "Infinity", "1e999", "1_0", "٣.٥", "1,5", "0x1p3", "one", "1\x00", "9" * 400],
    )
    def test_no_number(self, text):
        assert read(one(float), x=text) == "Enter a number, such as 2.5."

    @pytest.mark.parametrize("text", ["c", "A", " a", "a\x00", "None"])
    def test_no_choice(self, text):
        assert read(one(Literal["a", "b"]), x=text) == "Please choose one of: a, b."
        assert read(one(list[Literal["a", "b"]]), x=["a", text]) == "Please choose one of: a, b."

    def test_choices_keep_their_type(self):
        assert read(one(Literal[1, 2]), x="2") == 2

    @pytest.mark.parametrize(("annotation", "where"), [(str, ""), (list[str], "Line 1: ")])
    def test_text_that_cannot_be_kept(self, annotation, where):
        assert read(one(annotation), x="a\x00b") == f"{where}A NUL character cannot be kept."
        assert read(one(annotation), x="a" * (MAX_TEXT + 1)) == "Use 100,000 characters or fewer."

    @pytest.mark.parametrize(
        ("texts", "value"), [(["1"], True), (["0"], False), (["", "1"], True), (["false"], False)]
    )
    def test_switches(self, texts, value):
        assert read(one(bool, False), x=texts) is value

    @given(st.dictionaries(st.sampled_from([*KINDS]), st.lists(st.text(), max_size=3)))
    def test_never_fails_otherwise_and_accounts_for_every_field(self, sent):
        values, problems = from_form(describe(WHOLE), sent)
        assert not values.keys() & problems.keys()
        assert (values.keys() | problems.keys()) >= KINDS.keys() - {"note", "name", "case", "shade"}

    @given(st.dictionaries(st.text(), st.lists(st.text(), max_size=2), max_size=3))
    def test_any_name_is_read_or_refused_with_invalid(self, sent):
        try:
            from_form(describe(WHOLE), sent)
        except Invalid as refused:
            assert sent.keys() - KINDS.keys()
            assert str(refused)

    @given(st.text())
    def test_what_is_read_can_be_kept(self, text):
        values, _ = from_form(describe(WHOLE), {name: [text] for name in KINDS})
        assert not unkeepable([value for name, value in values.items()])
