"""What can be the function of a task type, plain or `async def`, and why something else cannot."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

PLAIN = "write a function with `def` or `async def` in a module"
GENERATOR = "it is a generator, whose body would not run: collect what it yields in a list and return that"
HIDDEN = "a decorator below `@task` hides its parameters: use functools.wraps in that decorator"


def unfit_function(function: Any) -> str:
    """Return why something cannot be the function of a task type, or nothing when it can."""
    if inspect.isclass(function):
        return f"a class cannot be a task type: {PLAIN}"
    if isinstance(function, (staticmethod, classmethod)):
        return f"a {type(function).__name__} cannot be a task type: {PLAIN}"
    if inspect.ismethod(function):
        return f"a method bound to an object cannot be a task type: {PLAIN} that calls it"
    if not callable(function):
        return f"it cannot be called: {PLAIN}"
    if inspect.isbuiltin(function):
        return f"a function of C has no types to make a form of: {PLAIN} that calls it"
    name = getattr(function, "__name__", None)
    if not isinstance(name, str) or not isinstance(getattr(function, "__qualname__", None), str):
        return f"it has no name (a functools.partial has none): {PLAIN} that calls it"
    if not name.isidentifier():
        return f"{name} is no name for a task type: {PLAIN}"
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        return GENERATOR
    return HIDDEN if _takes_anything(function) else ""


def _takes_anything(function: Any) -> bool:
    """Return whether all that is known of the parameters is `*args` and `**kwargs`."""
    try:
        kinds = [parameter.kind for parameter in inspect.signature(function).parameters.values()]
    except (ValueError, TypeError):
        return True
    anything = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return bool(kinds) and all(kind in anything for kind in kinds)


def hidden_signature(function: Any, names: Sequence[str]) -> str:
    """Return why a function does not take the parameters that it shows, or nothing when it does.

    functools.wraps shows those of the function inside, whatever the wrapper itself takes.
    """
    for layer in _layers(function):
        try:
            itself = inspect.signature(layer, follow_wrapped=False)
        except (ValueError, TypeError):  # One of C, such as functools.cache, which takes anything.
            continue
        try:
            itself.bind(None, **dict.fromkeys(names))
        except TypeError as error:
            return (
                f"a decorator below `@task` shows its parameters, but does not take them ({error}): let its "
                "wrapper take *args and **kwargs, or leave functools.wraps out and annotate it"
            )
    return ""


def _layers(function: Any) -> Iterator[Any]:
    """Yield the wrappers around a function, the outermost first, without the function itself."""
    seen = set()
    while hasattr(function, "__wrapped__") and id(function) not in seen:
        seen.add(id(function))
        yield function
        function = function.__wrapped__
