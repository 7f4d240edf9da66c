"""From a typed function to the published document, and what is refused when it is loaded."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from app.core.params.fields import describe
from app.core.params.paths import every
from app.core.people.roles import Permission, Role, grants_of
from dtq import Context, File, TaskTypeError, task
from dtq._types.task_type import ROLES, registered
from workers.types.task_modules import load


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Deepest(BaseModel):
    size: int = 1


class Deeper(BaseModel):
    deepest: Deepest = Deepest()


class Deep(BaseModel):
    deeper: list[Deeper] = []


class TooDeep(BaseModel):
    deep: Deep | None = None


class Person(BaseModel):
    name: str
    parents: list[Person] = []


class Mapped(BaseModel):
    counts: dict[str, int]


class Empty(BaseModel):
    pass


class Open(BaseModel, extra="allow"):
    name: str


def _everything(
    ctx: Context,
    source: File,
    name: str,
    note: Annotated[str, Field(json_schema_extra={"format": "textarea"})] = "",
    count: Annotated[int, Field(ge=1, le=10, title="How many")] = 3,
    share: float = 0.5,
    flag: bool = True,
    case: Literal["keep", "lower"] = "keep",
    color: Color = Color.RED,
    several: list[Literal["a", "b"]] = ["a"],  # noqa: B006 - a default of a form, never changed
    lines: list[str] = [],  # noqa: B006
    maybe: int | None = None,
) -> dict[str, Any]:
    """Take one of each.

    And explain it at length.
    """
    return {}


def test_every_kind_of_parameter_becomes_a_field() -> None:
    kind = registered(task(title="Everything")(_everything))

    kinds = {each.name: each.kind.name for each in describe(kind.document()["schema"])}
    assert kinds == {
        "source": "file", "name": "text", "note": "textarea", "count": "int", "share": "float",
        "flag": "bool", "case": "choice", "color": "choice", "several": "choices",
        "lines": "list", "maybe": "int",
    }  # fmt: skip


def test_the_kind_of_its_result_is_published() -> None:
    plain = registered(task(title="Everything")(_everything)).document()
    pieces = registered(task(title="Everything", result={"rows": "table"})(_everything)).document()

    assert (plain["result"], pieces["result"]) == ("auto", {"rows": "table"})
    assert plain["hash"] != pieces["hash"]


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("tabel", "allowed are auto, table, json, text, image, chart, file, preview. Did you mean table?"),
        (None, "there is no kind of result None"),
        ({"rows": "tree"}, "piece `rows`: there is no kind of result 'tree'"),
        ({"a.b": "table"}, "the name of a piece is letters, digits and underscores; 'a.b' is not"),
    ],
)
def test_a_kind_of_result_that_there_is_not_is_refused(said: Any, named: str) -> None:
    with pytest.raises(TaskTypeError, match=rf"{__name__}._everything: result: .*{re.escape(named)}"):
        task(title="Everything", result=said)(_everything)


def test_the_document_says_what_a_form_shows() -> None:
    document = registered(task(title="Everything", priority="low", timeout_s=5)(_everything)).document()

    assert document["summary"] == "Take one of each."
    assert document["help"] == "And explain it at length."
    assert (document["priority"], document["timeout_s"], document["max_attempts"]) == ("low", 5, 1)


def test_the_hash_changes_with_the_signature() -> None:
    def shape(ctx: Context, size: int = 1) -> None: ...

    before = registered(task(title="Shape")(shape)).document()["hash"]

    def shape(ctx: Context, size: int = 2) -> None: ...

    assert registered(task(title="Shape")(shape)).document()["hash"] != before


def _no_context(source: str) -> None: ...
def _no_type(ctx: Context, source) -> None: ...
def _stars(ctx: Context, *sources: str) -> None: ...
def _a_set(ctx: Context, sources: set[str]) -> None: ...
def _a_union(ctx: Context, source: int | str) -> None: ...
def _a_dict(ctx: Context, source: dict[str, int]) -> None: ...
def _a_deep_one(ctx: Context, source: TooDeep) -> None: ...
def _itself(ctx: Context, source: Person) -> None: ...
def _a_dict_inside(ctx: Context, source: list[Mapped]) -> None: ...
def _no_fields(ctx: Context, source: Empty) -> None: ...
def _two_models(ctx: Context, source: Deep | Open) -> None: ...
def _rows_of_rows(ctx: Context, source: list[list[Deep]]) -> None: ...
def _an_object(ctx: Context, source: object) -> None: ...
def _bad_default(ctx: Context, size: int = "many") -> None: ...
def _out_of_bounds(ctx: Context, size: Annotated[int, Field(ge=5)] = 1) -> None: ...


@pytest.mark.parametrize(
    ("function", "named"),
    [
        (_no_context, "the first parameter must be `ctx: Context`"),
        (_no_type, "parameter `source`: give it a type"),
        (_stars, "parameter `sources`: *args"),
        (_a_union, "parameter `source`: this type cannot"),
        (_a_dict, "parameter `source`: this type cannot"),
        (
            _a_deep_one,
            "parameter `source.deep.deeper.deepest`: here models stand in each other more than 3 deep",
        ),
        (_itself, "parameter `source.parents.parents.parents`: here models stand in each other more than 3"),
        (_a_dict_inside, "parameter `source.counts`: this type cannot be a field of a form. Allowed are str"),
        (_no_fields, "parameter `source`: this model has no fields. Allowed are str"),
        (_two_models, "parameter `source`: this type cannot"),
        (_rows_of_rows, "parameter `source`: this type cannot"),
        (_an_object, "parameter `source`: what is to be any value is written as Any"),
        (_bad_default, "parameter `size`: its default is not valid"),
        (_out_of_bounds, "parameter `size`: its default is not valid"),
    ],
)
def test_a_signature_that_cannot_be_a_form_is_refused_by_name(function: Any, named: str) -> None:
    with pytest.raises(TaskTypeError) as refused:
        task(title="Refused")(function)

    assert f"{__name__}.{function.__name__}" in str(refused.value)
    assert named in str(refused.value)


def test_three_models_in_each_other_are_fields_and_take_no_names_but_their_own() -> None:
    def nested(ctx: Context, source: Deep, open: Open | None = None) -> None: ...

    schema = registered(task(title="Nested")(nested)).document()["schema"]

    assert [path for path, _ in every(describe(schema))] == [
        "source", "source.deeper", "source.deeper.deepest", "source.deeper.deepest.size", "open", "open.name",
    ]  # fmt: skip
    assert {each["additionalProperties"] for each in schema["$defs"].values()} == {False}


def test_what_the_decorator_is_told_is_checked() -> None:
    def fine(ctx: Context) -> None: ...

    with pytest.raises(TaskTypeError, match="'urgent' is not a priority"):
        task(title="Fine", priority="urgent")(fine)
    with pytest.raises(TaskTypeError, match="max_attempts must be a whole number"):
        task(title="Fine", max_attempts=0)(fine)
    for roles in (["boss"], ["viewer"], "operator"):
        with pytest.raises(TaskTypeError, match="roles must be a list of submitter, operator, administrator"):
            task(title="Fine", roles=roles)(fine)
    for groups in (["a, b"], [""], "finance", [1]):
        with pytest.raises(TaskTypeError, match="groups must be a list"):
            task(title="Fine", groups=groups)(fine)  # type: ignore[arg-type]


def test_who_may_create_is_published() -> None:
    @task(title="Paid", roles=["operator"], groups=["finance", "law", "law"])
    def paid(ctx: Context) -> None: ...

    document = registered(paid).document()
    assert (document["roles"], document["groups"]) == (["operator"], ["finance", "law"])


def test_the_roles_that_can_be_asked_for_are_those_that_create_tasks() -> None:
    creating = [role.value for role in Role if Permission.TASK_CREATE in grants_of(role)]
    assert creating == list(ROLES)


def test_a_module_that_is_not_there_is_named() -> None:
    with pytest.raises(TaskTypeError, match=r"TASK_MODULES: no\.such\.module cannot be imported"):
        load(["no.such.module"])


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("def broken(:\n", r"SyntaxError: invalid syntax \(.*broken_types\.py, line 1\)"),
        ("x = 1\ny = z\n", r"NameError: name 'z' is not defined \(.*broken_types\.py, line 2\)"),
    ],
)
def test_a_module_that_is_broken_is_named_with_the_line(
    code: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_types.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(TaskTypeError, match=rf"TASK_MODULES: broken_types cannot be imported: {why}"):
        load(["broken_types"])


def test_the_library_loads() -> None:
    assert {"clean_table", "count_slowly"} <= set(load(["dtq_library"]))
