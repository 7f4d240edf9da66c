"""The settings of the worker that runs a task, for the built-in types that need some of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from workers import Context

if TYPE_CHECKING:
    from config import Settings


def settings_of(ctx: Context) -> Settings:
    """What the program was told from outside; the defaults for an attempt without stores.

    This is the one place of the library that looks into a context.
    """
    from config import load

    found = getattr(ctx._stores, "settings", None)
    return cast("Settings", found) if found else load({"ENVIRONMENT": "local"})
