"""A task type that logs an error with its traceback."""

from __future__ import annotations

import logging

from workers import Context, task


@task(title="Complain")
def complain(ctx: Context) -> None:
    try:
        raise RuntimeError("a\nreason")
    except RuntimeError:
        logging.getLogger("sample").exception("It was %s.", "wrong", extra={"shelf": 7})
