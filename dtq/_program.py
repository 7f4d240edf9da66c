"""What the program that runs task types adds to this package. Private: `workers.types` installs it.

The program knows forms, grammars of lines and the database's time; a package that needs only pydantic does
not. So the rules of forms apply wherever the program is imported, and not where the package stands alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

judge_type: Callable[[Any], None] | None = None
"""Raise TaskTypeError for a TaskType whose parameters cannot be a form."""

judge_lines: Callable[[Mapping[str, Any], Any], str] | None = None
"""Return what is wrong with the lines of a value by a grammar, or an empty text."""

clock: Callable[[], datetime] | None = None
"""Return the time of the database, aware UTC."""
