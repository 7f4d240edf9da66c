"""Patterns that a worker published, matched in bounded time: no text that a person sends may hold up the web.

Most patterns run on the linear engine of pydantic-core (Rust's regex), which is also what judges them in the
worker. What that engine lacks, such as a look-ahead, runs on a backtracking one with a time limit.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

import regex
from pydantic_core import SchemaError, SchemaValidator, ValidationError, core_schema

FORMAT = "linear-regex"
"""The format of a text that is itself a pattern, for the linear engine: what Polars and Rust read."""
TIME_S = 0.2
MOST_BACKTRACKED = 10_000


class Undecided(ValueError):
    """Whether a text matches cannot be told in time; the message is a sentence."""


def matches(pattern: str, text: str) -> bool:
    """Return whether a pattern is found in a text. Raises Undecided."""
    return _matcher(pattern)(text)


def problem(pattern: str) -> str:
    """Return what is wrong with a pattern for the linear engine, as a sentence, or nothing."""
    try:
        _linear(pattern)
    except SchemaError as error:
        told = str(error).partition("error: ")[2].strip().splitlines()
        return f"This regular expression is not understood ({told[0] if told else 'it is too large'})."
    return ""


def _linear(pattern: str) -> SchemaValidator:
    """Raises SchemaError."""
    return SchemaValidator(core_schema.str_schema(pattern=pattern, strict=True))


@lru_cache(maxsize=512)
def _matcher(pattern: str) -> Callable[[str], bool]:
    try:
        linear = _linear(pattern)
    except SchemaError:
        return _backtracking(pattern)

    def found(text: str) -> bool:
        try:
            linear.validate_python(text)
        except ValidationError:
            return False
        return True

    return found


def _backtracking(pattern: str) -> Callable[[str], bool]:
    try:
        compiled = regex.compile(pattern)
    except regex.error:
        return _damaged

    def found(text: str) -> bool:
        if len(text) > MOST_BACKTRACKED:
            raise Undecided(f"This text is too long to check. Use {MOST_BACKTRACKED:,} characters or fewer.")
        try:
            # Other requests go on meanwhile.
            return compiled.search(text, timeout=TIME_S, concurrent=True) is not None
        except TimeoutError:
            raise Undecided("This text takes too long to check. Shorten it.") from None

    return found


def _damaged(text: str) -> bool:
    raise Undecided("This field cannot be checked: the task type has a damaged pattern.")


# For a browser


# Where JavaScript's regular expressions (with the flag v) and Python's mean the same: plain letters and
# signs, groups, ranges in brackets, numbers of times. `\d`, `\w` and `.` take other letters there.
_SIGN = r"[A-Za-z0-9_ @,:;=%#<>!~-]|\\[.+*?/()\[\]{}|^$\\]"
_RANGE = r"\[\^?(?:[A-Za-z0-9]-[A-Za-z0-9]|[A-Za-z0-9_ @,.:;%#]|\\[\-.\]\[])+\]"
_TIMES = r"(?:[*+?]|\{[0-9]{1,3}(?:,(?:[0-9]{1,3})?)?\})?"
_SIMPLE = re.compile(rf"\^((?:(?:{_SIGN}|{_RANGE}){_TIMES}|\((?:\?:)?|\){_TIMES}|\|)*)\$")
_DOUBLED = re.compile(r"([@,.:;%#~<>=!])\1")  # which mean something else in a range


def for_browser(pattern: str) -> str:
    """Return the pattern of a whole text for a browser, or nothing where it may mean another there."""
    simple = _SIMPLE.fullmatch(pattern)
    if simple is None or _DOUBLED.search(simple[1]) or _chooses_at_the_top(simple[1]):
        return ""
    return simple[1]


def _chooses_at_the_top(pattern: str) -> bool:
    """Whether `|` stands outside of every group, where `^` and `$` would be parts of the choice."""
    depth = 0
    for char in re.sub(r"\\.|\[[^\]]*\]", "", pattern):
        depth += {"(": 1, ")": -1}.get(char, 0)
        if char == "|" and depth == 0:
            return True
    return False
