"""Lines of logs: whose they are, and that nothing forges one."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from app.core.log_lines import formatter, printable, set_request, start_up_line

FORGED = "x\r\n2026-11-27 10:00:00,000 INFO    app: bob signed in\x1b[2K\u202e\u2028\x9b1A\ud800"


def written(log_format: str, message: str, error: Exception | None = None) -> str:
    info = None
    if error:
        try:
            raise error
        except Exception:
            info = sys.exc_info()
    record = logging.LogRecord("app", logging.ERROR, "", 0, message, None, info)
    return formatter(log_format).format(record)


def test_no_message_forges_a_line_of_text():
    line = written("text", FORGED)
    assert line.isprintable()
    assert "\\r\\n2026" in line and "\\x1b[2K" in line and "\\ud800" in line


def test_no_exception_forges_a_line_of_text():
    first, *rest = written("text", "It failed.", ValueError(FORGED)).split("\n")
    assert "Traceback" in rest[0]
    assert all(line.startswith("    ") and line.isprintable() for line in rest)
    assert any("bob signed in" in line for line in rest)


def test_no_message_forges_a_line_of_json():
    text = written("json", FORGED, ValueError(FORGED))
    assert len(text.splitlines()) == 1
    assert json.loads(text)["message"] == FORGED


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_line_names_its_request(log_format):
    set_request("4f2a")
    try:
        assert "4f2a" in written(log_format, "Hello.")
    finally:
        set_request("")
    assert "request" not in written(log_format, "Hello.")


def test_text_stays_as_it_is():
    assert printable("Größe “x” …") == "Größe “x” …"


def test_start_up_says_it_as_the_log_format_says():
    problem = "The settings are not usable:\n  - X"
    assert start_up_line(problem, {}) == problem
    line = json.loads(start_up_line(problem, {"LOG_FORMAT": "JSON"}))
    assert (line["level"], line["message"]) == ("critical", problem)
