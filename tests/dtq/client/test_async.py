"""The client for coroutines does what the other one does; what both share is tested there."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.core.services import Services
from app.core.tasks.task import parse_task_id
from dtq import Context, File, task
from dtq._types import task_type
from dtq.client import (
    AsyncClient,
    AsyncTask,
    AsyncTaskSummary,
    Client,
    Conflict,
    Invalid,
    Task,
    TaskFailed,
    TaskSummary,
    WaitTimeout,
)
from tests.dtq.client.conftest import RETRY_S, Server, token_in
from tests.web.looking import claim, fail, succeed

CONTENT = b"a,b\n" + b"1,2\n" * 200_000

Run = Callable[[Callable[[AsyncClient], Awaitable[Any]]], Any]


@pytest.fixture
def run(client: Client, server: Server) -> Run:
    """Runs a coroutine with a client of the same person as `client`."""
    token = token_in(client)

    async def whole(work: Callable[[AsyncClient], Awaitable[Any]]) -> Any:
        async with AsyncClient(server.url, token, timeout_s=5, retry_s=RETRY_S) as made:
            return await asyncio.wait_for(work(made), 60)

    return lambda work: asyncio.run(whole(work))


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_bytes(CONTENT)
    return path


def stored(services: Services, made: AsyncTaskSummary | TaskSummary) -> Any:
    return services.tasks.get(parse_task_id(made.id))


def test_a_file_is_submitted_waited_for_and_downloaded_in_any_weather(
    run: Run, server: Server, services: Services, people: Path, tmp_path: Path
) -> None:
    server.weather.plan("POST", "/files", "503", "after")
    server.weather.plan("POST", "/tasks", "before", "after", "502")

    async def work(client: AsyncClient) -> AsyncTask:
        made = await client.submit("clean_table", source=people, rows=3, tags=["x"])
        succeed(services, stored(services, made), {"rows": 2})
        done = await made.wait(timeout_s=20)
        assert await done.result() == {"rows": 2}
        (file,) = await done.files()
        server.weather.plan("GET", file.id, "halfway", "503", "halfway")
        path = await done.download(file, tmp_path / "sent.csv")
        assert path.read_bytes() == CONTENT
        return done

    done = run(work)
    assert (done.status, done.params["rows"], done.tags) == ("succeeded", 3, ["x"])
    assert services.db.tasks.count_documents({}) == 1
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_errors_are_the_same(run: Run, services: Services, people: Path) -> None:
    async def work(client: AsyncClient) -> None:
        with pytest.raises(Invalid, match="rows"):
            await client.submit("clean_table", source=people, rows=1000)
        with pytest.raises(TypeError, match="once"):
            await client.submit("clean_table", {"rows": 1}, rows=2)
        made = await client.submit("clean_table", source=people, max_attempts=1)
        with pytest.raises(WaitTimeout):
            await made.wait(timeout_s=0)
        fail(services, stored(services, made))
        with pytest.raises(TaskFailed) as failed:
            await made.wait()
        assert "It broke." in str(failed.value) and await failed.value.task.log() == ""
        with pytest.raises(Conflict):
            await made.cancel()
        assert (await (await made.retry()).set_priority("low")).priority == "low"

    run(work)


def test_lists_and_logs_are_iterated_over(run: Run, services: Services, people: Path) -> None:
    async def work(client: AsyncClient) -> list[str]:
        made = [await client.submit("clean_table", source=people, title=f"Nr {n}") for n in range(27)]
        found = [
            task.id async for task in client.tasks(per_page=25, status=["queued", "running"], owner="me")
        ]
        assert found == [task.id for task in reversed(made)]
        running = claim(services, stored(services, made[0]))
        services.logs.write_part(running.id, 1, 0, b"one\ntw")
        parts = []
        async for lines in made[0].follow_log():
            parts.append(lines)
            if len(parts) == 1:
                services.logs.write_part(running.id, 1, 0, b"one\ntwo\nend")
                assert services.tasks.succeed(running, None)
        return parts

    assert run(work) == ["one\n", "two\nend"]


def test_many_at_once_wait_together_and_a_canceled_coroutine_leaves_its_task(
    run: Run, services: Services, people: Path
) -> None:
    async def work(client: AsyncClient) -> None:
        made = await asyncio.gather(*(client.submit("clean_table", source=people) for _ in range(5)))
        waiting = asyncio.create_task(made[0].wait())
        await asyncio.sleep(0.3)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert (await made[0].refresh()).status == "queued"
        for one in made:
            succeed(services, stored(services, one))
        assert {done.status for done in await asyncio.gather(*(one.wait() for one in made))} == {"succeeded"}

    run(work)


@pytest.fixture
def function() -> Iterator[Any]:
    before = task_type.registry()
    task_type.registry({})

    @task(title="Clean")
    def clean_table(ctx: Context, source: File, trim: bool = True) -> int:
        return source.size

    yield clean_table
    task_type.registry(before)


def test_a_task_function_submits_itself(run: Run, people: Path, function: Any) -> None:
    async def work(client: AsyncClient) -> AsyncTask:
        with pytest.raises(TypeError):
            function.submit(client, people, trmi=False)
        return await function.submit(client.options(priority="high"), File.of(people), trim=False)

    made = run(work)
    assert (made.priority, made.params["trim"]) == ("high", False)


@pytest.mark.parametrize(
    ("one", "other"), [(Client, AsyncClient), (Task, AsyncTask), (TaskSummary, AsyncTaskSummary)]
)
def test_both_have_the_same_methods_arguments_and_help(one: type, other: type) -> None:
    def public(kind: type) -> dict[str, Any]:
        return {
            name: inspect.unwrap(found)
            for name, found in inspect.getmembers(kind, callable)
            if name[0] != "_"
        }

    assert public(one).keys() == public(other).keys()
    for name, method in public(one).items():
        assert [*inspect.signature(method).parameters] == [*inspect.signature(public(other)[name]).parameters]
        assert method.__doc__ == public(other)[name].__doc__ and method.__doc__
