"""Schemas as workers publish them: made by pydantic from the parameters of a function."""

from __future__ import annotations

import enum
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, create_model

from dtq._types.json_schema import schema_of as published

FILE: dict[str, Any] = {"format": "file-id", "accept": [".csv", ".tsv"]}
FILE_ID = "0123456789abcdef01234567"


class Shade(enum.Enum):
    """A class whose name and docstring are nobody's label."""

    LIGHT = "light"
    VERY_DARK = "very_dark"


def schema_of(**parameters: Any) -> dict[str, Any]:
    """The schema that a task function with these parameters would publish."""
    model = create_model("Parameters", __config__=ConfigDict(extra="forbid"), **parameters)
    return published(model)


def one(annotation: Any, default: Any = ...) -> dict[str, Any]:
    return schema_of(x=(annotation, default))


WHOLE = schema_of(
    source=(Annotated[str, Field(title="Table", json_schema_extra=FILE)], ...),
    note=(Annotated[str, Field(json_schema_extra={"format": "textarea"})], ""),
    name=(Annotated[str, Field(max_length=20, description="What it is called.")], "x"),
    count=(Annotated[int, Field(ge=1, le=1_000_000)], 3),
    ratio=(Annotated[float, Field(gt=0)], 0.5),
    trim=(bool, True),
    case=(Literal["keep", "lower", "upper"], "keep"),
    shade=(Shade, Shade.VERY_DARK),
    parts=(list[Literal["a", "b"]], ["a"]),
    lines=(list[str], []),
    maybe=(int | None, None),
)

KINDS = {
    "source": "file",
    "note": "textarea",
    "name": "text",
    "count": "int",
    "ratio": "float",
    "trim": "bool",
    "case": "choice",
    "shade": "choice",
    "parts": "choices",
    "lines": "list",
    "maybe": "int",
}
