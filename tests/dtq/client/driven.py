"""An `AsyncClient` that is driven from a thread, so that the tests of a `Client` hold for it, too."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from dtq.client import AsyncBatch, AsyncClient, AsyncTaskSummary, DTQError

WITHIN_S = 60
ACTING = (AsyncTaskSummary, AsyncBatch)


class Driven:
    """A client or a task for coroutines, whose methods are awaited in an event loop of another thread."""

    def __init__(self, of: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._of = of
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._of, name)
        return self._called(found) if inspect.ismethod(found) else found

    def __eq__(self, other: object) -> bool:
        return self._of == (other._of if isinstance(other, Driven) else other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self._of)

    @property
    def kind(self) -> type:
        return type(self._of)

    def _called(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            found = method(*args, **named)
            if isinstance(found, AsyncIterator):
                return self._items(found)
            return self._awaited(found) if inspect.isawaitable(found) else found

        return call

    def _items(self, found: AsyncIterator[Any]) -> Iterator[Any]:
        while True:
            try:
                yield self._awaited(anext(found))
            except StopAsyncIteration:
                return

    def _awaited(self, awaitable: Any) -> Any:
        async def whole() -> Any:
            return await awaitable

        try:
            found = asyncio.run_coroutine_threadsafe(whole(), self._loop).result(WITHIN_S)
        except DTQError as error:
            if isinstance(getattr(error, "task", None), AsyncTaskSummary):
                error.task = Driven(error.task, self._loop)  # type: ignore[attr-defined]
            raise
        return Driven(found, self._loop) if isinstance(found, ACTING) else found


@contextmanager
def driven(url: str, token: str, **options: Any) -> Iterator[Driven]:
    """An `AsyncClient` with its event loop, for the time of a block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        client = Driven(AsyncClient(url, token, **options), loop)
        yield client
        client.close()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
