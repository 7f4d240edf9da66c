"""The figures of these tests, printed at the end, and the application over stores in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import address
from tests.web.conftest import anonymous, app, client, compiled_templates, one_app

__all__ = ["address", "anonymous", "app", "client", "compiled_templates", "one_app"]

FIGURE = "security-figure"


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Count something: figures of one name are summed over all tests, and printed at the end."""
    return lambda **counted: [record_property(FIGURE, item) for item in counted.items()] and None


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the figures, also those that other processes of pytest-xdist have found."""
    sums: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, found in getattr(report, "user_properties", ()):
                if name == FIGURE and getattr(report, "when", "call") == "call":
                    sums[found[0]] += found[1]
    if sums:
        terminalreporter.section("security figures")
        for what, count in sorted(sums.items()):
            terminalreporter.write_line(f"{what.replace('_', ' ')}: {count:,}")
