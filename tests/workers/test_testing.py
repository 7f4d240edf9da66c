"""Task types run in a test of their author, with no stores: `workers.testing`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from config import load
from dtq import Canceled, Context, Fail, File, Retry, TaskTypeError, task
from tests.workers import samples
from workers.testing import Invalid, Trial, Upload, run


@pytest.fixture(scope="module")
def copy_lines() -> Callable[..., Any]:
    """A task type that uses all that a context offers."""

    @task(title="Copy lines")
    def copy_lines(
        ctx: Context, source: File, least: Annotated[int, Field(ge=1, le=9)] = 1, label: str | None = None
    ) -> dict[str, Any]:
        lines = source.path.read_text().splitlines()
        for done, line in enumerate(lines, start=1):
            ctx.progress(done, len(lines), line)
        print("printed", label)
        logging.getLogger("copy").info("logged")
        ctx.log(f"attempt {ctx.attempt}")
        (ctx.work_dir / "copy").write_text("\n".join(lines))
        saved = ctx.save_file(ctx.work_dir / "copy", "copy.txt")
        return {"lines": len(lines), "name": source.name, "on": date(2024, 2, 29), "file": saved["name"]}

    return copy_lines


def test_everything_that_came_of_a_run_is_there(copy_lines: Callable[..., Any]) -> None:
    done = run(copy_lines, source=Upload("poem.txt", b"one\ntwo"), least=2)

    assert done.result == {"lines": 2, "name": "poem.txt", "on": "2024-02-29", "file": "copy.txt"}
    assert done.files == {"copy.txt": b"one\ntwo"}
    assert [(each["done"], each["total"], each["message"]) for each in done.progress] == [
        (1, 2, "one"),
        (2, 2, "two"),
    ]
    assert done.log == "printed None\nINFO copy: logged\nattempt 1\n"


class Guest(BaseModel):
    name: str
    photos: list[File] = []


def test_models_rows_and_several_files_reach_the_function_as_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "c.txt").write_bytes(b"333")

    @task(title="Welcome")
    def welcome(ctx: Context, host: Guest, guests: list[Guest], texts: list[File]) -> dict[str, Any]:
        assert isinstance(host, Guest)
        assert all(isinstance(each, Guest) for each in guests)
        sizes = [photo.size for each in (host, *guests) for photo in each.photos]
        return {
            "host": host.name,
            "sizes": sizes,
            "texts": [each.path.read_bytes().decode() for each in texts],
        }

    done = run(
        welcome,
        host=Guest(name="Ada"),
        guests=[{"name": "Grace", "photos": [b"1", Upload("b.png", b"22")]}, Guest(name="Bob")],
        texts=[tmp_path / "c.txt", b"4"],
    )

    assert done.result == {"host": "Ada", "sizes": [1, 2], "texts": ["333", "4"]}
    with pytest.raises(Invalid, match=r"guests\.0\.name: This field is required"):
        run(welcome, host={"name": "Ada"}, guests=[{}], texts=[])


def test_a_file_is_bytes_or_a_path(copy_lines: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_bytes(b"a\nb\nc")

    assert run(copy_lines, source=path).result["name"] == "sales.csv"
    assert run(copy_lines, source=b"a").result["lines"] == 1
    assert path.read_bytes() == b"a\nb\nc"


def test_a_type_may_be_named(copy_lines: Callable[..., Any]) -> None:
    assert run("copy_lines", source=b"").result["lines"] == 0


def test_what_is_printed_is_still_seen(
    copy_lines: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    run(copy_lines, source=b"", label="here")

    assert "printed here" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({}, "source: This field is required."),
        ({"source": b"", "least": 10}, "least: Enter 9 or less."),
        ({"source": b"", "least": "two"}, "least: Enter a whole number."),
        ({"source": b"", "most": 2}, "most: There is no parameter of this name."),
        ({"source": "650000000000000000000000"}, "There is no file 650000000000000000000000."),
        ({"source": "nonsense"}, "File not found: 'nonsense'"),
    ],
)
def test_parameters_are_refused_as_in_the_form(
    copy_lines: Callable[..., Any], params: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(Invalid) as refused:
        run(copy_lines, **params)

    assert sentence in str(refused.value)


def test_fail_retry_and_errors_come_as_they_are() -> None:
    with pytest.raises(Fail, match="This cannot work"):
        run(samples.refuse)
    with pytest.raises(Retry, match="Not yet") as again:
        run(samples.again)
    with pytest.raises(KeyError):
        run(samples.give, what="no such thing")
    assert again.value.after_s == 0


def test_a_second_attempt_can_be_tried() -> None:
    assert Trial(attempt=2).run(samples.again).result == "done"


def test_a_cancellation_comes_at_the_look_that_is_named(copy_lines: Callable[..., Any]) -> None:
    with pytest.raises(Canceled):
        Trial(cancel_at=2).run(copy_lines, source=b"one\ntwo\nthree")

    assert Trial(cancel_at=4).run(copy_lines, source=b"one\ntwo\nthree").result["lines"] == 3


@pytest.mark.parametrize("what", ["nan", "object"])
def test_a_result_that_could_not_be_kept_is_an_error(what: str) -> None:
    with pytest.raises(TypeError, match="its result cannot be kept"):
        run(samples.give, what=what)


def test_what_is_no_task_type_is_said() -> None:
    with pytest.raises(TaskTypeError, match="is no task type: put `@task"):
        run(len)
    with pytest.raises(TaskTypeError, match="no task type “ech”. Did you mean echo"):
        run("ech")


def test_nothing_is_left_on_disk(copy_lines: Callable[..., Any], monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    run(copy_lines, source=b"one")
    with pytest.raises(Fail):
        run(samples.refuse)

    assert list(tmp_path.iterdir()) == []


def test_a_file_is_held_against_what_is_accepted_and_settings_are_those_given() -> None:
    asked = Trial(settings=load({"ENVIRONMENT": "local", "HTTP_ALLOW": "b.example"}))

    assert asked.run(samples.typed_file, source=b"a,b").result == ["file.csv", ["b.example"]]
    with pytest.raises(Invalid, match="table.exe isn't an accepted file type"):
        run(samples.typed_file, source=Upload("table.exe", b""))
