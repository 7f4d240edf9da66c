"""What can be a parameter reaches the function as its signature says; the rest is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Literal, Optional, Union

import pytest
from pydantic import (
    AnyUrl,
    AwareDatetime,
    EmailStr,
    Field,
    FutureDate,
    HttpUrl,
    Json,
    JsonValue,
    NaiveDatetime,
    PastDatetime,
    PostgresDsn,
)
from pydantic_core import SchemaError, SchemaValidator, core_schema

from app.core.params.cli_args import parse
from app.core.params.fields import describe
from dtq import Context, TaskTypeError, task
from dtq._types import task_type
from dtq._types.signature import SchemaFault, schema_fault
from dtq._types.task_type import registered
from workers.testing import Invalid, run

NOON = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """The types of these tests are nobody else's."""
    monkeypatch.setattr(task_type, "_registered", {})


def taking(annotation: Any, default: Any = ...) -> Callable[..., Any]:
    """A function that returns what it is given."""

    def give(ctx: Context, size: int = 1, x: Any = None) -> Any:
        return x if isinstance(x, str) else f"{type(x).__module__}.{type(x).__name__}: {x}"

    give.__annotations__ = {"ctx": Context, "size": int, "x": annotation}
    give.__defaults__ = None if default is ... else (1, default)
    give.__qualname__ = "give"
    return give


@pytest.mark.parametrize(
    ("annotation", "value", "given"),
    [
        (Decimal, Decimal("1.10"), "decimal.Decimal: 1.10"),
        (date, date(2026, 6, 1), "datetime.date: 2026-06-01"),
        (Annotated[date, Field(strict=True)], date(2026, 6, 1), "datetime.date: 2026-06-01"),
        (time, time(8, 30), "datetime.time: 08:30:00"),
        (datetime, NOON, "datetime.datetime: 2026-06-01 12:00:00+00:00"),
        (AwareDatetime, "2026-06-01T12:00:00+02:00", "datetime.datetime: 2026-06-01 12:00:00+02:00"),
        (timedelta, timedelta(hours=1.5), "datetime.timedelta: 1:30:00"),
        (EmailStr, "ada@example.com", "ada@example.com"),
        (HttpUrl, "https://example.com/a", "pydantic.networks.HttpUrl: https://example.com/a"),
        (dict[str, Any], {"a.b": [1, None]}, "builtins.dict: {'a.b': [1, None]}"),
        (JsonValue, [1.0, "x"], "builtins.list: [1.0, 'x']"),
        (list[date], [date(2026, 6, 1)], "builtins.list: [datetime.date(2026, 6, 1)]"),
        (Optional[timedelta], None, "builtins.NoneType: None"),  # noqa: UP045 - as people write it
    ],
)
def test_a_function_gets_what_its_signature_says(annotation: Any, value: Any, given: str) -> None:
    function = task(title="Give")(taking(annotation))
    assert run(function, size=1, x=value).result == given


@pytest.mark.parametrize(
    ("annotation", "typed", "given"),
    [
        (Decimal, "1.10", "decimal.Decimal: 1.10"),
        (datetime, "2026-06-01 12:00 Europe/Berlin", "datetime.datetime: 2026-06-01 12:00:00+02:00"),
        (timedelta, "1h 30m", "datetime.timedelta: 1:30:00"),
        (dict[str, Any], '{"a": 1}', "builtins.dict: {'a': 1}"),
    ],
)
def test_a_command_line_takes_the_words_of_the_form(annotation: Any, typed: str, given: str) -> None:
    function = task(title="Give")(taking(annotation))
    fields = describe(registered(function).document()["schema"])
    assert run(function, **parse(fields, ["size=1", f"x={typed}"], lambda *_: "")).result == given


def test_json_of_a_command_line_has_the_same_bounds() -> None:
    fields = describe(registered(task(title="Give")(taking(Any))).document()["schema"])
    for word in ("x:=[NaN]", "x:=" + "[" * 20_000, 'x:={"a":1,"a":2}'):
        with pytest.raises(Invalid):
            parse(fields, [word], lambda *_: "")


REFUSED = [
    (Union[int, str], "this type cannot be a field of a form"),  # noqa: UP007 - as people write it
    (date | datetime | None, "this type cannot be a field of a form"),
    (tuple[int, ...], "a tuple cannot be a field of a form: use a list"),
    (set[str], "a set cannot be a field of a form: use a list"),
    (frozenset[str], "a set cannot be a field of a form: use a list"),
    (list[set[int]], "a set cannot be a field of a form"),
    (list[list[int]], "this type cannot be a field of a form"),
    (list[int | None], "this type cannot be a field of a form"),
    (list[bool], "this type cannot be a field of a form"),
    (list[dict[str, int]], "this type cannot be a field of a form"),
    (list[NaiveDatetime] | None, "a moment without a zone is not taken"),
    (bytes, "bytes cannot be a field of a form: use File"),
    (bytearray, "Unable to generate pydantic-core schema for <class 'bytearray'>"),
    (complex, "complex numbers cannot be a field of a form"),
    (Callable[[int], int], "this type cannot be a field of a form"),
    (type, "this type cannot be a field of a form"),
    (Json[list[int]], "a text of JSON cannot be a field of a form"),
    (dict[int, str], "this type cannot be a field of a form"),
    (object, "what is to be any value is written as Any"),
    (PostgresDsn, "this type cannot be a field of a form"),
    (NaiveDatetime, "a moment without a zone is not taken: use datetime"),
    (FutureDate, "what is past or future when the form is sent"),
    (PastDatetime, "what is past or future when the form is sent"),
    (Annotated[datetime, Field(ge=datetime(2026, 1, 1))], "a limit of a datetime needs a zone"),
    (Annotated[time, Field(ge=time(8, tzinfo=timezone.utc))], "a time of day has no zone"),
    (Annotated[str, Field(pattern="(")], "its pattern cannot be compiled"),
    (Annotated[str, Field(pattern="^(?=a)")], "its pattern cannot be compiled"),
    (list[Annotated[str, Field(pattern=r"\p{Lu}")]], r"its pattern '\\p{Lu}' is no regular expr"),
]  # fmt: skip


@pytest.mark.parametrize(("annotation", "why"), REFUSED, ids=[str(each[0])[:40] for each in REFUSED])
def test_what_cannot_be_a_form_is_refused_with_place_reason_and_what_is_allowed(
    annotation: Any, why: str
) -> None:
    with pytest.raises(TaskTypeError) as refused:
        task(title="Refused")(taking(annotation))

    assert str(refused.value).startswith(f"{__name__}.give, parameter `x`: {why}")
    assert "Allowed are str, int, float, bool, Decimal, date" in str(refused.value)


@pytest.mark.parametrize(
    ("annotation", "default"),
    [
        (Annotated[int, Field(ge=0, le=2**64 - 1)], 1),
        (Annotated[int, Field(gt=-(2**63) - 1)], 1),
        (Annotated[list[int], Field(max_length=2**63)], [1]),
        (int, 2**63),
        (dict[str, Any], {"seed": [2**63]}),
        (Literal[1, 2**63], 1),
    ],
)
def test_a_whole_number_that_no_document_holds_is_refused(annotation: Any, default: Any) -> None:
    with pytest.raises(TaskTypeError, match=r"parameter `x`: -?9223\d+ |parameter `x`: 1844\d+ "):
        task(title="Refused")(taking(annotation, default))


@pytest.mark.parametrize(
    ("annotation", "default", "why"),
    [
        (date, "soon", "Input should be a valid date"),
        (datetime, datetime(2026, 1, 1), "Enter a moment with its offset"),
        (Annotated[Decimal, Field(le=1)], Decimal("1.5"), "Input should be less than or equal to 1"),
        (float, float("nan"), "Enter a finite number."),
        (time, time(8, tzinfo=timezone.utc), "Enter a time of day"),
        (list[EmailStr], ["nobody"], "value is not a valid email address"),
        (HttpUrl, "ftp://host", "URL scheme should be 'http' or 'https'"),
    ],
)
def test_a_default_that_the_form_would_refuse_is_refused(annotation: Any, default: Any, why: str) -> None:
    with pytest.raises(TaskTypeError, match="parameter `x`: its default is not valid: ") as refused:
        task(title="Refused")(taking(annotation, default))
    assert why in str(refused.value)


@pytest.mark.parametrize("default", [0, 1.5, Decimal("0.10")])
def test_a_decimal_may_have_any_number_as_its_default(default: Any) -> None:
    function = task(title="Give")(taking(Decimal, default))
    assert run(function, size=1).result == f"decimal.Decimal: {default}"


def test_every_kind_that_is_allowed_is_named_and_is_a_form() -> None:
    allowed = [
        Decimal,
        date,
        time,
        datetime,
        timedelta,
        EmailStr,
        HttpUrl,
        AnyUrl,
        dict[str, Any],
        list[Any],
        Any,
    ]
    for annotation in (
        *allowed,
        *(each | None for each in allowed[:-1]),
        *(list[each] for each in allowed[:8]),
    ):
        give = task(title="Give")(taking(annotation))
        assert registered(give).document()["schema"]["properties"]["x"]


@pytest.mark.parametrize(
    ("schema", "fault"),
    [
        (core_schema.str_schema(pattern="("), SchemaFault.PATTERN),
        (core_schema.definition_reference_schema("missing"), SchemaFault.OTHER),
    ],
)
def test_errors_of_pydantic_are_told_apart(schema: core_schema.CoreSchema, fault: SchemaFault) -> None:
    with pytest.raises(SchemaError) as raised:
        SchemaValidator(schema)

    assert schema_fault(raised.value) is fault
