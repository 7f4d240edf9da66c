"""A task: its way, progress, place, parameters, result, error, attempts, log; when it is asked for again."""

from __future__ import annotations

import io
import re
from datetime import timedelta

import pytest

from app.core.clock import utcnow
from app.core.files.attempt_logs import PART
from app.core.tasks.states import Status
from tests.web.create.creating import publish
from tests.web.looking import aged, claim, fail, succeed, text_of, worker

AT = r"\w{3}, \w{3} \d+, \d{4}, \d\d:\d\d:\d\d UTC"
"""A date, a clock and a zone that need no pointer."""


def page_of(alice, task, query: str = "") -> str:
    return alice.read(f"/tasks/{task.id}{query}")


class TestWay:
    def test_waiting(self, alice, new_task):
        page = page_of(alice, new_task())
        assert re.search(
            rf"Created {AT} \( just now \) Waiting for \d+ ms {AT} \( just now \) Running – Ended –", page
        )

    def test_done(self, alice, services, new_task):
        task = succeed(services, aged(services, new_task(), timedelta(seconds=30), "queued_at", "created_at"))
        assert re.search(
            rf"Created {AT} \( 30 s ago \) Waiting 30 s {AT} \( 30 s ago \) "
            rf"Running \d+ ms {AT} \( just now \) Succeeded {AT} \( just now \)",
            page_of(alice, task),
        )

    def test_canceled_before_it_ran(self, alice, services, new_task):
        task = new_task()
        services.dispatch.cancel(task.id, "alice")
        assert re.search(rf"Running skipped Canceled {AT} \( just now \)", page_of(alice, task))

    def test_canceled_between_attempts_is_not_told_as_running(self, alice, services, new_task):
        task = fail(services, new_task(max_attempts=2))
        services.dispatch.cancel(task.id, "alice")
        assert "Running skipped Canceled" in page_of(alice, task)

    def test_canceled_while_it_ran(self, alice, services, new_task):
        task = claim(services, new_task())
        services.dispatch.cancel(task.id, "alice")
        assert "Asked to stop by alice" in page_of(alice, task)
        services.tasks.end_canceled(task, "Canceled.")
        assert "never" not in page_of(alice, task)

    def test_scheduled(self, alice, new_task):
        page = page_of(alice, new_task(run_at=utcnow() + timedelta(hours=2, minutes=1)))
        assert re.search(rf"Scheduled {AT} \( in 2 h \)", page)
        assert re.search(rf"Scheduled for {AT} \( in 2 h \) · attempt 1 of 1", page)


class TestWaiting:
    def test_place_in_line(self, alice, services, new_task):
        worker(services)
        new_task(priority="high")
        task = new_task()
        assert "2nd in line" in page_of(alice, task)

    def test_next(self, alice, new_task):
        assert "Next in line" in page_of(alice, new_task())

    def test_expected_start_where_durations_are_known(self, alice, services, new_task):
        publish(services, "count_slowly")
        for _ in range(3):
            aged(services, succeed(services, new_task()), timedelta(seconds=20), "started_at")
        new_task(priority="high")
        page = page_of(alice, new_task())
        assert "2nd in line · estimated start in about 20 s, later if higher-priority tasks arrive" in page

    @pytest.mark.parametrize("served", [False, True])
    def test_no_guess_where_nobody_serves_it_or_too_little_is_known(self, alice, services, new_task, served):
        worker(services, types=("another",))
        publish(services, "count_slowly", served=served)
        claim(services, new_task())
        page = page_of(alice, new_task())
        assert "Next in line" in page
        assert "about" not in page

    def test_not_announced(self, alice, services, new_task, monkeypatch):
        monkeypatch.setattr(services.dispatch, "push", lambda _: False)
        assert "Saved, not queued yet." in page_of(alice, new_task())

    def test_nobody_works(self, alice, new_task):
        assert "No workers are running. This task will start once a worker is online:" in page_of(
            alice, new_task()
        )

    def test_nobody_serves_its_type(self, alice, services, new_task):
        publish(services, served=False)
        worker(services)
        assert "No running worker supports this task type." in page_of(alice, new_task(type="clean_table"))


class TestProgress:
    def test_rate_and_time_left(self, alice, services, new_task):
        task = aged(services, claim(services, new_task()), timedelta(seconds=10), "started_at")
        services.tasks.report_progress(task, {"done": 250, "total": 1000, "message": "reading"})
        page = page_of(alice, task)
        assert re.search(r"25 % 250 of 1,000 2[45](\.\d)?/s about (30|29) s left reading", page)

    def test_without_a_total(self, alice, services, new_task):
        task = claim(services, new_task())
        services.tasks.report_progress(task, {"done": 12, "total": None, "message": ""})
        assert "12 done" in page_of(alice, task)

    @pytest.mark.parametrize(
        ("done", "total", "shown"),
        [
            (5, 0, "5 done"),
            (9, 3, "100 % 9 of 3"),
            (-5, 3, "0 % -5 of 3"),
            (1_234_567, 2e6, "62 % 1,234,567 of 2,000,000"),
            (1e-300, 1e300, "0 % 1e-300 of 1e+300"),
            (None, None, "0 done"),
            ("Reading the file", None, ""),
            (5, float("inf"), ""),
            (float("nan"), 3, ""),
            ([1], {"a": 1}, ""),
        ],
    )
    def test_odd_figures_break_no_page(self, alice, services, new_task, done, total, shown):
        task = aged(services, claim(services, new_task()), timedelta(seconds=10), "started_at")
        services.tasks.report_progress(task, {"message": "", "done": done, "total": total})
        page = page_of(alice, task)
        assert shown in page
        assert ("Progress" in alice.open(f"/tasks/rows?ids={task.id}")) == bool(shown)


class TestOddDocuments:
    """What an older program or a person at the database may have left behind."""

    @pytest.mark.parametrize(
        "odd",
        [
            {"error": {}, "history": [{}], "lease": None, "progress": {"done": 1, "at": "soon"}},
            {"error": {"message": None, "traceback": None}, "tags": None, "cancel": {}, "progress": "half"},
            {"error": {"message": 7, "type": None}, "history": [], "progress": {}, "lease": {}},
        ],
    )
    @pytest.mark.parametrize("status", ["running", "failed", "canceled"])
    def test_break_no_page(self, alice, services, new_task, status, odd):
        task = claim(services, new_task())
        services.db.tasks.update_one({"_id": task.id}, {"$set": {"status": status, **odd}})
        for address in (f"/tasks/{task.id}", f"/tasks/{task.id}/live", "/tasks", "/"):
            alice.open(address)


class TestEndings:
    @pytest.mark.parametrize(
        ("outcome", "label", "status"),
        [
            ("succeeded", "Succeeded", "succeeded"),
            ("crash", "Process died", "failed"),
            ("worker_lost", "Requeued (worker lost)", "canceled"),
            ("handed_back", "Released (worker stopped)", "canceled"),
            ("timeout", "Timed out", "failed"),
            ("retry", "Failed", "failed"),
            ("lost", "Interrupted", "canceled"),  # what earlier versions wrote
        ],
    )
    def test_each_has_a_label_of_its_own(self, alice, services, new_task, outcome, label, status):
        task = claim(services, new_task())
        past = {"$set": {"history": [{"attempt": 1, "outcome": outcome}]}}
        services.db.tasks.update_one({"_id": task.id}, past)
        page = alice.open(f"/tasks/{task.id}")
        assert f'<span class="status status-{status}">{label}</span>' in page

    def test_a_lost_worker_says_when_it_begins_again(self, alice, services, new_task):
        task = claim(services, new_task(max_attempts=1))
        services.dispatch.lost(task, "The worker w1 was lost while it ran this task.")
        page = page_of(alice, task)
        assert "· attempt 2 of 2" in page
        assert "Last error The worker w1 was lost" in page


class TestParameters:
    def test_in_order_by_title_with_files_by_name(self, alice, services, new_task):
        publish(services)
        file = services.files.save(io.BytesIO(b"a,b\n"), "airports.csv", "text/csv", "alice", role="input")
        params = {"trim": True, "case": "lower", "columns": ["iata", "name"], "source": str(file.id)}
        task = new_task(type="clean_table", params=params, files=(file.id,))
        page = page_of(alice, task)
        assert "Table airports.csv 4 bytes Case lower Columns iata, name 1 parameter with the" in page
        assert "1 parameter with the default value Trim yes" in page
        assert f'href="/tasks/{task.id}/files/{file.id}"' in alice.open(f"/tasks/{task.id}")

    def test_what_differs_from_the_run_before_it_says_what_it_was(self, alice, services, new_task):
        publish(services)
        first = new_task(type="clean_table", params={"trim": False, "case": "lower", "rows": 10})
        again = {"trim": True, "case": "lower", "rows": 10}
        second = new_task(type="clean_table", params=again, parent=first.id)
        page = page_of(alice, second)
        assert "1 change from the previous run" in page
        assert "Rerun of Count" in page
        assert "Trim yes was no Case lower 1 parameter with the default value Rows 10" in page
        same = new_task(type="clean_table", params=again, parent=second.id)
        assert "No changes from the previous run" in page_of(alice, same)
        other = new_task(params={"trim": 1}, parent=first.id)
        assert "from the previous run" not in page_of(alice, other)

    def test_of_a_type_that_is_gone(self, alice, new_task):
        assert "Row count 3" in page_of(alice, new_task(params={"row_count": 3}))


class TestResult:
    def test_report_and_files(self, alice, services, new_task):
        task = new_task()
        out = services.files.save(io.BytesIO(b"x" * 2048), "clean.csv", "text/csv", "alice", role="output")
        services.files.attach([out.id], task.id)
        succeed(services, task, {"rows_in": 3412, "columns": [{"name": "iata", "missing": 6}]})
        page = page_of(alice, task)
        assert "Download clean.csv 2.0 KB" in page
        assert "Rows in 3,412" in page
        assert "Name Missing iata 6" in page

    @pytest.mark.parametrize("result", [0, False, "", [], {}, "text", [1, 2], 1.5])
    def test_any_value(self, alice, services, new_task, result):
        assert "Result" in page_of(alice, succeed(services, new_task(), result))

    def test_none(self, alice, services, new_task):
        assert "Download as JSON" not in page_of(alice, succeed(services, new_task(), None))


class TestErrorAndAttempts:
    def test_sentence_and_folded_traceback(self, alice, services, new_task):
        html = alice.open(f"/tasks/{fail(services, new_task(), 'The disk is full.', 'line 3, in run').id}")
        assert "Error" in html
        assert re.search(
            r"<details[^>]*>\s*<summary>Traceback \(ValueError\)</summary>\s*<pre[^>]*>line 3, in run", html
        )

    def test_each_attempt_newest_first(self, alice, services, new_task):
        task = fail(services, new_task(max_attempts=2), "Once.")
        services.db.tasks.update_one({"_id": task.id}, {"$set": {"run_at": utcnow() - timedelta(seconds=1)}})
        services.recovery.stage()
        succeed(services, services.tasks.get(task.id), 1)
        page = page_of(alice, task)
        assert "Attempt 2 of 2 · timeout 10 min per attempt" in page
        assert re.search(rf"2 Succeeded {AT} .* worker-1 – Log 1 Failed {AT} .* worker-1 Once\. Log", page)


class TestLog:
    @pytest.fixture
    def two(self, services, new_task):
        task = fail(services, new_task(max_attempts=2))
        services.logs.write_part(task.id, 1, 0, b"first\n")
        services.db.tasks.update_one({"_id": task.id}, {"$set": {"run_at": utcnow() - timedelta(seconds=1)}})
        services.recovery.stage()
        running = claim(services, services.tasks.get(task.id))
        services.logs.write_part(task.id, 2, 0, b"second\n")
        return running

    def test_the_newest_and_any(self, alice, two):
        assert "second" in page_of(alice, two)
        page = page_of(alice, two, "?attempt=1")
        assert "Log of attempt 1" in page
        assert "first" in page
        assert "second" not in page

    def test_204_while_there_is_nothing_new(self, alice, client, services, two):
        address = f"/tasks/{two.id}/log/live?shown=2&size=7"
        assert client.get(address).status_code == 204
        services.logs.write_part(two.id, 2, 0, b"second\nthird\n")
        assert "third" in client.get(address).text

    def test_it_is_not_asked_for_when_the_attempt_has_ended(self, alice, services, two):
        assert "hx-get" in alice.open(f"/tasks/{two.id}/log/live")
        assert "hx-get" not in alice.open(f"/tasks/{two.id}/log/live?attempt=1")
        services.tasks.succeed(two, 1)
        assert "hx-get" not in alice.open(f"/tasks/{two.id}/log/live")

    def test_a_long_one_shows_its_end(self, alice, services, new_task):
        task = claim(services, new_task())
        for part in range(6):
            services.logs.write_part(task.id, 1, part, (f"part {part} " + "x" * 90 + "\n").encode() * 640)
        page = page_of(alice, task)
        assert "part 0" not in page
        assert "part 5" in page
        assert "Showing the end of the log" in page

    @pytest.mark.parametrize(
        ("printed", "seen", "unseen"),
        [
            ("x" * 300_000, "x" * 200_000, "x" * 200_001),
            ("first\n" + "x" * 300_000 + "\n", "xxx", "first"),
            ("x" * 300_000 + "\nlast words\n", "xxx last words", "x" * 200_001),
            ("".join(f"\r{number} of 9999 done" for number in range(10_000)), "9999 of 9999 done", "9998 of"),
            (
                "begin\n" + "".join(f"{number} %\x1b[K\r" for number in range(101)) + "\nend\n",
                "100 %",
                "99 %",
            ),
            ("\x1b[31mred\x1b[0m words", "red words", "[31m"),
        ],
    )
    def test_one_long_line_and_one_that_is_written_over(
        self, alice, client, services, new_task, printed, seen, unseen
    ):
        task = claim(services, new_task())
        content = printed.encode()
        for at in range(0, len(content), PART):
            services.logs.write_part(task.id, 1, at // PART, content[at : at + PART])
        page = page_of(alice, task)
        assert seen in page and unseen not in page
        assert "Download the full log" in page
        assert client.get(f"/tasks/{task.id}/log").data == content

    def test_before_the_first_attempt(self, alice, new_task):
        assert "Logs appear once the task starts." in page_of(alice, new_task())


class TestLive:
    def test_it_asks_while_the_task_lives(self, alice, services, new_task):
        task = new_task()
        poll = f'hx-get="/tasks/{task.id}/live?was=queued"'
        assert poll in alice.open(f"/tasks/{task.id}")
        assert poll in alice.open(f"/tasks/{task.id}/live")
        succeed(services, task)
        assert "hx-get" not in alice.open(f"/tasks/{task.id}/live")

    def test_a_change_is_said_once_with_the_log(self, alice, services, new_task):
        task = claim(services, new_task())
        assert "flashes" not in alice.open(f"/tasks/{task.id}/live?was=running")
        changed = alice.open(f"/tasks/{task.id}/live?was=queued")
        assert "The task is running." in changed and 'id="log"' in changed
        for odd in ("was=running&attempt=2", "other=1"):
            alice.open(f"/tasks/{task.id}/live?{odd}", 400)

    def test_it_asks_seldom_while_its_time_is_far_away(self, alice, new_task):
        near, far = (new_task(run_at=utcnow() + timedelta(seconds=wait)) for wait in (50, 3_600))
        assert "every 2s" in alice.open(f"/tasks/{near.id}/live")
        assert "every 30s" in alice.open(f"/tasks/{far.id}/live")
        page = alice.open(f"/tasks/{far.id}")
        assert sorted(re.findall(r'hx-trigger="every (\d+)s', page)) == ["30", "60"]
        assert "every 60s" in alice.open("/pulse?calm=1")
        assert "data-live" not in alice.open("/pulse?calm=1")  # however many other tasks change

    def test_a_region_has_no_space_around_it(self, alice, new_task):
        html = alice.open(f"/tasks/{new_task().id}/live")
        assert html == html.strip()

    def test_deleted_meanwhile(self, alice, services, new_task):
        task = new_task()
        services.db.tasks.delete_one({"_id": task.id})
        html = alice.open(f"/tasks/{task.id}/live")
        assert "This task has been deleted." in text_of(html)
        assert "hx-get" not in html
        assert alice.open(f"/tasks/{task.id}/log/live") == ""


@pytest.mark.parametrize(
    ("status", "buttons"),
    [
        (Status.QUEUED, {"again", "cancel", "priority"}),
        (Status.SCHEDULED, {"again", "cancel", "priority"}),
        (Status.RUNNING, {"again", "cancel"}),
        (Status.SUCCEEDED, {"again", "delete"}),
        (Status.FAILED, {"again", "retry", "delete"}),
        (Status.CANCELED, {"again", "retry", "delete"}),
    ],
)
def test_buttons_by_status(alice, services, new_task, status, buttons):
    task = new_task()
    services.db.tasks.update_one(
        {"_id": task.id}, {"$set": {"status": status.value, "finished_at": utcnow()}}
    )
    html = alice.open(f"/tasks/{task.id}/live")
    assert set(re.findall(rf'action="/tasks/{task.id}/(\w+)"', html)) == buttons
    assert f"/tasks/new/count_slowly?from={task.id}" in html
