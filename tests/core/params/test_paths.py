"""Models, rows and several files: fields within fields, the paths of a form, and who is to blame."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

import pytest
from bson import ObjectId
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, create_model

from app.core.clock import utcnow
from app.core.errors import Invalid
from app.core.files.store import StoredFile
from app.core.params.cli_args import parse
from app.core.params.fields import describe
from app.core.params.paths import MOST_ITEMS, file_ids, flattened, laid_out, rows_among
from app.core.params.validate import from_form, validate
from app.web.create.form_fields import initial
from dtq._types.json_schema import closed, schema_of
from tests.core.params.models import INVITE, Phone
from tests.core.params.schemas import FILE_ID, one
from tests.plugins.examples import examples

FIELDS = describe(INVITE)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), max_size=4)
SAID = TEXT.filter(str.strip)
PHONE = st.fixed_dictionaries({"number": SAID, "kind": st.sampled_from(["home", "work"])})
ADDRESS = st.fixed_dictionaries({"street": SAID, "city": TEXT, "lift": st.booleans()})
PERSON = st.fixed_dictionaries(
    {
        "name": SAID,
        "age": st.integers(0, 120),
        "member": st.booleans(),
        "photo": st.none(),
        "phones": st.lists(PHONE, max_size=2),
    }
)
VALUES = st.fixed_dictionaries(
    {
        "files": st.just([FILE_ID]),
        "address": ADDRESS,
        "people": st.lists(PERSON, min_size=1, max_size=2),
        "billing": st.none() | ADDRESS,
        "subject": TEXT,
    }
)

ODD = st.recursive(
    st.none() | st.integers() | st.just("x"),
    lambda one: (
        st.lists(one, max_size=2) | st.dictionaries(st.sampled_from(["name", "phones", ""]), one, max_size=2)
    ),
    max_leaves=4,
)


class Everybody:
    """A shelf on which every file is everybody's."""

    def usable(self, ids: set[str]) -> dict[str, Any]:
        return {one: file(one) for one in ids}


def file(one: str) -> StoredFile:
    return StoredFile(ObjectId(one), "x.csv", 1, "text/csv", "", "alice", "input", utcnow())


def blamed(**values: Any) -> dict[str, str]:
    whole = {"files": [FILE_ID], "people": [{"name": "Ada"}], **values}
    with pytest.raises(Invalid) as caught:
        validate(INVITE, whole)
    return caught.value.fields


def test_fields_have_the_fields_of_their_model() -> None:
    kinds = {each.name: (each.kind.name, [part.name for part in each.children]) for each in FIELDS}
    assert kinds == {
        "files": ("files", []),
        "address": ("model", ["street", "city", "lift"]),
        "people": ("rows", ["name", "age", "member", "photo", "phones"]),
        "billing": ("model", ["street", "city", "lift"]),
        "subject": ("text", []),
    }
    assert FIELDS[0].accept == (".csv", ".tsv")
    assert [each.kind.words(each) for each in (FIELDS[0], FIELDS[2])] == [
        "From 1 to 3 files.",
        "From 1 to 4 rows.",
    ]
    assert (FIELDS[3].nullable, FIELDS[1].title) == (True, "Address")


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"min_length": 1}, "At least 1 row."),
        ({"max_length": 1_000}, "At most 1,000 rows."),
        ({"min_length": 2, "max_length": 2}, "2 rows."),
        ({}, ""),
    ],
)
def test_how_many_in_words(limits: dict[str, int], said: str) -> None:
    field = describe(one(Annotated[list[Phone], Field(**limits)]))[0]
    assert field.kind.words(field) == said


@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(VALUES)
def test_what_was_given_comes_back_from_the_form_that_shows_it(values: dict[str, Any]) -> None:
    shown = initial(FIELDS, values, Everybody())
    sent = {each.field.name: each.texts for each in shown}

    assert from_form(FIELDS, sent) == (values, {})
    assert validate(INVITE, values) == values


def test_rows_are_in_the_order_of_their_numbers_with_gaps() -> None:
    values, problems = from_form(
        FIELDS,
        {
            "files": [FILE_ID],
            "address.street": ["x"],
            "people.10.name": ["last"],
            "people.10.age": ["1"],
            "people.9.name": ["first"],
            "people.9.age": ["2"],
        },
    )
    assert problems == {}
    assert [person["name"] for person in values["people"]] == ["first", "last"]


@pytest.mark.parametrize(
    "name",
    [
        "address.owner", "address.street.x", "address.", ".", "billing.0.street", "people.name",
        "people.x.name", "people.-1.name", "people.01.name", "people.9999999.name", "people.0.admin",
        "people.0.phones.0.admin",
    ],
)  # fmt: skip
def test_a_name_that_is_no_part_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match="There is no parameter"):
        from_form(FIELDS, {name: ["x"]})


def test_too_many_rows_for_a_form_are_said() -> None:
    sent = {"people": [str(number) for number in range(MOST_ITEMS + 1)]}
    assert from_form(FIELDS, sent)[1]["people"] == "A form takes at most 100 rows; 101 were sent."
    assert "people.0.name" in from_form(FIELDS, {"people": ["0"]})[1]
    assert from_form(FIELDS, {"people": ["all"]})[1]["people"] == "Enter the numbers of rows."


def test_a_part_sent_twice_is_refused() -> None:
    problems = from_form(FIELDS, {"address.street": ["a", "b"]})[1]
    assert problems["address.street"] == "Enter one value; several were sent."


def test_what_came_for_a_model_that_is_not_given_is_not_looked_at() -> None:
    sent = {"billing.lift": ["1"], "billing.city": ["x" * 200_000]}
    values, problems = from_form(FIELDS, sent)
    assert values["billing"] is None
    assert "billing.city" not in problems
    assert set(from_form(FIELDS, {**sent, "billing": ["1"]})[1]) >= {"billing.street", "billing.city"}


@pytest.mark.parametrize(
    ("values", "path", "sentence"),
    [
        ({"people": [{"name": "a"}, {"age": 3}]}, "people.1.name", "This field is required."),
        ({"people": [{"name": "a", "age": 130}]}, "people.0.age", "Enter 120 or less."),
        ({"people": [{"name": "a", "phones": [{}]}]}, "people.0.phones.0.number", "This field is required."),
        ({"people": [{"name": "a", "root": 1}]}, "people.0.root", "There is no parameter of this name."),
        ({"people": []}, "people", "Add at least 1 row."),
        ({"people": [{"name": "a"}] * 5}, "people", "Use 4 rows or fewer."),
        ({"people": ["a"]}, "people", "Enter a list of objects."),
        ({"people": {"0": {"name": "a"}}}, "people", "Enter a list of objects."),
        ({"address": []}, "address", "Enter an object."),
        ({"address": {"street": "x", "zip": 1}}, "address.zip", "There is no parameter of this name."),
        ({"address": {"street": "a\x00"}}, "address.street", "This holds a character that cannot be kept."),
        ({"billing": {}}, "billing.street", "This field is required."),
        ({"billing": {"street": "x", "lift": "no"}}, "billing.lift", "Choose yes or no."),
        ({"billing": 3}, "billing", "Enter an object."),
        ({"files": []}, "files", "Add at least 1 file."),
        ({"files": [FILE_ID] * 4}, "files", "Use 3 files or fewer."),
        ({"files": FILE_ID}, "files", "Enter a list of IDs of uploaded files."),
    ],
)  # fmt: skip
def test_the_whole_path_is_blamed(values: dict[str, Any], path: str, sentence: str) -> None:
    assert blamed(**values) == {path: sentence}


def test_defaults_are_filled_in_within_models_and_rows() -> None:
    whole = validate(INVITE, {"files": [FILE_ID], "people": [{"name": "Ada", "phones": [{"number": "1"}]}]})
    assert whole["address"] == {"street": "Via Roma 1", "city": "Rome", "lift": True}
    assert whole["people"][0]["phones"] == [{"number": "1", "kind": "home"}]
    assert (whole["people"][0]["age"], whole["billing"]) == (30, None)


def test_files_are_found_wherever_they_are() -> None:
    given = {"files": ["a", "b"], "people": [{"name": "x"}, {"name": "y", "photo": "c"}]}
    assert file_ids(FIELDS, given) == {"files": ["a", "b"], "people.1.photo": ["c"]}


@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ODD)
def test_nothing_that_was_stored_breaks_a_form(value: Any) -> None:
    flat = flattened(FIELDS, dict.fromkeys(("files", "address", "people", "billing"), value))
    assert flat.keys() <= {each.name for each in laid_out(FIELDS, lambda path: flat.get(path, ()))}
    assert rows_among({"people": ["2", "x", "0"]})("people") == ["0", "2"]


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (['address={"street": "x"}'], {"address": {"street": "x"}}),
        (["address.street=x", "address.lift=no"], {"address": {"street": "x", "lift": False}}),
        (["billing="], {"billing": None}),
        (['people={"name": "a"}', 'people={"name": "b"}'], {"people": [{"name": "a"}, {"name": "b"}]}),
        (['people:=[{"name": "a"}]'], {"people": [{"name": "a"}]}),
        (["people.1.name=b", "people.0.age:=3"], {"people": [{"age": 3}, {"name": "b"}]}),
        (["people.0.phones.0.number=5"], {"people": [{"phones": [{"number": "5"}]}]}),
        (["files=@a.csv", "files=@b.csv"], {"files": ["id of a.csv", "id of b.csv"]}),
        (["people.0.photo=@a.csv"], {"people": [{"photo": "id of a.csv"}]}),
    ],
)  # fmt: skip
def test_words_of_a_command_line(words: list[str], values: Any, tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).touch()
    assert parse(FIELDS, words, lambda each, path: f"id of {path.name}") == values


@pytest.mark.parametrize(
    ("words", "name", "sentence"),
    [
        (["address={street"], "address", "This is not JSON"),
        (["address.zip=3"], "address.zip", "There is no parameter of this name."),
        (['address={"street": "x"}', "address.city=y"], "address", "Give it whole, as JSON, or in its parts"),
    ],
)
def test_words_that_cannot_be_read(words: list[str], name: str, sentence: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(FIELDS, words, lambda each, path: "")
    assert caught.value.fields[name].startswith(sentence)


class Visit(BaseModel):
    at: datetime
    day: date = date(2026, 1, 2)
    price: Decimal = Decimal("1.50")
    takes: timedelta = timedelta(minutes=5)
    notes: dict[str, Any] = {}


def test_parts_are_of_any_kind_and_blamed_by_their_path() -> None:
    schema = closed(schema_of(create_model("Visits", visits=(list[Visit], ...))))
    fields = describe(schema)
    at = "2026-05-06T07:08:00+02:00"
    given = {"visits": [{"at": at, "notes": {"a": [1]}}]}
    whole = validate(schema, given)
    shown = initial(fields, whole, Everybody())

    assert from_form(fields, {each.field.name: each.texts for each in shown}) == (whole, {})
    assert whole["visits"][0]["price"] == "1.50"
    with pytest.raises(Invalid) as caught:
        validate(schema, {"visits": [{"at": at, "day": "yesterday", "price": "x"}]})
    assert caught.value.fields.keys() == {"visits.0.day", "visits.0.price"}
    parts = laid_out(fields[0].children, lambda path: ())
    empty = {
        "at": ["", "Europe/Berlin"],
        "day": ["2026-01-02"],
        "price": ["1.50"],
        "takes": ["5m"],
        "notes": ["{}"],
    }
    assert [each.name for each in parts if not each.kind.untouched(each, empty[each.name])] == []
