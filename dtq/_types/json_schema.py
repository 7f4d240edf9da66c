"""The JSON Schema of parameters as a worker publishes it.

Pydantic's own schema loses the limits of dates, durations and decimals and the schemes of addresses; here
they are kept, in the words that the program judges by. What cannot be a field of a form is marked with
`refused`, so that an error can name the parameter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, time
from typing import Any, TypeVar

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from dtq._types import durations

Schema = dict[str, Any]
Core = TypeVar("Core")
LIMITS = {
    "ge": "formatMinimum",
    "le": "formatMaximum",
    "gt": "formatExclusiveMinimum",
    "lt": "formatExclusiveMaximum",
}
NAIVE = "a moment without a zone is not taken: use datetime, which always has one"
NOW = "what is past or future when the form is sent may not be so when the task runs: use ge, gt, le, lt"
NO_ZONE = "a limit of a datetime needs a zone: datetime(..., tzinfo=timezone.utc)"
ZONE = "a time of day has no zone, and so its limits and its default have none"


def schema_of(model: type[BaseModel]) -> Schema:
    """The schema of a model of parameters. Raises PydanticUserError."""
    return model.model_json_schema(schema_generator=Published)


def closed(schema: Schema) -> Schema:
    """The schema with models that take no names but their own; pydantic passes others over in silence."""
    models = {
        name: {**about, "additionalProperties": False} if "properties" in about else about
        for name, about in schema.get("$defs", {}).items()
    }
    return {**schema, "$defs": models} if models else schema


def refusals(about: Any) -> Iterator[str]:
    """Why what a schema describes cannot be a form, for each place where it cannot."""
    if isinstance(about, dict):
        if isinstance(about.get("refused"), str):
            yield about["refused"]
        if isinstance(about.get("pattern"), str):
            yield from _pattern(about["pattern"])
        for inner in about.values():
            yield from refusals(inner)
    elif isinstance(about, int) and not -(2**63) <= about < 2**63:
        yield f"{about} cannot be kept: whole numbers go from -2**63 to 2**63 - 1"
    elif isinstance(about, list):
        for inner in about:
            yield from refusals(inner)


def _pattern(pattern: str) -> Iterator[str]:
    try:
        re.compile(pattern)
    except re.error as error:
        yield f"its pattern {pattern!r} is no regular expression of Python: {error}"


def _refused(why: str) -> Schema:
    return {"not": {}, "refused": why}


def _with_limits(made: Schema, core: Any, write: Any) -> Schema:
    return made | {word: write(core[key]) for key, word in LIMITS.items() if core.get(key) is not None}


class Published(GenerateJsonSchema):
    """Pydantic's generator, with what it leaves out; the methods are named by its kinds of values."""

    def decimal_schema(self, schema: Any) -> Schema:
        made = _with_limits({"type": "string", "format": "decimal"}, schema, _decimal)
        if schema.get("multiple_of") is not None:
            made["formatMultipleOf"] = _decimal(schema["multiple_of"])
        names = {"max_digits": "maxDigits", "decimal_places": "decimalPlaces"}
        return made | {word: schema[key] for key, word in names.items() if schema.get(key) is not None}

    def default_schema(self, schema: Any) -> Schema:
        made: Schema = super().default_schema(schema)
        if made.get("format") == "decimal" and type(made.get("default")) in (int, float):
            made["default"] = _decimal(made["default"])
        return made

    def date_schema(self, schema: Any) -> Schema:
        return (
            _refused(NOW) if schema.get("now_op") else _with_limits(super().date_schema(schema), schema, _iso)
        )

    def time_schema(self, schema: Any) -> Schema:
        if any(isinstance(schema.get(key), time) and schema[key].tzinfo for key in LIMITS):
            return _refused(ZONE)
        return _with_limits(super().time_schema(schema), schema, _iso)

    def datetime_schema(self, schema: Any) -> Schema:
        if schema.get("now_op"):
            return _refused(NOW)
        if schema.get("tz_constraint", "aware") != "aware":
            return _refused(NAIVE)
        if any(isinstance(schema.get(key), datetime) and not schema[key].tzinfo for key in LIMITS):
            return _refused(NO_ZONE)
        return _with_limits(super().datetime_schema(schema), schema, _iso)

    def timedelta_schema(self, schema: Any) -> Schema:
        return _with_limits(super().timedelta_schema(schema), schema, durations.store)

    def url_schema(self, schema: Any) -> Schema:
        made: Schema = super().url_schema(schema)
        schemes = schema.get("allowed_schemes")
        return {**made, "schemes": list(schemes)} if schemes else made

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> Schema:
        return _refused("this type cannot be a field of a form")

    def tuple_schema(self, schema: Any) -> Schema:
        return _refused("a tuple cannot be a field of a form: use a list")

    def set_schema(self, schema: Any) -> Schema:
        return _refused("a set cannot be a field of a form: use a list")

    def frozenset_schema(self, schema: Any) -> Schema:
        return self.set_schema(schema)

    def bytes_schema(self, schema: Any) -> Schema:
        return _refused("bytes cannot be a field of a form: use File")

    def complex_schema(self, schema: Any) -> Schema:
        return _refused("complex numbers cannot be a field of a form")

    def json_schema(self, schema: Any) -> Schema:
        return _refused("a text of JSON cannot be a field of a form: use dict[str, Any], list[Any] or Any")


def _decimal(value: Any) -> str:
    return format(value, "f") if hasattr(value, "as_tuple") else str(value)


def _iso(value: Any) -> str:
    return value if isinstance(value, str) else str(value.isoformat())
