"""Runs inside Schemathesis: of what the schema allows, only what no schema can decide on is refused.

Without it, an operation that may answer 422 (`contract.toml`) could refuse anything.
"""

from __future__ import annotations

import re
from typing import Any

import schemathesis  # type: ignore[import-not-found]  # in an environment of its own

UNDECIDED = {
    "create_task": r"/(params(/.*)?|notify|run_at|tags)",
    "create_batch": r"/tasks/\d+/.*",  # in the mode "all", each row is checked as a task of its own
    "preview_bulk": r"/(filter|tag|priority)",
    "create_bulk": r"/(filter|tag|priority)",
    "create_view": r"/(filter|name)",
    "replace_view": r"/(filter|name)",
    "create_webhook": r"/(filter|name|address)",
    "change_webhook": r"/(filter|name|address)",
    "clone_task": r"/params(/.*)?",
}
"""By operation, the JSON pointers of such fields."""


@schemathesis.check  # type: ignore[untyped-decorator]
def only_undecided_fields_are_refused(ctx: Any, response: Any, case: Any) -> None:
    meta = case.meta
    if response.status_code != 422 or meta is None or not meta.generation.mode.is_positive:
        return
    name = case.operation.definition.raw["operationId"]
    pointers = [error["pointer"] for error in response.json().get("errors", [])]
    wrong = [one for one in pointers if not re.fullmatch(UNDECIDED.get(name, "(?!)"), one, re.DOTALL)]
    assert not wrong, f"{name} refuses what its schema allows: {wrong}"
