"""A task function submits itself: its arguments are checked against its signature before anything is sent."""

from __future__ import annotations

import inspect
from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import pytest
from pydantic import BaseModel, Field, SecretStr, ValidationError

from app.core.services import Services
from app.core.tasks.states import Priority
from app.core.tasks.task import parse_task_id
from dtq import Context, File, task
from dtq._types import task_type
from dtq.client import Client
from dtq.client.client import Options
from tests.dtq.client.conftest import Server


class Color(Enum):
    RED = "red"


class Line(BaseModel):
    text: str
    amount: Decimal = Decimal("1.50")


@pytest.fixture
def functions() -> Any:
    before = task_type.registry()
    task_type.registry({})

    @task(title="Clean")
    def clean_table(ctx: Context, source: File, trim: bool = True) -> int:
        return source.size

    @task(title="Report")
    def report(
        ctx: Context, month: Annotated[int, Field(ge=1, le=12)], lines: list[Line] = [], *,  # noqa: B006
        day: date | None = None, color: Color = Color.RED, key: SecretStr | None = None,
    ) -> str:  # fmt: skip
        return f"{month}"

    yield clean_table, report
    task_type.registry(before)


class Recorder:
    """Takes what would be submitted."""

    def __init__(self) -> None:
        self.submitted: list[tuple[str, Any]] = []

    def submit(self, type: str, params: Any, /) -> int:
        self.submitted.append((type, dict(params)))
        return len(self.submitted)


def test_a_task_function_is_still_a_function(functions: Any) -> None:
    _, report = functions
    assert (report(None, 3), report.__name__, inspect.isfunction(report)) == ("3", "report", True)


def test_its_arguments_are_sent_as_they_are_meant(functions: Any) -> None:
    _, report = functions
    recorder = Recorder()
    lines = [{"text": "a"}, Line(text="b", amount=Decimal("2"))]
    assert report.submit(recorder, 3, lines, day=date(2026, 11, 27), key=SecretStr("open sesame")) == 1
    ((name, params),) = recorder.submitted
    assert name == "report" and set(params) == {"month", "lines", "day", "key"}  # defaults are the server's
    assert (params["month"], params["day"], params["key"].get_secret_value()) == (
        3, date(2026, 11, 27), "open sesame",
    )  # fmt: skip
    assert params["lines"][0] == Line(text="a")


@pytest.mark.parametrize(
    ("given", "named", "error"),
    [
        ((), {}, TypeError),
        ((1, [], 3), {}, TypeError),
        ((1,), {"month": 1}, TypeError),
        ((1,), {"other": 1}, TypeError),
        ((13,), {}, ValidationError),
        (("three",), {}, ValidationError),
        ((1, [{"txt": "a"}]), {}, ValidationError),
        ((1,), {"color": "blue"}, ValidationError),
    ],
)
def test_arguments_that_the_function_does_not_take_are_never_sent(
    functions: Any, given: Any, named: Any, error: type[Exception]
) -> None:
    recorder = Recorder()
    with pytest.raises(error):
        functions[1].submit(recorder, *given, **named)
    assert recorder.submitted == []


def test_it_creates_the_task_with_its_file_and_options(
    functions: Any, client: Client, server: Server, services: Services, tmp_path: Path
) -> None:
    (tmp_path / "people.csv").write_bytes(b"a,b\n1,2\n")
    clean_table, _ = functions
    options = client.options(priority="high", title="People", tags=["a"])
    made = clean_table.submit(options, File.of(tmp_path / "people.csv"))
    stored = services.tasks.get(parse_task_id(made.id))
    assert (stored.type, stored.title, stored.priority) == ("clean_table", "People", Priority.HIGH)
    assert [file.name for file in made.files()] == ["people.csv"]


def test_a_file_of_this_machine_is_read_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"1,2")
    file = File.of(tmp_path / "a.csv")
    assert (file.name, file.size, file.content_type, file.path) == (
        "a.csv",
        3,
        "text/csv",
        tmp_path / "a.csv",
    )
    with pytest.raises(FileNotFoundError):
        File.of(tmp_path / "b.csv")


def test_options_are_those_of_submit() -> None:
    submit = inspect.signature(Client.submit).parameters
    named = {name for name, one in submit.items() if one.kind is one.KEYWORD_ONLY}
    assert set(Options.__annotations__) == named
    hints = get_type_hints(Client.submit)
    assert {name: hints[name] for name in named} == get_type_hints(Options)
