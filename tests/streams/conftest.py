"""What is shared with the tests of the core."""

from __future__ import annotations

from tests.core.conftest import clock

__all__ = ["clock"]
