"""What the tests of commands share with those of the core."""

from __future__ import annotations

from tests.core.conftest import running

__all__ = ["running"]
