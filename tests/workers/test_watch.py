"""What the supervisor does about an attempt that MongoDB says is not, or no longer, its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.core.services import Services
from app.core.task import Task
from workers.watch import Watch


@pytest.mark.parametrize("seen", [False, True], ids=["never looked at", "looked at before"])
def test_a_child_that_has_just_ended_its_task_is_not_killed_before_it_can_say_so(
    seen: bool, services: Services, new_task: Callable[..., Task], tmp_path: Path
) -> None:
    task = services.tasks.claim(new_task().id, 1, "w1")
    assert task
    sent: list[int] = []
    child: Any = SimpleNamespace(folder=tmp_path, signal=sent.append)
    watch = Watch(services, "w1", child, task.id, task.attempt, 60)
    if seen:
        watch.look()
        watch._renewed = float("-inf")
    services.tasks.succeed(task, 1)

    watch.look()
    assert (sent, watch.lost) == ([], False)
    watch.look()
    assert (len(sent), watch.lost) == (1, True)
