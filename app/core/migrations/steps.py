"""The table of all steps, in order: the first leads to version 1, the last to the current one."""

from __future__ import annotations

from collections.abc import Callable

from app.core.migrations.owner_ids import OwnerIds
from app.core.migrations.step import Step
from app.core.mongo import Mongo

STEPS: tuple[Callable[[Mongo, bool], Step], ...] = (OwnerIds,)
"""Each is made of a database, and whether it is for a dry run."""
