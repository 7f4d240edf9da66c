"""What `@task` adds to a function: submitting it to a server, with its own parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, Protocol, TypeVar

from pydantic import BaseModel

from dtq.context import Context

Params = ParamSpec("Params")
Returned = TypeVar("Returned", covariant=True)
Submitted = TypeVar("Submitted", covariant=True)


class Submits(Protocol[Submitted]):
    """What submits tasks: a `dtq.client.Client`, the `dtq.Context` of a task, and the `options` of either."""

    def submit(self, type: str, params: Mapping[str, Any], /) -> Submitted: ...


class TaskFunction(Protocol[Params, Returned]):
    """A function that is a task type. Called, it runs here; `submit` has a server run it."""

    __name__: str

    def __call__(self, ctx: Context, /, *args: Params.args, **params: Params.kwargs) -> Returned: ...

    def submit(self, client: Submits[Submitted], /, *args: Params.args, **params: Params.kwargs) -> Submitted:
        """Create a task of this type on a server, with the arguments of the function after its context.

            report = monthly_report.submit(client, month=3).wait().result()
            clean_table.submit(client.options(priority="high"), File.of(Path("people.csv")))
            clean_table.submit(ctx, source)

        They are validated here first. Raises TypeError for arguments that the function does not take,
        `pydantic.ValidationError` for values that it refuses, and what `client.submit` raises.
        """
        ...


def submitting(function: Callable[..., Any], model: type[BaseModel]) -> Callable[..., Any]:
    """Return the `submit` of a task function whose parameters are those of ``model``."""
    signature = inspect.signature(function)
    without_context = signature.replace(parameters=[*signature.parameters.values()][1:])

    def submit(client: Submits[Any], /, *args: Any, **params: Any) -> Any:
        given = without_context.bind(*args, **params).arguments
        valid = model.model_validate(given)
        return client.submit(function.__name__, {name: getattr(valid, name) for name in given})

    return submit
