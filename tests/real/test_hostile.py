"""Hostile tasks on a real worker: contained, explained, and the next task runs as if nothing had been."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.core.files.attempt_logs import HEAD_PARTS, PART, TAIL_PARTS
from app.core.tasks.states import Status
from app.local.servers import stores
from tests.rig.fleet import Fleet, fleet
from tests.rig.processes import family, gone, until
from tests.workers.process_state.process_changes import PUT_BACK, differences

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def crew(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """One worker for all of them: each has to survive the one before."""
    folder = tmp_path_factory.mktemp("hostile")
    modules = "tests.workers.samples,tests.workers.hostile"
    with (
        stores(folder / "stores") as servers,
        fleet(servers, "hostile", folder, TASK_MODULES=modules) as made,
    ):
        made.start()
        yield made


@pytest.fixture(autouse=True)
def neighbors_are_unharmed(crew: Fleet) -> Iterator[None]:
    yield
    assert crew.ended(crew.submit("echo")).status is Status.SUCCEEDED


@pytest.mark.parametrize("what", ["nan", "itself", "object", "bytes"])
def test_a_result_that_is_no_json_is_a_failure_with_a_sentence(crew: Fleet, what: str) -> None:
    task = crew.ended(crew.submit("give_back", params={"what": what}, max_attempts=3))

    assert (task.status, task.attempt) == (Status.FAILED, 1)
    assert task.error and task.error["kind"] == "result" and "cannot be kept" in task.error["message"]


@pytest.mark.parametrize(
    "what",
    [
        "below_16_mb",
        "above_16_mb",
        "hundred_mb",
        "nine_byte_int",
        "deep",
        "dollar",
        "dot",
        "nul",
        "surrogate",
    ],
)
def test_a_result_that_no_document_holds_is_a_file(crew: Fleet, what: str) -> None:
    task = crew.ended(crew.submit("give_back", params={"what": what}, timeout_s=2), 60)

    assert task.status is Status.SUCCEEDED and task.result_file
    content = b"".join(crew.services.files.chunks(task.result_file))
    assert json.loads(content) and [file.id for file in crew.services.files.of_task(task.id)] == [
        task.result_file
    ]


@pytest.mark.parametrize(("what", "result"), [("generator", [0, 1, 2]), ("number_key", {"1": "one"})])
def test_what_can_be_json_is(crew: Fleet, what: str, result: object) -> None:
    assert crew.ended(crew.submit("give_back", params={"what": what})).result == result


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("system_exit", "SystemExit: enough"),
        ("interrupt", "KeyboardInterrupt"),
        ("exit_0", "ended with exit code 0"),
        ("exit_1", "ended with exit code 1"),
        ("SIGSEGV", "was killed by SIGSEGV"),
        ("SIGKILL", "was killed by SIGKILL"),
        ("SIGABRT", "was killed by SIGABRT"),
    ],
)
def test_an_end_of_the_process_is_a_failure_that_says_which(crew: Fleet, how: str, said: str) -> None:
    task = crew.ended(crew.submit("end", params={"how": how}))

    assert (task.status, task.attempt) == (Status.FAILED, 1)
    assert task.error and said in task.error["message"]
    assert f"ending by {how}\n" in crew.services.logs.read(task.id, 1).text


def test_a_crash_in_c_says_in_which_line_of_python(crew: Fleet) -> None:
    task = crew.ended(crew.submit("end", params={"how": "SIGSEGV"}))

    log = crew.services.logs.read(task.id, 1).text
    assert "Segmentation fault" in log and "hostile.py" in log and " in end\n" in log


def test_a_pattern_that_backtracks_for_ages_is_over_after_the_time_of_its_task(crew: Fleet) -> None:
    """The web refuses the first text; the second is decided at once by the linear engine."""
    slow, linear = {"text": "a" * 60 + "!"}, "a" * 60 + "!"
    task = crew.ended(crew.submit("backtrack", params={"model": slow}, timeout_s=1, max_attempts=1), 20)
    assert task.status is Status.FAILED and task.error and task.error["kind"] == "timeout"

    task = crew.ended(
        crew.submit("backtrack", params={"model": {"text": "a"}, "linear": linear}, timeout_s=1), 20
    )
    assert task.status is Status.FAILED and task.error and task.error["kind"] == "params"


@pytest.mark.parametrize("type", ["busy", "deaf", "spin"])
def test_a_loop_of_any_kind_is_over_five_seconds_after_its_time(crew: Fleet, type: str) -> None:
    task = crew.running(crew.submit(type, timeout_s=1))

    ended = crew.ended(task, 20)

    assert ended.error and "longer than its 1 s" in ended.error["message"]
    assert ended.finished_at and ended.started_at
    assert (ended.finished_at - ended.started_at).total_seconds() <= 1 + 5


@pytest.mark.parametrize("where", ["here", "child"])
def test_a_hog_is_killed_with_its_limit_in_the_sentence_and_tried_again(crew: Fleet, where: str) -> None:
    task = crew.submit("hog", params={"where": where}, max_attempts=2)
    again = until(lambda: (found := crew.task(task)).status is Status.SCHEDULED and found, 30)

    assert again.error and again.error["kind"] == "memory" and again.crashes == 0
    assert "its limit is 400 MB" in again.error["message"]
    crew.services.dispatch.cancel(task.id, "bob")


def test_daemons_end_with_the_attempt(crew: Fleet) -> None:
    task = crew.ended(crew.submit("daemonise"))

    assert task.status is Status.SUCCEEDED and len(task.result) == 3
    assert all(gone(pid) for pid in task.result)


def test_daemons_end_when_the_process_of_the_task_dies(crew: Fleet) -> None:
    task = crew.ended(crew.submit("daemonise", params={"then": "die"}))

    said = crew.services.logs.read(task.id, 1).text
    pids = [int(word) for word in said.split() if word.isdigit()]
    assert task.status is Status.FAILED and len(pids) == 3
    until(lambda: all(gone(pid) for pid in pids), 2)


def test_hundreds_of_processes_end_with_the_attempt(crew: Fleet) -> None:
    task = crew.ended(crew.submit("fork_many", params={"count": 200}), 60)

    assert task.status is Status.SUCCEEDED
    assert len(family(crew.processes[0].pid)) < 10


@pytest.mark.parametrize("code", [0, 3])
def test_a_fork_that_exits_ends_there_and_the_task_goes_on(crew: Fleet, code: int) -> None:
    task = crew.ended(crew.submit("fork_and_exit", params={"code": code}))

    assert task.status is Status.SUCCEEDED and task.result[1] == code
    assert crew.services.logs.read(task.id, 1).text.count("printed by the fork\n") == 1


def test_a_thread_that_was_left_keeps_no_process_that_is_replaced(crew: Fleet) -> None:
    task = crew.ended(crew.submit("leave_thread"))

    assert crew.ended(crew.submit("echo"), 10).status is Status.SUCCEEDED
    until(lambda: gone(task.result), 2)


def _state(crew: Fleet) -> Any:
    return crew.ended(crew.submit("look_at_process")).result


def test_whatever_a_task_changes_of_its_process_the_next_sees_nothing_of_it(crew: Fleet) -> None:
    before = _state(crew)
    task = crew.ended(crew.submit("change_process", params={"names": PUT_BACK}))
    log_before = crew.log.read_text()
    looked = crew.ended(crew.submit("look_at_process"))
    crew.ended(crew.submit("orphan"))

    assert task.result and len(task.result) > len(PUT_BACK) - 10, task.error
    assert looked.result["pid"] == before["pid"]
    assert differences(looked.result["state"], before["state"]) == []
    assert "logged by the next" in crew.services.logs.read(looked.id, 1).text
    assert "left 1 processes running" in crew.log.read_text()[len(log_before) :]


@pytest.mark.parametrize("change", ["time.sleep, another function", "a thread", "a timer"])
def test_what_cannot_be_put_back_costs_a_fresh_process(crew: Fleet, change: str) -> None:
    before = _state(crew)
    crew.ended(crew.submit("change_process", params={"names": [change]}))

    assert _state(crew)["pid"] != before["pid"]


def test_an_alarm_of_a_task_does_not_ring_in_the_next(crew: Fleet) -> None:
    assert crew.ended(crew.submit("set_alarm")).status is Status.SUCCEEDED
    slept = crew.ended(crew.submit("doze", params={"seconds": 2}))

    assert (slept.status, slept.attempt) == (Status.SUCCEEDED, 1)


def test_a_thread_that_goes_on_printing_is_not_heard_in_the_next_log(crew: Fleet) -> None:
    left = crew.ended(crew.submit("leave_talking"))
    slept = crew.ended(crew.submit("doze", params={"seconds": 0.5}))

    assert "said by a thread" in crew.services.logs.read(left.id, 1).text
    assert "said by a thread" not in crew.services.logs.read(slept.id, 1).text
    until(lambda: gone(left.result), 2)


def test_processes_of_a_task_end_as_in_plain_python(crew: Fleet) -> None:
    assert crew.ended(crew.submit("terminate")).result == [-15, [1, 2], -2]


def test_what_is_printed_beside_a_shell_is_kept_and_costs_no_process(crew: Fleet) -> None:
    tasks = [crew.ended(crew.submit("print_beside")) for _ in range(10)]

    assert [crew.services.logs.read(task.id, 1).text for task in tasks] == ["px\n"] * 10
    assert len({task.result for task in tasks}) == 1


def test_a_task_that_closes_the_files_of_its_process_is_told_so(crew: Fleet) -> None:
    task = crew.ended(crew.submit("close_files"))

    assert task.status is Status.FAILED and task.error
    assert "lost files of its own that the task had closed" in task.error["message"]
    assert "closed files that its process needs" in crew.services.logs.read(task.id, 1).text


def test_helpers_of_multiprocessing_are_there_for_each_task(crew: Fleet) -> None:
    assert [crew.ended(crew.submit("share_pool")).result for _ in range(2)] == [[1, 2], [1, 2]]


def test_a_task_that_opens_every_file_fails_alone(crew: Fleet) -> None:
    task = crew.ended(crew.submit("open_many"), 60)

    assert task.status is Status.FAILED and task.error
    assert "Too many open files" in task.error["message"]


@pytest.mark.parametrize("kind", ["lines", "line"])
def test_a_gigabyte_of_output_costs_neither_disk_nor_memory(crew: Fleet, kind: str) -> None:
    before = _memory(crew)
    task = crew.running(crew.submit("flood", params={"kind": kind, "megabytes": 1024}, timeout_s=120))
    disk = []
    while not crew.task(task).status.ended:
        disk += [path.stat().st_blocks * 512 for path in Path("/tmp").glob(f"worker-*/{task.id}-1.log")]
        time.sleep(0.05)

    log = crew.services.logs.read(task.id, 1)
    assert crew.task(task).status is Status.SUCCEEDED
    assert log.text.startswith("the beginning\n") and log.text.endswith("\nthe end\n")
    assert log.size > 2**30 and len(log.text) < (HEAD_PARTS + TAIL_PARTS) * PART + 100
    assert "\x00" not in log.text
    assert disk and max(disk) < 600 * 2**20 and _memory(crew) - before < 50 * 2**20


@pytest.mark.parametrize("kind", ["binary", "ansi"])
def test_output_that_is_no_text_is_kept_and_readable(crew: Fleet, kind: str) -> None:
    task = crew.ended(crew.submit("flood", params={"kind": kind, "megabytes": 1}))

    assert crew.services.logs.read(task.id, 1).text.endswith("\nthe end\n")


def _memory(crew: Fleet) -> int:
    return sum(
        one.memory_info().rss for one in family(crew.processes[0].pid) if one.status() != psutil.STATUS_ZOMBIE
    )
