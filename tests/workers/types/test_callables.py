"""What can be the function of a task type: refused when it is loaded, or run; never found out by a person."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from dtq import Context, TaskTypeError, task
from dtq._types.task_type import registered
from workers.testing import run


def plain(ctx: Context, size: int = 1) -> int:
    """Return the size."""
    return size


async def awaited(ctx: Context, size: int = 1) -> int:
    """Return the size, later."""
    await asyncio.sleep(0)
    return size


def generator(ctx: Context, size: int = 1) -> Iterator[int]:
    yield size


async def async_generator(ctx: Context, size: int = 1) -> AsyncIterator[int]:
    yield size


class Worker:
    """Callable, and with methods."""

    def __init__(self, ctx: Context, size: int = 1) -> None: ...

    def __call__(self, ctx: Context, size: int = 1) -> int:
        return size

    def bound(self, ctx: Context, size: int = 1) -> int:
        return size

    @staticmethod
    def static(ctx: Context, size: int = 1) -> int:
        return size

    @classmethod
    def of_class(cls, ctx: Context, size: int = 1) -> int:
        return size


def passing(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator as it should be."""

    @functools.wraps(function)
    def wrapper(*given: Any, **named: Any) -> Any:
        return function(*given, **named)

    return wrapper


def driving(function: Callable[..., Any]) -> Callable[..., Any]:
    """Run a coroutine function from a plain one."""

    @functools.wraps(function)
    def wrapper(*given: Any, **named: Any) -> Any:
        return asyncio.run(function(*given, **named))

    return wrapper


def hiding(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator without functools.wraps."""

    def wrapper(*given: Any, **named: Any) -> Any:
        return function(*given, **named)

    return wrapper


def narrowing(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that shows more than it takes."""

    @functools.wraps(function)
    def wrapper(ctx: Context) -> Any:
        return function(ctx)

    return wrapper


def renamed(name: str) -> Callable[..., Any]:
    def odd(ctx: Context) -> None: ...

    odd.__name__ = name
    return odd


ODD: dict[str, tuple[Any, str]] = {
    "class": (Worker, "Worker: a class cannot be a task type: write a function with `def`"),
    "object": (Worker.__new__(Worker), "it has no name"),
    "bound": (Worker.__new__(Worker).bound, "a method bound to an object cannot be a task type"),
    "of_class": (Worker.of_class, "a method bound to an object cannot be a task type"),
    "staticmethod": (Worker.__dict__["static"], "a staticmethod cannot be a task type"),
    "classmethod": (Worker.__dict__["of_class"], "a classmethod cannot be a task type"),
    "partial": (functools.partial(plain, size=2), "An object of functools.partial: it has no name"),
    "lambda": (lambda ctx: None, "<lambda> is no name for a task type"),
    "builtin": (print, "a function of C has no types to make a form of"),
    "type": (int, "a class cannot be a task type"),
    "none": (None, "it cannot be called"),
    "name": (renamed("two words"), "two words is no name for a task type"),
    "generator": (generator, "it is a generator, whose body would not run"),
    "async_generator": (async_generator, "it is a generator, whose body would not run"),
    "hidden": (hiding(plain), "a decorator below `@task` hides its parameters: use functools.wraps"),
    "hidden_coroutine": (hiding(awaited), "a decorator below `@task` hides its parameters"),
    "narrow": (narrowing(plain), "shows its parameters, but does not take them"),
    "narrow_inside": (passing(narrowing(plain)), "shows its parameters, but does not take them"),
}


@pytest.mark.parametrize("odd", [*ODD])
def test_what_cannot_run_is_refused_when_it_is_loaded(odd: str) -> None:
    function, said = ODD[odd]
    with pytest.raises(TaskTypeError) as refused:
        task(title="Odd")(function)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "function",
    [
        plain,
        awaited,
        Worker.static,
        passing(plain),
        passing(passing(plain)),
        driving(awaited),
        functools.lru_cache(plain),
    ],
)
def test_what_can_run_runs(function: Callable[..., Any]) -> None:
    registering = task(title="Fine")(function)
    assert run(registering, size=3).result == 3
    assert registered(registering).model.model_fields.keys() == {"size"}


def test_a_decorator_that_does_not_await_is_a_failure_with_a_sentence() -> None:
    with pytest.raises(TypeError, match="it holds a coroutine, which nothing has run. Await it"):
        run(task(title="Not awaited")(passing(awaited)))


@pytest.mark.parametrize("condition", [awaited, generator])
def test_a_condition_that_is_always_true_is_refused(condition: Any) -> None:
    with pytest.raises(TaskTypeError, match="when: write a plain function that returns True or False"):
        task(title="Conditional", when=condition)(plain)


def test_a_generator_that_is_returned_runs_within_the_attempt() -> None:
    @task(title="Give rows")
    def give_rows(ctx: Context, fail: bool = False) -> Any:
        def rows() -> Iterator[int]:
            print("the body runs")
            yield 1
            if fail:
                raise ValueError("in the body")

        return {"rows": rows()}

    ran = run(give_rows)
    assert ran.result == {"rows": [1]}
    assert ran.log == "the body runs\n"
    with pytest.raises(ValueError, match="in the body"):
        run(give_rows, fail=True)
