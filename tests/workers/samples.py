"""Task types that misbehave in every way that a test needs."""

from __future__ import annotations

import base64
import logging
import os
import signal
import subprocess
import sys
import time
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import Field, SecretStr

from dtq import Context, Fail, File, NotSubmitted, Retry, task


@task(title="Echo", category="Samples", max_attempts=1)
def echo(ctx: Context, text: str = "hello") -> dict[str, Any]:
    """Say it on every channel and return it."""
    print("printed", text)
    logging.getLogger("sample").warning("logged %s", text)
    print("complained", text, file=sys.stderr)
    subprocess.run(["echo", "from a child", text], check=True)
    return {"text": text, "attempt": ctx.attempt}


@task(title="Sleep", category="Samples", timeout_s=600, max_attempts=3)
def doze(ctx: Context, seconds: float = 1.0) -> str:
    """Sleep, heeding cancellation twenty times a second."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        ctx.progress(seconds - (until - time.monotonic()), seconds, "dozing")
        time.sleep(0.05)
    return "rested"


@task(title="Count aloud", category="Samples", max_attempts=2)
def count_aloud(ctx: Context, lines: int = 10, pause_s: float = 0.05, again: bool = False) -> int:
    """Print numbers, one per line; where asked to, fail once."""
    for number in range(lines):
        print(f"{ctx.attempt}: line {number} é", flush=True)
        time.sleep(pause_s)
    if again and ctx.attempt == 1:
        raise Retry(after_s=0.1)
    return lines


@task(title="Deaf", category="Samples", timeout_s=1, max_attempts=1)
def deaf(ctx: Context) -> None:
    """Swallow everything that could interrupt it."""
    while True:
        try:
            time.sleep(0.2)
        except BaseException:
            logging.getLogger("sample").warning("swallowed")


@task(title="Busy", category="Samples", timeout_s=1, max_attempts=1)
def busy(ctx: Context) -> None:
    """Loop forever."""
    while True:
        time.sleep(0.01)


@task(title="Die", category="Samples", max_attempts=5)
def die(ctx: Context, how: str = "kill") -> None:
    """End the process instead of returning."""
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "exit":
        os._exit(0)
    if how == "system_exit":
        sys.exit(3)


@task(title="Refuse", category="Samples", max_attempts=5)
def refuse(ctx: Context) -> None:
    """Fail for good."""
    raise Fail("This cannot work, whatever is tried.")


@task(title="Again", category="Samples", max_attempts=2)
def again(ctx: Context) -> str:
    """Ask for a second attempt at once."""
    if ctx.attempt == 1:
        raise Retry("Not yet.", after_s=0)
    return "done"


@task(title="Leave a child behind", category="Samples")
def orphan(ctx: Context) -> int:
    """Start a process that outlives the task; returns its id."""
    return subprocess.Popen(["sleep", "600"]).pid


@task(title="Return", category="Samples", max_attempts=3)
def give(ctx: Context, what: str) -> Any:
    """Return something difficult."""
    deep: Any = 1
    for _ in range(150):
        deep = [deep]
    return {
        "nan": float("nan"),
        "big": "x" * 400_000,
        "wide_int": 2**70,
        "dollar": {"$where": 1, "a.b": 2},
        "deep": deep,
        "object": object(),
        "surrogate": "\ud800",
        "bytes": b"abc",
        "none": None,
    }[what]


@task(title="Return a table", category="Samples", result={"rows": "table"})
def give_a_table(ctx: Context, what: str) -> Any:
    """The same with a kind."""
    return give(ctx, what)


@task(title="Confess", category="Samples", max_attempts=1)
def confess(
    ctx: Context, password: SecretStr, ending: Literal["return", "raise"] = "return", pause_s: float = 0.0
) -> Any:
    """Say a secret in every way there is."""
    text = password.get_secret_value()
    basic = base64.b64encode(f"user:{text}".encode()).decode()
    print("printed", text, "quoted", quote(text), "basic", basic)
    logging.getLogger("sample").warning("logged %r", text)
    subprocess.run(["echo", "from a child", text], check=True)
    ctx.progress(1, 2, f"logging in with {text}")
    for half in (text[:7], text[7:]):
        print(half, end="", flush=True)
        time.sleep(pause_s)
    if ending == "raise":
        raise RuntimeError(f"{basic} is not {text}") from KeyError(text)
    return {"said": text, text: [f"user:{text}"], "basic": basic}


@task(title="Hand out", category="Samples", max_attempts=5)
def hand_out(
    ctx: Context, texts: list[str], password: SecretStr | None = None, pause_s: float = 0.0, fails: int = 0
) -> list[str]:
    """Submit an echo of each text, and fail in so many attempts."""
    ids = []
    for text in texts:
        ids.append(echo.submit(ctx, text))
        time.sleep(pause_s)
    if password is not None:
        ids.append(ctx.submit("confess", password=password))
    if ctx.attempt <= fails:
        raise Retry("Not yet.", after_s=0)
    assert {child.id for child in ctx.children()} == set(ids)
    return ids


@task(title="Pass on", category="Samples", max_attempts=1)
def pass_on(ctx: Context, source: File | None = None, how: str = "file") -> Any:
    """Submit a task in the way that a test asks for; returns what is told of a refusal."""
    path = ctx.work_dir / "made.csv"
    path.write_text("a,b")
    key: dict[str, Any] = {"key": "k", "priority": "high", "title": "Named", "tags": ["x"]}
    try:
        if how == "file":
            return ctx.submit("typed_file", source=source)
        if how == "saved":
            return ctx.submit("typed_file", {"source": ctx.save_file(path, "made.csv")})
        if how == "key":
            return [echo.submit(ctx.options(**key), "one"), ctx.submit("echo", text="one", **key)]
        if how == "other":
            return [ctx.submit("echo", text="one", key="k"), ctx.submit("echo", text="two", key="k")]
        if how == "wrong":
            return ctx.submit("echo", text=5)
        if how == "same":
            return [ctx.submit("echo", text="one"), ctx.submit("echo", text="one")]
        return ctx.submit(how)
    except NotSubmitted as error:
        return {"said": str(error), "fields": sorted(error.fields)}


@task(title="Leak", category="Samples", max_attempts=1)
def leak(ctx: Context, password: SecretStr) -> str:
    """Give a secret to a parameter that everybody may read."""
    return ctx.submit("echo", text=f"it is {password.get_secret_value()}")


@task(title="Again and again", category="Samples", max_attempts=1)
def recurse(ctx: Context) -> str:
    """Submit itself."""
    return ctx.submit("recurse")


@task(title="Take a table", category="Samples")
def typed_file(
    ctx: Context, source: Annotated[File, Field(json_schema_extra={"accept": [".csv", "text/csv"]})]
) -> list[Any]:
    """Say which file it was given, and one of the worker's settings."""
    return [source.name, ctx.settings.http_allow]
