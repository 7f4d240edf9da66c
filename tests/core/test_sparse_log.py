"""What lasts is said once a minute, for however many subjects, and once when it is over."""

from __future__ import annotations

import logging

import pytest

from app.core.store_errors.sparse_log import SparseLog

log = logging.getLogger("tests.sparse")


def test_a_reason_is_said_once_a_minute_whoever_meets_it(monkeypatch: pytest.MonkeyPatch, caplog) -> None:
    now = [1000.0]
    monkeypatch.setattr("app.core.store_errors.sparse_log.time.monotonic", lambda: now[0])
    sparse = SparseLog()
    for _ in range(180):  # three minutes, two threads a second
        sparse.warning(log, "take", "refused", "take")
        sparse.warning(log, "push", "refused", "push")
        now[0] += 1
    assert caplog.messages == ["take", "take", "take"]


def test_another_reason_is_said_at_once(caplog) -> None:
    sparse = SparseLog()
    assert [sparse.warning(log, "take", why, why) for why in ("a", "a", "b", "b", "a")] == [
        True, False, True, False, False,
    ]  # fmt: skip


def test_the_end_is_said_once_and_the_next_beginning_again(caplog) -> None:
    caplog.set_level("INFO")
    sparse = SparseLog()
    sparse.over(log, "take", "nothing was")
    for subject in ("take", "push"):
        sparse.warning(log, subject, "refused", "refused")
    sparse.over(log, "push", "not yet over for all")
    sparse.over(log, "take", "over")
    sparse.over(log, "take", "over twice")
    sparse.warning(log, "take", "refused", "again")
    assert caplog.messages == ["refused", "over", "again"]


def test_what_was_said_long_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("app.core.store_errors.sparse_log.time.monotonic", lambda: now[0])
    sparse = SparseLog()
    for number in range(1000):
        sparse.warning(log, "", f"reason {number}", "x")
        now[0] += 10
    assert len(sparse._said) <= 7
