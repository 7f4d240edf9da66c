"""Describe what the lines of a parameter may look like.

    from dtq.lines import Accept, Lines, Part

    Price = Lines(
        Accept(
            r"(?P<name>\\S+)\\s+(?P<price>.+)",
            price=Part({"pattern": "^[0-9.]+$"}, "Write a price, such as 2.50."),
        ),
        otherwise="Write a name and a price, such as tea 2.50.",
    )

    def order(ctx: Context, items: Annotated[list[str], Price]): ...

It is published as data, so the form judges each line before a task is created, and a worker judges it again.
Patterns are those of the `regex` package, which extend `re`; they are compiled early where it is installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from dtq import _program


@dataclass(frozen=True)
class Part:
    """What a named part of a line must be, as a JSON Schema of its text, and the sentence where it is not."""

    schema: Mapping[str, Any]
    sentence: str


class Accept:
    """A line that the pattern matches as a whole is right, if its named parts pass their tests."""

    def __init__(self, pattern: str, /, **parts: Part | list[Part]) -> None:
        tests = {name: given if isinstance(given, list) else [given] for name, given in parts.items()}
        compiled = _compiled(pattern)
        if compiled and (missing := tests.keys() - compiled.groupindex.keys()):
            raise ValueError(f"The pattern {pattern!r} has no group {', '.join(sorted(missing))}.")
        self.document: dict[str, Any] = {"pattern": pattern}
        if tests:
            self.document["parts"] = {
                name: [[dict(test.schema), test.sentence] for test in several]
                for name, several in tests.items()
            }


class Refuse:
    """A line that the pattern matches as a whole is wrong, unless a rule before this one accepts it."""

    def __init__(self, pattern: str, sentence: str) -> None:
        _compiled(pattern)
        self.document: dict[str, Any] = {"pattern": pattern, "sentence": sentence}


@dataclass(frozen=True, init=False)
class Lines:
    """The grammar of a `list[str]`, of a text with several lines, or of a text that is one line.

    Rules are tried in their order; ``otherwise`` is said of a line that none of them knows. With ``named``,
    lines begin with a name, such as a column's, and the rules are about what follows it. Lines that begin
    with ``comment`` say nothing; ``least`` is the sentence where no line says anything. With
    ``at_run=False`` a worker does not judge the lines again, because the function reads them itself and can
    say more.
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
        if _program.judge_lines and (told := _program.judge_lines(self.document, value)):
            raise PydanticCustomError("lines", "{told}", {"told": told})
        return value


def _compiled(pattern: str) -> Any:
    """Return the pattern of a rule, or None without the `regex` package. Raises its error for a bad one."""
    try:
        import regex
    except ImportError:
        return None
    return regex.compile(pattern)
