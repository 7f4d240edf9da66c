"""Task types that make spans of their own, as instrumented libraries do."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import Any

from opentelemetry import trace
from pydantic import SecretStr

from dtq import Context, task


@task(title="Traced parent")
def traced_parent(ctx: Context) -> dict[str, Any]:
    """Submit a task from within a span."""
    with trace.get_tracer("own").start_as_current_span("own work"):
        child = ctx.submit("traced_child", password="hunter2-canary")  # noqa: S106 - made up
        traceparent = ctx.traceparent
    ran = subprocess.run(["/usr/bin/env"], check=True, capture_output=True, text=True)
    return {"child": child, "traceparent": traceparent, "variables": [dict(os.environ), ran.stdout]}


@task(title="Traced child", max_attempts=1)
def traced_child(ctx: Context, password: SecretStr) -> None:
    """Fail."""
    raise ValueError(f"It does not open with {password.get_secret_value()}.")


@task(title="Traced killed", max_attempts=1)
def traced_killed(ctx: Context) -> None:
    """End the process, as a fault in native code does."""
    os.kill(os.getpid(), signal.SIGKILL)


@task(title="Traced alone")
def traced_alone(ctx: Context, pause_s: float = 0.3) -> None:
    """Say something, and take as long as it takes to send spans."""
    time.sleep(pause_s)
    print("Hello.")
