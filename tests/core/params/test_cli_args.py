"""The words of a command line as values: typed like a form, with yes and no, files, lists and JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.core.errors import Invalid, TooLarge
from app.core.params.cli_args import explained, parse
from app.core.params.fields import Field, describe

SCHEMA: dict[str, Any] = {
    "properties": {
        "source": {"type": "string", "format": "file-id"},
        "name": {"type": "string", "default": "x"},
        "count": {"type": "integer", "default": 3},
        "trim": {"type": "boolean", "default": True},
        "maybe": {"anyOf": [{"type": "boolean"}, {"type": "null"}], "default": None},
        "limit": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None},
        "case": {"enum": ["keep", "lower"], "default": "keep"},
        "several": {"type": "array", "items": {"enum": ["a", "b"]}, "default": ["a"]},
        "lines": {"type": "array", "items": {"type": "string"}, "default": []},
    },
    "required": ["source"],
}
FIELDS = describe(SCHEMA)


def read(*words: str) -> dict[str, Any]:
    return parse(FIELDS, words, lambda field, path: f"id of {path.name}")


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ([], {}),
        (["count=7"], {"count": 7}),
        (["name=a=b:=c@d"], {"name": "a=b:=c@d"}),
        (["name="], {"name": ""}),
        (["name=@alice"], {"name": "@alice"}),
        (["trim=no"], {"trim": False}),
        (["trim=Yes"], {"trim": True}),
        (["trim=off", "trim=on"], {"trim": True}),
        (["maybe="], {"maybe": None}),
        (["limit="], {"limit": None}),
        (["several=b", "several=a"], {"several": ["b", "a"]}),
        (["several="], {"several": []}),
        (["lines=one two", "lines=three"], {"lines": ["one two", "three"]}),
        (["lines="], {"lines": []}),
        (["source=650000000000000000000000"], {"source": "650000000000000000000000"}),
        (['lines:=["a\\nb"]', "count:=2"], {"lines": ["a\nb"], "count": 2}),
    ],
)
def test_words_are_typed_and_what_is_left_out_is_left_out(words: list[str], values: dict[str, Any]) -> None:
    assert read(*words) == values


def test_a_file_is_uploaded_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_bytes(b"a\n1\n")

    assert read(f"source=@{path}") == {"source": "id of sales.csv"}


@pytest.mark.parametrize(
    ("word", "name", "sentence"),
    [
        ("trim=maybe", "trim", "Choose yes or no."),
        ("count=many", "count", "Enter a whole number, such as 3."),
        ("case=upper", "case", "Please choose one of: keep, lower."),
        ("cuont=3", "cuont", "There is no parameter of this name. Did you mean count?"),
        ("zzz=3", "zzz", "There is no parameter of this name. There are: source, name,"),
        ("just words", "just words", "Expected name=value, name=@file or name:=JSON."),
        ("source=@/no/such/file", "source", "There is no file /no/such/file."),
        ("count:={", "count", "This is not JSON"),
    ],
)
def test_a_word_that_is_wrong_is_named_with_what_is_expected(word: str, name: str, sentence: str) -> None:
    with pytest.raises(Invalid) as refused:
        read(word)

    assert list(refused.value.fields) == [name]
    assert refused.value.fields[name].startswith(sentence)
    assert f"  {name}: {sentence}" in explained(refused.value)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(Invalid) as refused:
        read("count=many", "trim=perhaps", "case=upper", "name=fine")

    assert set(refused.value.fields) == {"count", "trim", "case"}


def test_nothing_is_uploaded_before_every_other_word_could_be_read(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_bytes(b"")
    uploaded: list[Path] = []

    with pytest.raises(Invalid):
        parse(FIELDS, [f"source=@{path}", "count=many"], lambda field, path: str(uploaded.append(path)))

    assert uploaded == []


def test_a_refused_file_is_said_beside_its_parameter(tmp_path: Path) -> None:
    path = tmp_path / "huge.csv"
    path.write_bytes(b"")

    def refuse(field: Field, path: Path) -> str:
        raise TooLarge(f"{path.name} is larger than 1 MB, the limit here.")

    with pytest.raises(Invalid) as refused:
        parse(FIELDS, [f"source=@{path}"], refuse)

    assert refused.value.fields == {"source": "huge.csv is larger than 1 MB, the limit here."}


def test_a_parameter_is_given_in_one_way() -> None:
    with pytest.raises(Invalid) as refused:
        read("count=1", "count:=2")

    assert "not as both" in refused.value.fields["count"]
