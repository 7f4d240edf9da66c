"""`dtq.testing`: a task type run with what the package alone knows."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, SecretStr, ValidationError

from dtq import Canceled, Context, Fail, File, NotSubmitted, Retry, task
from dtq._types.task_type import registry
from dtq.testing import Invalid, Trial, Upload, run


@pytest.fixture(autouse=True)
def _types_of_others() -> Iterator[None]:
    before = registry()
    registry({})
    yield
    registry(before)


class Guest(BaseModel):
    name: str
    token: SecretStr | None = None
    photos: list[File] = []


def copy_lines(ctx: Context, source: File, least: Annotated[int, Field(ge=1, le=9)] = 1) -> dict[str, Any]:
    """A function that uses all that a context offers."""
    lines = source.path.read_text().splitlines()
    for done, line in enumerate(lines, start=1):
        ctx.progress(done, len(lines), line)
    print("printed")
    logging.getLogger("copy").info("logged")
    ctx.log(f"attempt {ctx.attempt}")
    (ctx.work_dir / "copy").write_text("\n".join(lines))
    saved = ctx.save_file(ctx.work_dir / "copy", "copy.txt")
    if ctx.attempt == 1 and least == 9:
        raise Retry("Not yet.", after_s=5)
    return {"lines": len(lines), "name": source.name, "file": saved["name"], "limit": ctx.settings.limit}


def trial(**about: Any) -> Trial:
    task(title="Copy lines")(copy_lines)
    return Trial(settings=SimpleNamespace(limit=3), **about)


def test_everything_that_came_of_a_run_is_there() -> None:
    done = trial().run(copy_lines, source=Upload("poem.txt", b"one\ntwo"), least=2)

    assert done.result == {"lines": 2, "name": "poem.txt", "file": "copy.txt", "limit": 3}
    assert done.files == {"copy.txt": b"one\ntwo"}
    assert [(said["done"], said["total"], said["message"]) for said in done.progress] == [
        (1, 2, "one"),
        (2, 2, "two"),
    ]
    assert done.log == "printed\nINFO copy: logged\nattempt 1\n"


def test_retries_and_cancellations_are_raised_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\ntwo\nthree")
    with pytest.raises(Retry) as again:
        trial().run("copy_lines", source=tmp_path / "a.txt", least=9)
    with pytest.raises(Canceled):
        trial(cancel_at=2).run(copy_lines, source=tmp_path / "a.txt")
    assert again.value.after_s == 5
    assert (
        trial(attempt=2, cancel_at=4).run(copy_lines, source=tmp_path / "a.txt", least=9).result["lines"] == 3
    )


def test_what_a_task_submits_is_there() -> None:
    counts = task(title="Copy lines")(copy_lines)

    @task(title="Split")
    def split(ctx: Context, source: File, token: SecretStr) -> Any:
        part = ctx.work_dir / "part.txt"
        part.write_bytes(source.path.read_bytes()[:1])
        saved = ctx.save_file(part, part.name)
        params = {"part": saved, "guest": Guest(name="Ada", token=token)}
        ids = [ctx.submit("count", params, key="all") for _ in "ab"]
        ids.append(counts.submit(ctx.options(title="Rest", priority="low"), source, least=2))
        assert [child.id for child in ctx.children()] == [ids[0], ids[2]]
        with pytest.raises(NotSubmitted, match="another task"):
            ctx.submit("count", key="all")
        with pytest.raises(ValidationError):
            counts.submit(ctx, source, least=10)
        return [child.status for child in ctx.children()]

    done = run(split, source=b"ab", token="secret of hers")

    assert done.result == ["queued", "queued"]
    guest = {"name": "Ada", "token": "secret of hers", "photos": []}
    assert [(one.type, one.key, one.title, one.priority) for one in done.submitted] == [
        ("count", "all", None, None), ("copy_lines", None, "Rest", "low"),
    ]  # fmt: skip
    assert done.submitted[0].params["guest"] == guest and len(done.submitted[0].params["part"]) == 24
    assert done.submitted[1].params == {"source": "0" * 24, "least": 2}


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({"source": File.of(Path(__file__))}, "no file of the server"),
        ({"source": Path("a.csv")}, "ctx.save_file"),
        ({"limit": object()}, "serialize"),
    ],
)
def test_what_no_task_can_be_given_is_refused(values: dict[str, Any], wrong: str) -> None:
    @task(title="Split")
    def split(ctx: Context) -> Any:
        return ctx.submit("count", values)

    with pytest.raises((TypeError, ValueError), match=wrong):
        run(split)


@pytest.mark.parametrize(
    ("params", "wrong"),
    [
        ({}, {"source"}),
        ({"source": b"", "least": 10}, {"least"}),
        ({"source": b"", "most": 2}, {"most"}),
        ({"source": "650000000000000000000000"}, {"source"}),
    ],
)
def test_parameters_that_are_wrong_are_named(params: dict[str, Any], wrong: set[str]) -> None:
    with pytest.raises(Invalid) as refused:
        trial().run(copy_lines, **params)

    assert refused.value.fields.keys() == wrong


def test_secrets_are_redacted_and_models_are_what_they_are() -> None:
    @task(title="Welcome")
    def welcome(ctx: Context, host: Guest, guests: list[Guest], key: SecretStr) -> dict[str, Any]:
        token = host.token.get_secret_value() if host.token else ""
        print(f"{token} and {key.get_secret_value()}")
        ctx.progress(1, 1, token)
        path = ctx.work_dir / "kept"
        path.write_text(f"<{token}>")
        ctx.redact_file(path)
        sizes = [photo.size for guest in guests for photo in guest.photos]
        return {"said": ctx.redact(token), "again": [token], "sizes": sizes, "kept": path.read_text()}

    done = run(
        welcome,
        host=Guest(name="Ada", token=SecretStr("swordfish")),
        guests=[{"name": "Grace", "photos": [b"1", Upload("b.png", b"22")]}],
        key="open sesame",
    )

    assert done.result == {"said": "••••", "again": ["••••"], "sizes": [1, 2], "kept": "<*********>"}
    assert (done.log, done.progress[0]["message"]) == ("•••• and ••••\n", "••••")


@pytest.mark.parametrize("inside", [False, True])
def test_a_coroutine_function_runs_also_within_an_asynchronous_test(inside: bool) -> None:
    import asyncio

    @task(title="Wait")
    async def wait(ctx: Context, seconds: float = 0) -> str:
        await asyncio.sleep(seconds)
        return "done"

    async def within() -> Any:
        return run(wait).result

    assert (asyncio.run(within()) if inside else run(wait).result) == "done"


@pytest.mark.parametrize("value", [float("nan"), object()])
def test_a_result_that_could_not_be_kept_is_an_error(value: object) -> None:
    @task(title="Give")
    def give(ctx: Context) -> object:
        return value

    with pytest.raises(TypeError, match="its result cannot be kept"):
        run(give)


def test_what_a_function_fails_with_is_raised_and_nothing_is_left(monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    @task(title="Refuse")
    def refuse(ctx: Context, source: File) -> None:
        (ctx.work_dir / "rest").write_bytes(source.path.read_bytes())
        raise Fail("This cannot work.")

    with pytest.raises(Fail, match="This cannot work"):
        run(refuse, source=b"1")
    assert list(tmp_path.iterdir()) == []
