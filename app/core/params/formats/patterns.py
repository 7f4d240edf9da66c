"""Patterns that a worker published, matched in bounded time: no text that a person sends may hold up the web.

Most patterns run on the linear engine of pydantic-core (Rust's regex), which is also what judges them in the
worker. What that engine lacks, such as a look-ahead, runs on a backtracking one, with a time limit per
match and one for all matches of a set of parameters (:func:`limited`).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import regex
from pydantic_core import SchemaError, SchemaValidator, ValidationError, core_schema

FORMAT = "linear-regex"
"""The format of a text that is itself a pattern, for the linear engine: what Polars and Rust read."""
TIME_S = 0.2
ALL_S = 0.5
MOST_BACKTRACKED = 10_000
MOST_REFERENCES = 50_000
LARGEST = 20_000
"""Items of a pattern once its counts are written out: `regex` writes them out and needs memory for each."""


TOO_LONG = "This text takes too long to check. Shorten it."
_TOKEN = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{(?P<least>[0-9]{1,9})?(?:,(?P<most>[0-9]{1,9})?)?\}|.", re.DOTALL
)


_CLASS_OPERATOR = re.compile(r"\[|&&|--|~~")


class Undecided(ValueError):
    """Whether a text matches cannot be told in time; the message is a sentence."""


class TooManyReferencesError(LookupError):
    """A schema whose references lead to more references than can be followed in time."""


@dataclass
class _Allowance:
    """What is left of the time for backtracking, and of the references to follow."""

    left_s: float
    references: int = MOST_REFERENCES


_allowance: ContextVar[_Allowance | None] = ContextVar("allowance", default=None)


@contextmanager
def limited() -> Iterator[None]:
    """Limit what is matched and followed within the block: one set of parameters."""
    token = _allowance.set(_Allowance(ALL_S))
    try:
        yield
    finally:
        _allowance.reset(token)


def count_reference() -> None:
    """Count a `$ref` that is followed. Raises TooManyReferencesError."""
    if allowance := _allowance.get():
        allowance.references -= 1
        if allowance.references < 0:
            raise TooManyReferencesError


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


def _means_otherwise(pattern: str) -> bool:
    """Return whether the linear engine reads a part differently: `a++`, `[a[b]`, `[a&&b]`."""
    tokens = [found[0] for found in _TOKEN.finditer(pattern)]
    repeated = ("*", "+", "?")
    return any(
        (first in repeated or first[:1] == "{") and second == "+" for first, second in pairwise(tokens)
    ) or any(len(token) > 1 and token[0] == "[" and _CLASS_OPERATOR.search(token[1:]) for token in tokens)


@lru_cache(maxsize=512)
def _matcher(pattern: str) -> Callable[[str], bool]:
    if _means_otherwise(pattern):
        return _backtracking(pattern)
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
        compiled = backtracking(pattern)
    except regex.error:
        return _damaged

    def found(text: str) -> bool:
        if len(text) > MOST_BACKTRACKED:
            raise Undecided(f"This text is too long to check. Use {MOST_BACKTRACKED:,} characters or fewer.")
        allowance = _allowance.get() or _Allowance(TIME_S)
        if allowance.left_s <= 0:
            raise Undecided(TOO_LONG)
        began = time.thread_time()
        try:
            # Other requests go on meanwhile.
            timeout = min(TIME_S, allowance.left_s)
            return compiled.search(text, timeout=timeout, concurrent=True) is not None
        except TimeoutError:
            raise Undecided(TOO_LONG) from None
        finally:
            allowance.left_s -= time.thread_time() - began

    return found


def backtracking(pattern: str, flags: int = 0) -> Any:
    """Return a compiled pattern. Raises regex.error, also for one that is too large."""
    if _size(pattern) > LARGEST:
        raise regex.error("the pattern is too large")
    return regex.compile(pattern, flags)


def _size(pattern: str) -> int:
    """Return how many items a pattern has at most once its counts are written out."""
    levels, last = [0], 0
    for token in _TOKEN.finditer(pattern):
        text = token[0]
        if count := token["most"] or token["least"]:
            levels[-1] += last * max(0, int(count) - 1)
            last *= int(count)
            continue
        if text == "(":
            levels.append(0)
            continue
        last = levels.pop() if text == ")" and len(levels) > 1 else 1
        levels[-1] += last
    return sum(levels)


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
