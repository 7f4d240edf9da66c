"""Spares each further application of a process the compiling of its routes: 90 of the 120 ms it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from werkzeug.routing import Rule

_compiled: dict[tuple[object, ...], Callable[..., Any]] = {}
_compile: Any = Rule._compile_builder


def teach() -> None:
    """Hold for the whole process."""
    rule: Any = Rule
    rule._compile_builder = builder


def builder(self: Any, append_unknown: bool = True) -> Callable[..., Any]:
    """What builds the addresses of a rule; it is given the rule, and knows no more of it than this key."""
    key = (self.rule, tuple(self._trace), repr(self.defaults), append_unknown)
    if key not in _compiled:
        _compiled[key] = _compile(self, append_unknown)
    return _compiled[key]
