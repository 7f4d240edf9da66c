"""Task types that are coroutines, and the ways in which one may end or refuse to."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from dtq import Context, Fail, File, Retry, task

CHOSEN: contextvars.ContextVar[str] = contextvars.ContextVar("chosen", default="nothing")


@task(title="Await everything")
async def await_everything(ctx: Context, source: File | None = None, parts: int = 3) -> dict[str, Any]:
    """Use all that a context offers, from several coroutines and a thread."""

    async def part(number: int) -> int:
        ctx.progress(number, parts, f"part {number}")
        await asyncio.sleep(0.001)
        print("printed by part", number)
        return number

    numbers = await asyncio.gather(*map(part, range(parts)))
    (ctx.work_dir / "out").write_text("kept")
    saved = await asyncio.to_thread(ctx.save_file, ctx.work_dir / "out", "out.txt")
    process = await asyncio.create_subprocess_exec("echo", "said by a process")
    await process.wait()
    logging.getLogger("awaiting").warning("logged")
    return {
        "numbers": numbers,
        "size": source.size if source else None,
        "file": saved["name"],
        "chosen": CHOSEN.get(),
    }


async def _wait(folder: Path | None = None) -> None:
    try:
        await asyncio.sleep(600)
    finally:
        print("cleaned up", flush=True)


async def _swallow() -> None:
    while True:
        try:
            await asyncio.sleep(600)
        except BaseException as error:
            print("swallowed", type(error).__name__, flush=True)


async def _swallow_once() -> None:
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(600)


async def _compute() -> None:
    while True:
        sum(range(1000))


async def _spin() -> None:
    while True:
        await asyncio.sleep(0)


async def _block() -> None:
    time.sleep(600)


async def _gathered() -> None:
    await asyncio.gather(_wait(), _wait())


async def _unheard() -> None:
    """What computes is another task, and its error is a value that nobody looks at."""
    await asyncio.gather(_compute(), return_exceptions=True)
    await asyncio.sleep(600)


async def _unawaited() -> None:
    background = asyncio.create_task(_block())
    await asyncio.sleep(600)
    await background


async def _callback() -> None:
    asyncio.get_running_loop().call_soon(lambda: time.sleep(600))
    await asyncio.sleep(600)


async def _generating() -> None:
    async def numbers() -> Any:
        try:
            while True:
                yield 1
                await asyncio.sleep(600)
        finally:
            print("closed", flush=True)

    async for _ in numbers():
        pass


WAYS: dict[str, Callable[[], Awaitable[None]]] = {
    "wait": _wait,
    "swallow_once": _swallow_once,
    "compute": _compute,
    "spin": _spin,
    "block": _block,
    "gathered": _gathered,
    "unheard": _unheard,
    "unawaited": _unawaited,
    "callback": _callback,
    "generating": _generating,
}
ENDLESS = {**WAYS, "swallow": _swallow}


@task(title="Await for long", timeout_s=600)
async def linger(ctx: Context, how: str = "wait") -> str:
    """Never end by itself."""
    await ENDLESS[how]()
    return "it ended"


@task(title="Await, heeding cancellation", timeout_s=600)
async def heed(ctx: Context, where: str = "main") -> None:
    """Ask the context ten times a second whether somebody canceled the task."""

    async def asking() -> None:
        while True:
            ctx.check_canceled()
            await asyncio.sleep(0.02)

    if where == "main":
        await asking()
    background = asyncio.create_task(asking())
    await asyncio.sleep(600)
    await background


@task(title="Fail in a coroutine", max_attempts=3)
async def fall(ctx: Context, how: str) -> Any:
    """End otherwise than by returning."""
    await asyncio.sleep(0)
    if how == "fail":
        raise Fail("This cannot work.")
    if how == "retry":
        raise Retry("Not yet.", after_s=0)
    if how == "exit":
        raise SystemExit(3)
    if how == "canceled":
        raise asyncio.CancelledError
    if how == "coroutine":
        return {"rows": [_wait()]}
    if how == "async_generator":
        return (number async for number in _numbers())
    if how == "future":
        return asyncio.get_running_loop().create_future()
    raise ValueError("deep inside")


async def _numbers() -> Any:
    yield 1


@task(title="Leave tasks behind")
async def leave_tasks(ctx: Context) -> int:
    """Return while others still run."""

    async def left() -> None:
        try:
            await asyncio.sleep(600)
        finally:
            print("left behind, ended", flush=True)

    tasks = [asyncio.create_task(left()) for _ in range(3)]
    await asyncio.sleep(0)
    return len(tasks)


@task(title="Return a coroutine")
def not_awaited(ctx: Context) -> Any:
    """As a decorator does that forgets to await."""
    return fall(ctx, "fail")
