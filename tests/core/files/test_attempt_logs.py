"""The output of an attempt: in parts, twice is once, head and tail of what is long."""

from __future__ import annotations

import re
from datetime import datetime, timezone

import pytest
from bson import ObjectId
from hypothesis import given
from hypothesis import strategies as st

from app.core.files.attempt_logs import HEAD_PARTS, PART, TAIL_PARTS, kept_parts
from app.core.files.log_text import LogText
from app.core.secrets.redaction import collapsed

TASK, OTHER = ObjectId("65f000000000000000000001"), ObjectId("65f000000000000000000002")


@pytest.fixture
def logs(services):
    return services.logs


def write(logs, content: bytes, task=TASK, attempt=1) -> None:
    """As workers do: each part that is kept."""
    for part in kept_parts(len(content)):
        logs.write_part(task, attempt, part, content[part * PART : (part + 1) * PART])
    logs.trim(task, attempt, len(content))


@pytest.mark.parametrize(
    ("size", "parts"),
    [
        (0, []),
        (1, [0]),
        (PART, [0]),
        (PART + 1, [0, 1]),
        (16 * PART, list(range(16))),
        (17 * PART, [*range(8), *range(9, 17)]),
        (16_000 * PART, [*range(8), *range(15_992, 16_000)]),
    ],
)
def test_the_head_and_the_tail_are_kept(size, parts):
    assert kept_parts(size) == parts
    assert len(parts) <= HEAD_PARTS + TAIL_PARTS


def test_what_was_printed_is_read(logs):
    content = b"first\n" + b"x" * (2 * PART) + b"last\n"
    write(logs, content)
    log = logs.read(TASK, 1)
    assert (log.text.encode(), log.size, log.complete) == (content, len(content), True)


def test_nothing_printed_is_an_empty_log(logs):
    log = logs.read(TASK, 1)
    assert (log.text, log.size, log.complete) == ("", 0, True)


def test_twice_is_once(logs, services):
    write(logs, b"hello\n")
    write(logs, b"hello\n")
    assert logs.read(TASK, 1).text == "hello\n"
    assert services.db.logs.count_documents({}) == 1


def test_the_longer_of_two_wins_whoever_was_first(logs):
    logs.write_part(TASK, 1, 0, b"hello")
    logs.write_part(TASK, 1, 0, b"hello world")
    logs.write_part(TASK, 1, 0, b"hel")
    assert logs.read(TASK, 1).text == "hello world"


def test_attempts_and_tasks_do_not_mix(logs):
    write(logs, b"one", attempt=1)
    write(logs, b"two", attempt=2)
    write(logs, b"other", task=OTHER)
    assert [logs.read(TASK, attempt).text for attempt in (1, 2, 3)] == ["one", "two", ""]
    assert logs.read(OTHER, 1).text == "other"


def test_of_a_long_output_the_middle_is_left_out_and_said(logs, services):
    content = b"".join(bytes([65 + part]) * PART for part in range(20))
    write(logs, content)
    log = logs.read(TASK, 1)
    assert services.db.logs.count_documents({}) == HEAD_PARTS + TAIL_PARTS
    assert not log.complete
    assert log.text.startswith("A" * PART) and log.text.endswith("T" * PART)
    assert "… 256 KB left out …" in log.text


@pytest.mark.parametrize("before", range(4))
@pytest.mark.parametrize("letter", ["é", "€", "😀"])
def test_a_letter_at_the_edge_of_what_is_left_out_is_not_half_there(logs, letter, before):
    content = b"x" * before + letter.encode() * (20 * PART // len(letter.encode()))
    write(logs, content)
    text = logs.read(TASK, 1).text
    assert "\ufffd" not in text.rstrip("\ufffd")  # the output itself may end within a letter
    assert set(re.sub(r"\n… \d+ KB left out …\n", "", text).rstrip("\ufffd")) <= {"x", letter}


def test_parts_that_were_the_tail_go_when_it_moves_on(logs, services):
    write(logs, b"x" * 17 * PART)
    write(logs, b"x" * 30 * PART)
    kept = sorted(each["part"] for each in services.db.logs.find())
    assert kept == kept_parts(30 * PART)


def test_bytes_that_are_no_text_are_shown_as_such(logs):
    write(logs, b"ok \xff\xfe \x1b[31mred\x00\n")
    assert logs.read(TASK, 1).text == "ok \ufffd\ufffd \x1b[31mred\x00\n"


def test_a_letter_that_lies_across_two_parts_is_whole(logs):
    content = ("x" + "é" * PART).encode()
    write(logs, content)
    assert logs.read(TASK, 1).text == content.decode()


def test_the_log_of_a_task_is_deleted_whole(logs):
    write(logs, b"one", attempt=1)
    write(logs, b"two", attempt=2)
    write(logs, b"other", task=OTHER)
    logs.delete([TASK])
    assert [logs.read(TASK, attempt).size for attempt in (1, 2)] == [0, 0]
    assert logs.read(OTHER, 1).text == "other"


def test_a_line_has_the_time_at_which_the_worker_had_it(logs):
    content = "first\nsécond\n".encode() + b"x" * PART + b"\nlast"
    logs.write_part(TASK, 1, 0, content[:6], at(1))
    logs.write_part(TASK, 1, 0, content[:PART], at(2))
    logs.write_part(TASK, 1, 0, content[:PART], at(9))  # by the other one of the two that copy it
    logs.write_part(TASK, 1, 1, content[PART:], at(3))
    text = logs.lines(TASK, 1)
    lines = text.between(0, 9)
    assert [(line.number, line.place, line.at.second) for line in lines] == [
        (1, 0, 1), (2, 6, 2), (3, 14, 2), (4, PART + 15, 3),
    ]  # fmt: skip
    assert [line.text for line in lines] == ["first", "sécond", "x" * PART, "last"]
    assert not text.whole and text.end == len(content)
    assert text.without_open().end == PART + 15 and len(text) == 3
    assert text.timed().startswith("2026-11-28T07:00:01Z first\n2026-11-28T07:00:02Z sécond\n")
    rest = logs.lines(TASK, 1, PART + 15, 4).between(0, 9)
    assert [(line.number, line.place, line.text) for line in rest] == [(4, PART + 15, "last")]


def test_lines_without_times_and_behind_a_gap(logs):
    write(logs, b"\n" * (18 * PART))
    text = logs.lines(TASK, 1)
    gap = 8 * PART
    assert len(text) == 16 * PART + 1
    before, hole, after = text.between(gap - 1, gap + 2)
    assert (before.number, before.at, hole.gap, hole.place) == (gap, None, True, gap)
    assert hole.text == "… 128 KB left out …"
    assert (after.number, after.place, hole.number) == (None, 10 * PART, None)
    assert text.timed().startswith("- \n- \n")
    assert len(logs.lines(OTHER, 1)) == 0


@given(st.lists(st.binary(max_size=40), max_size=12), st.integers(1, 30))
def test_lines_are_what_was_printed_however_it_is_parted(printed, size):
    content = b"\n".join(printed)
    parts = [
        {
            "part": 0,
            "content": content[:PART],
            "times": {str(end): at(end % 60) for end in range(size, 500, size)},
        }
    ]
    text = LogText(parts)
    expected = content.split(b"\n")
    assert [line.text for line in text.between(0, len(text))] == [
        collapsed(line).decode("utf-8", "replace") for line in (expected if expected[-1] else expected[:-1])
    ]
    for line in text.between(0, len(text)):
        again = LogText(parts, line.place, line.number).between(0, 1)
        assert again == [line]


def at(second: int) -> datetime:
    return datetime(2026, 11, 28, 7, 0, second, tzinfo=timezone.utc)
