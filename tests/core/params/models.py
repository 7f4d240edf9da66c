"""Models as parameters: what a person's task type may look like."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from dtq._types.json_schema import closed
from tests.core.params.schemas import FILE, schema_of

Csv = Annotated[str, Field(json_schema_extra=FILE)]


class Address(BaseModel):
    street: str
    city: str = "Rome"
    lift: bool = True


class Phone(BaseModel):
    number: str
    kind: Literal["home", "work"] = "home"


class Person(BaseModel):
    name: Annotated[str, Field(max_length=20)]
    age: Annotated[int, Field(ge=0, le=120)] = 30
    member: bool = True
    photo: Csv | None = None
    phones: list[Phone] = []


INVITE: dict[str, Any] = closed(
    schema_of(
        files=(Annotated[list[Csv], Field(min_length=1, max_length=3)], ...),
        address=(Address, Address(street="Via Roma 1")),
        people=(Annotated[list[Person], Field(min_length=1, max_length=4)], ...),
        billing=(Address | None, None),
        subject=(str, "Hello"),
    )
)
