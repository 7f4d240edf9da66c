"""The traceback that is kept: as Python prints it where small, of what is large the essential part."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.plugins.examples import examples
from workers.attempt.tracebacks import TRACEBACK_LIMIT, traceback_of


def raised(fall: Callable[[], object]) -> BaseException:
    try:
        fall()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def plain() -> None:
    raise ValueError("said")


def caused() -> None:
    try:
        plain()
    except ValueError as error:
        raise KeyError("key") from error


def during() -> None:
    try:
        caused()
    except KeyError:
        raise TypeError("several\nlines") from None


def unsuppressed() -> None:
    try:
        caused()
    except KeyError:
        raise TypeError("several\nlines")  # noqa: B904 - what is tried here


def syntax() -> None:
    compile("a b\n", "x.py", "exec")


def group() -> None:
    inner = [raised(one) for one in (plain, caused, unsuppressed)]
    raise BaseExceptionGroup("several", [*inner, BaseExceptionGroup("inner", [ValueError(1), KeyError(2)])])


def group_as_cause() -> None:
    try:
        group()
    except BaseExceptionGroup as error:
        error.add_note("noted\non two lines")
        raise RuntimeError("outer") from error


def group_last_but_one() -> None:
    raise BaseExceptionGroup("outer", [raised(group_as_cause), raised(group)])


SMALL = [plain, caused, during, unsuppressed, syntax]
GROUPS = [group, group_as_cause, group_last_but_one]


@pytest.mark.parametrize("fall", [*SMALL, *GROUPS])
def test_what_is_small_reads_as_python_prints_it(fall: Callable[[], None]) -> None:
    error = raised(fall)
    assert traceback_of(error) == "".join(traceback.format_exception(error))


def test_a_long_message_gives_way_before_frames_and_the_root_cause() -> None:
    def fall() -> None:
        raise ValueError("begin" + "m" * 50_000 + "end") from KeyError("the root")

    text = traceback_of(raised(fall))

    assert "KeyError: 'the root'" in text
    assert 'raise ValueError("begin"' in text and f'File "{__file__}"' in text
    assert "ValueError: begin" in text and text.endswith("end\n")
    assert "characters left out" in text


def recursion(depth: int) -> None:
    if depth:
        recursion(depth - 1)
    raise ValueError("at the bottom")


def even(depth: int) -> None:
    odd(depth - 1) if depth else plain()


def odd(depth: int) -> None:
    even(depth - 1) if depth else plain()


def test_deep_recursion_keeps_both_ends_and_counts_the_rest() -> None:
    text = traceback_of(raised(lambda: recursion(500)))
    assert "[Previous line repeated 497 more times]" in text
    assert text.endswith("ValueError: at the bottom\n") and "in raised" in text

    text = traceback_of(raised(lambda: even(600)))
    assert "in raised" in text and "in plain" in text and text.endswith("ValueError: said\n")
    assert "frames left out" in text and len(text) <= TRACEBACK_LIMIT


def test_more_frames_than_anybody_reads_are_not_all_read() -> None:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    try:
        text = traceback_of(raised(lambda: even(8_000)))
    finally:
        sys.setrecursionlimit(before)
    assert "in raised" in text and text.endswith("ValueError: said\n") and "frames left out" in text


def test_the_frames_of_libraries_give_way_to_the_authors_own() -> None:
    namespace: dict[str, Any] = {}
    library = "def step(depth, then):\n    return then() if not depth else step_two(depth - 1, then)\n"
    library += library.replace("def step(", "def step_two(").replace("else step_two(", "else step(")
    exec(compile(library, "/usr/lib/python3/site-packages/framework/inside.py", "exec"), namespace)  # noqa: S102 - a library

    def callback() -> None:
        namespace["step"](200, plain)

    text = traceback_of(raised(lambda: namespace["step"](200, callback)), most=4_000)

    assert "in callback" in text and "in plain" in text and "frames left out" in text


def test_a_long_chain_keeps_its_root_and_its_end() -> None:
    def fall(depth: int) -> None:
        try:
            fall(depth - 1) if depth else plain()
        except Exception as error:
            raise KeyError(f"level {depth}") from error

    text = traceback_of(raised(lambda: fall(100)))

    assert "ValueError: said" in text and text.endswith("KeyError: 'level 100'\n")
    assert "92 exceptions left out" in text
    assert text.count("the direct cause") == 10


def test_a_chain_that_is_a_circle_ends() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    assert traceback_of(first).count("ValueError: first") == 1


def test_a_large_group_keeps_both_ends_and_a_deep_one_its_top() -> None:
    def wide() -> None:
        raise BaseExceptionGroup("wide", [ValueError(str(number)) for number in range(1_000)])

    text = traceback_of(raised(wide))
    assert "ValueError: 0" in text and "ValueError: 999" in text and "992 exceptions left out" in text
    assert "+---------------- 1000 ----------------" in text

    deep: Any = ValueError("innermost")
    for level in range(50):
        deep = BaseExceptionGroup(f"level {level}", [deep])
    text = traceback_of(deep)
    assert "level 49" in text and "1 exception left out" in text


def test_many_notes_are_cut_in_their_middle() -> None:
    error = ValueError("said")
    error.__notes__ = [f"note {number}" for number in range(2_000)]  # type: ignore[attr-defined]
    text = traceback_of(error)
    assert "note 0\n" in text and "note 1999" in text and "characters left out" in text
    assert len(text) <= TRACEBACK_LIMIT


class Broken(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def test_one_that_cannot_be_printed_has_its_frames() -> None:
    def fall() -> None:
        raise Broken

    assert "in fall" in traceback_of(raised(fall))


def test_a_secret_that_a_cut_would_halve_is_hidden() -> None:
    secret = "correct horse battery staple"
    for before in range(2_600, 2_720):
        error = ValueError("x" * before + secret + "y" * 9_000)
        text = traceback_of(error, lambda said: said.replace(secret, "••••"))
        assert "correct" not in text and "staple" not in text


@settings(max_examples=examples(80), deadline=None)
@given(
    messages=st.lists(
        st.one_of(st.text(max_size=30), st.integers(1, 60_000).map(lambda size: "Ж" * size)),
        min_size=1,
        max_size=30,
    ),
    depth=st.integers(0, 80),
    most=st.integers(3_000, TRACEBACK_LIMIT),
    in_groups=st.booleans(),
)
def test_whatever_the_sizes_root_frames_and_end_are_there(
    messages: list[str], depth: int, most: int, in_groups: bool
) -> None:
    class Root(Exception): ...

    class End(Exception): ...

    def fall(left: list[str]) -> None:
        if not left:
            even(depth)
        try:
            fall(left[1:]) if left[1:] else (_ for _ in ()).throw(Root(left[0]))
        except Exception as error:
            if in_groups and len(left) % 3 == 0:
                raise BaseExceptionGroup(left[0], [error]) from error
            raise End(left[0]) from error

    text = traceback_of(raised(lambda: fall(messages)), most=most)

    assert len(text) <= most
    assert "Root" in text and "in fall" in text
    assert ("End" in text) or in_groups
