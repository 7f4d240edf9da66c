"""The modules that a worker loads: named by TASK_MODULES, brought by installed packages, or missing."""

from __future__ import annotations

import importlib.metadata
import sys

import pytest

from config import Settings
from dtq import TaskTypeError
from dtq._types.task_type import registry
from workers.types.loading import load_each
from workers.types.task_modules import NOT_INSTALLED, load, sources


def installs(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    entries = [importlib.metadata.EntryPoint(name, name, "dtq.tasks") for name in modules]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: entries)


def test_installed_packages_are_loaded_whatever_task_modules_says(monkeypatch: pytest.MonkeyPatch) -> None:
    installs(monkeypatch, "greetings", "dtq_library")

    assert list(sources(["reports"])) == ["reports", "greetings"]
    assert list(sources(["dtq_library"])) == ["dtq_library", "greetings"]


def test_without_the_built_in_types_a_worker_says_how_to_install_them(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    before = registry()
    registry({})
    installs(monkeypatch)
    monkeypatch.setitem(sys.modules, "dtq_library", None)
    try:
        loaded = load_each(settings, lambda **said: None)
        with pytest.raises(TaskTypeError, match=r"pip install \. \./library"):
            load(settings.task_modules)
    finally:
        registry(before)

    assert settings.task_modules == ("dtq_library",)
    assert loaded.types == {}
    (problem,) = loaded.problems
    assert problem.sentence == f"TASK_MODULES: {NOT_INSTALLED}"
