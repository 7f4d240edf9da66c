"""How the author of a task type says what lines of a parameter may look like.

    Price = Lines(
        Accept(
            r"(?P<name>\\S+)\\s+(?P<price>.+)",
            price=Part({"pattern": "^[0-9.]+$"}, "Write a price, such as 2.50."),
        ),
        otherwise="Write a name and a price, such as tea 2.50.",
    )

    def order(ctx: Context, items: Annotated[list[str], Price]): ...

It is published as data (`app.core.params.line_grammar`), so the form judges each line before a task is
created.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import regex
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from app.core.params.kinds.judge import fits
from app.core.params.line_grammar import problems, told


@dataclass(frozen=True)
class Part:
    """What a named part of a line must be, as a JSON Schema of its text, and the sentence where it is not."""

    schema: Mapping[str, Any]
    sentence: str


class Accept:
    """A line that the pattern matches as a whole is right, if its named parts pass their tests."""

    def __init__(self, pattern: str, /, **parts: Part | list[Part]) -> None:
        tests = {name: given if isinstance(given, list) else [given] for name, given in parts.items()}
        missing = tests.keys() - regex.compile(pattern).groupindex.keys()
        if missing:
            raise ValueError(f"The pattern {pattern!r} has no group {', '.join(sorted(missing))}.")
        self.document: dict[str, Any] = {"pattern": pattern}
        if tests:
            self.document["parts"] = {
                name: [[dict(test.schema), test.sentence] for test in each] for name, each in tests.items()
            }


class Refuse:
    """A line that the pattern matches as a whole is wrong, unless a rule before this one accepts it."""

    def __init__(self, pattern: str, sentence: str) -> None:
        regex.compile(pattern)
        self.document: dict[str, Any] = {"pattern": pattern, "sentence": sentence}


@dataclass(frozen=True, init=False)
class Lines:
    """The grammar of a `list[str]`, of a text with several lines, or of a text that is one line.

    Rules are tried in their order; ``otherwise`` is said of a line that none of them knows. See
    `app.core.params.line_grammar` for ``named``, ``comment`` and ``least``. With ``at_run=False`` a worker
    does not judge the lines again, because the function reads them itself and can say more.
    """

    document: dict[str, Any] = field(hash=False)
    at_run: bool

    def __init__(
        self,
        *rules: Accept | Refuse,
        otherwise: str,
        named: bool = False,
        comment: str = "",
        least: str = "",
        at_run: bool = True,
    ) -> None:
        said = {"named": named, "comment": comment, "least": least}
        document = {"rules": [rule.document for rule in rules], "otherwise": otherwise}
        object.__setattr__(
            self, "document", document | {name: value for name, value in said.items() if value}
        )
        object.__setattr__(self, "at_run", at_run)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        return core_schema.no_info_after_validator_function(self._judged, schema) if self.at_run else schema

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(core), "lines": self.document}

    def _judged(self, value: Any) -> Any:
        lines = value.split("\n") if isinstance(value, str) else value
        if lines is not None and (
            found := problems(self.document, enumerate(map(str, lines), 1), fits, limited=False)
        ):
            raise PydanticCustomError("lines", "{told}", {"told": told(found)})
        return value
