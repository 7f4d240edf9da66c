"""Alice, who has archives, and archives that nobody should make."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dtq_library.archives.tasks import extract_archive
from tests.library.running import Runner


@pytest.fixture
def alice(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


@pytest.fixture
def extract(alice: Runner) -> Callable[..., dict[str, Any]]:
    """Extract an archive; the result, with the saved `contents` by name."""

    def run(content: bytes, name: str, **params: Any) -> dict[str, Any]:
        result = alice.result(extract_archive, archive=alice.file(content, name), **params)
        return {**result, "contents": alice.outputs()}

    return run


@pytest.fixture
def refusal(alice: Runner) -> Callable[..., str]:
    """Why an archive is not extracted; nothing more than what came before the refusal is kept."""
    return lambda content, name="x.zip", **params: alice.refusal(
        extract_archive, archive=alice.file(content, name), **params
    )
