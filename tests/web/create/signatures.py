"""Any signature, and what a person types into its form: for the test that posts a thousand of them.

A kind of parameter draws an annotation (with limits), then entries for it: the texts that a browser
sends, by what follows the name of the field, and the value that the function is to be given. A wrong
entry has no such value.
"""

from __future__ import annotations

import inspect
import math
import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from hypothesis import strategies as st
from pydantic import Field, SecretStr

from dtq import Context

Typed = dict[str, list[str]]


@dataclass(frozen=True)
class Entry:
    """What is typed into one field, and what it means; ``right`` is whether it is to be taken."""

    typed: Typed
    meant: Any = None
    right: bool = True


@dataclass(frozen=True)
class Drawn:
    """One parameter: its annotation, and strategies of entries; ``wrong`` may be empty."""

    annotation: Any
    right: st.SearchStrategy[Entry]
    wrong: st.SearchStrategy[Entry]


Kind = Callable[[st.DrawFn], Drawn]
LINE = st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"))


def typed(*texts: str) -> Typed:
    return {"": list(texts)}


def wrong(*texts: str) -> st.SearchStrategy[Entry]:
    return st.sampled_from([Entry(typed(text), right=False) for text in texts])


def _text(draw: st.DrawFn) -> Drawn:
    most = draw(st.integers(3, 40))
    right = (
        st.text(LINE, min_size=1, max_size=most).filter(str.strip).map(lambda text: Entry(typed(text), text))
    )
    return Drawn(Annotated[str, Field(max_length=most)], right, wrong("", " ", "x" * (most + 1), "a\x00"))


def _long_text(draw: st.DrawFn) -> Drawn:
    characters = st.one_of(LINE, st.just("\n"))
    right = st.text(characters, min_size=1, max_size=200).filter(str.strip)
    entries = right.map(lambda text: Entry(typed(text.replace("\n", "\r\n")), text))
    return Drawn(Annotated[str, Field(json_schema_extra={"format": "textarea"})], entries, wrong("", "\n"))


def _secret(draw: st.DrawFn) -> Drawn:
    right = st.text(LINE, min_size=4, max_size=40).filter(str.strip)
    entries = right.map(lambda text: Entry(typed(text), SecretStr(text)))
    return Drawn(
        Annotated[SecretStr, Field(min_length=4, max_length=40)],
        entries,
        wrong("", " ", "abc", "x" * 41, "abc\x00"),
    )


def _pattern(draw: st.DrawFn) -> Drawn:
    right = st.from_regex(r"[A-Z]{2}[0-9]{3}", fullmatch=True).map(lambda text: Entry(typed(text), text))
    return Drawn(
        Annotated[str, Field(pattern=r"^[A-Z]{2}[0-9]{3}$")], right, wrong("", "AB12", "ab123", "AB1234")
    )


def _int(draw: st.DrawFn) -> Drawn:
    low = draw(st.integers(-1000, 1000))
    high = low + draw(st.integers(0, 1000))
    right = st.integers(low, high).map(lambda number: Entry(typed(f" {number} "), number))
    return Drawn(
        Annotated[int, Field(ge=low, le=high)],
        right,
        wrong("", str(low - 1), str(high + 1), "1.5", "abc", "1e3"),
    )


def _multiple(draw: st.DrawFn) -> Drawn:
    step = draw(st.integers(2, 9))
    right = st.integers(-50, 50).map(lambda times: Entry(typed(str(times * step)), times * step))
    return Drawn(Annotated[int, Field(multiple_of=step)], right, wrong(str(step + 1), str(1 - step)))


def _float(draw: st.DrawFn) -> Drawn:
    low = draw(st.floats(-1e6, 1e6))
    high = low + draw(st.floats(1, 1e6))
    right = st.floats(low, high).map(lambda number: Entry(typed(repr(number)), number))
    outside = (repr(low - 1), repr(math.nextafter(high, math.inf)))
    return Drawn(
        Annotated[float, Field(ge=low, le=high)], right, wrong("", "nan", "inf", "1_0", "x", *outside)
    )


def _bool(draw: st.DrawFn) -> Drawn:
    return Drawn(bool, st.sampled_from([Entry(typed("1"), True), Entry({"": []}, False)]), st.nothing())


def _choice(draw: st.DrawFn) -> Drawn:
    values = draw(
        st.lists(st.text(string.ascii_letters + " -&<\"'", min_size=1), min_size=1, max_size=9, unique=True)
    )
    values = [value for value in values if value.strip()] or ["only"]
    right = st.sampled_from(values).map(lambda value: Entry(typed(value), value))
    return Drawn(Literal[tuple(values)], right, wrong("", "7", values[0] + "_"))


def _choices(draw: st.DrawFn) -> Drawn:
    values = draw(st.lists(st.text(string.ascii_lowercase, min_size=1), min_size=1, max_size=6, unique=True))
    right = st.lists(st.sampled_from(values), unique=True).map(lambda some: Entry({"": some}, some))
    return Drawn(list[Literal[tuple(values)]], right, wrong("7", values[0] + "_"))


def _list(draw: st.DrawFn) -> Drawn:
    line = st.text(LINE, min_size=1, max_size=20).map(str.strip).filter(bool)
    right = st.lists(line, min_size=1, max_size=5).map(lambda lines: Entry(typed("\n".join(lines)), lines))
    return Drawn(list[str], right, wrong("a\x00", "", " \n\t\n"))


def _list_that_may_be_empty(draw: st.DrawFn) -> Drawn:
    whole = _list(draw)
    empty = st.sampled_from(["", " \n\t\n"]).map(lambda text: Entry(typed(text), []))
    return Drawn(Annotated[list[str], Field(min_length=0)], whole.right | empty, wrong("a\x00"))


KINDS: dict[str, Kind] = {
    "text": _text,
    "long text": _long_text,
    "secret": _secret,
    "pattern": _pattern,
    "int": _int,
    "multiple": _multiple,
    "float": _float,
    "bool": _bool,
    "choice": _choice,
    "choices": _choices,
    "list": _list,
    "list that may be empty": _list_that_may_be_empty,
}


def function_of(parameters: dict[str, Drawn], name: str = "anything") -> Callable[..., Any]:
    """A function with these parameters, all of them needed, as an author would have typed it."""

    def anything(ctx: Context, **values: Any) -> None:
        """Take anything."""

    kind = inspect.Parameter.KEYWORD_ONLY
    given = [inspect.Parameter(each, kind, annotation=drawn.annotation) for each, drawn in parameters.items()]
    first = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Context)
    anything.__name__ = anything.__qualname__ = name
    anything.__signature__ = inspect.Signature([first, *given])
    anything.__annotations__ = {each.name: each.annotation for each in [first, *given]}
    return anything


@st.composite
def parameters(draw: st.DrawFn) -> dict[str, Drawn]:
    """One to five parameters of any kinds."""
    kinds = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=5))
    return {f"p{number}": KINDS[kind](draw) for number, kind in enumerate(kinds)}
