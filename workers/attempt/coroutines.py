"""Task functions that are coroutines: each attempt has an event loop of its own.

An interrupt (a time limit, a cancellation) is an exception that a signal raises wherever Python is just then.
In the machinery of an event loop that would lose a step of some task for good, and a callback or a task that
nobody awaits would swallow it. There the main task is canceled instead, and the attempt ends with the
interrupt however that is taken.
"""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Callable, Coroutine, Mapping
from types import FrameType
from typing import Any

DEEPEST = 50
_LIBRARY = os.path.dirname(os.__file__) + os.sep
_MACHINERY = os.path.dirname(asyncio.__file__) + os.sep
_INSTALLED = (os.path.join(_LIBRARY, "site-packages"), os.path.join(_LIBRARY, "dist-packages"))


def call(function: Callable[..., Any], context: object, arguments: Mapping[str, Any]) -> Any:
    """Return what a task function returns; a coroutine function runs to its end first."""
    if not inspect.iscoroutinefunction(function):
        return function(context, **arguments)
    main = _Main.current = _Main()
    try:
        result = _run(main.run(function, context, arguments))
    except BaseException as error:
        if main.interrupt is None:
            raise
        cause = None if isinstance(error, asyncio.CancelledError) else error
        raise main.interrupt.with_traceback(error.__traceback__) from cause
    finally:
        _Main.current = None
    if main.interrupt is not None:
        raise main.interrupt
    return result


def _run(main: Coroutine[Any, Any, Any]) -> Any:
    # Given a factory, the runner does not set the thread's loop, which the next task would find closed.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(main)


def interrupt(error: BaseException, frame: FrameType | None) -> None:
    """Interrupt the task function that runs in this thread, from the handler of a signal. Raises the error.

    In the machinery of its event loop it is canceled instead, at its next step.
    """
    if _Main.current is None or _Main.current.ended or not _in_machinery(frame):
        raise error
    _Main.current.cancel(error)


def _in_machinery(frame: FrameType | None) -> bool:
    """Return whether a frame is asyncio's or of this module, or one of the library that they have called."""
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(_MACHINERY) or file == __file__:
            return True
        if not file.startswith((_LIBRARY, "<frozen ")) or file.startswith(_INSTALLED):
            return False
        frame = frame.f_back
    return False


def never_run(result: Any, depth: int = 0) -> str:
    """Return what in a result is code that nothing has run, as words, or nothing; closes a coroutine."""
    if inspect.iscoroutine(result):
        result.close()  # else Python warns that it was never awaited
        return "a coroutine"
    if inspect.isasyncgen(result):
        return "an asynchronous generator"
    if inspect.isawaitable(result):
        return f"an awaitable ({type(result).__name__})"
    parts = list(result.values()) if isinstance(result, Mapping) else result
    if depth > DEEPEST or not isinstance(parts, (list, tuple, set, frozenset)):
        return ""
    return next((said for part in parts if (said := never_run(part, depth + 1))), "")


class _Main:
    """The main task of an attempt; ``interrupt`` is what it was canceled for before it had ``ended``."""

    current: _Main | None = None
    """The one that runs in this process: a child runs one attempt at a time."""

    def __init__(self) -> None:
        self.interrupt: BaseException | None = None
        self.ended = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None

    async def run(self, function: Callable[..., Any], context: object, given: Mapping[str, Any]) -> Any:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        self._loop.set_exception_handler(self._in_callback)
        self._loop.set_task_factory(self._made)
        try:
            if self.interrupt is not None:  # it came while the loop was made
                raise asyncio.CancelledError
            return await function(context, **given)
        finally:
            self.ended = True

    def cancel(self, error: BaseException) -> None:
        """Cancel the main task for an interrupt, unless it has ended."""
        if self.ended:
            return
        self.interrupt = error
        if self._loop is not None and self._task is not None:
            self._loop.call_soon_threadsafe(self._task.cancel)

    def _made(self, loop: asyncio.AbstractEventLoop, coroutine: Any, **given: Any) -> asyncio.Task[Any]:
        task = asyncio.Task(coroutine, loop=loop, **given)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Future[Any]) -> None:
        # Not `task.exception()`: asyncio would then no longer log an error that nobody asked for.
        if error := _interrupt_in(getattr(task, "_exception", None)):
            self.cancel(error)

    def _in_callback(self, loop: asyncio.AbstractEventLoop, about: dict[str, Any]) -> None:
        if error := _interrupt_in(about.get("exception")):
            self.cancel(error)
        else:
            loop.default_exception_handler(about)


def _interrupt_in(error: Any) -> BaseException | None:
    """Return an error where it is one that ends an attempt, such as a cancellation that a task notices."""
    ordinary = isinstance(error, (Exception, asyncio.CancelledError))
    return error if isinstance(error, BaseException) and not ordinary else None
