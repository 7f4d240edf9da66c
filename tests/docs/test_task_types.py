"""docs/reference/task-types.md says what is so: every kind of parameter, every argument, the examples."""

from __future__ import annotations

import inspect
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from app.core.params import kinds
from app.core.params.cli_args import parse
from app.core.params.fields import Field, describe
from app.core.params.validate import validate
from app.web.create.form_fields import Input
from dtq import Context, task
from dtq._types.task_type import registered
from tests.docs.documents import DEVELOPING, TASK_TYPES, TUTORIAL, blocks, rows, section
from workers.testing import run

KINDS = rows(TASK_TYPES.split("<!-- kinds")[1].split("<!-- /kinds")[0])
NAMES: dict[str, Any] = {}


def run_block(number: int, names: dict[str, Any]) -> None:
    """Run a block of *Parameters* as a module of its author's would: with annotations that are evaluated."""
    source = blocks(section(TASK_TYPES, "Parameters"), "python")[number]
    exec(compile(source, "task-types.md", "exec", dont_inherit=True), names)  # noqa: S102 - our own document


run_block(0, NAMES)
FILE_ID = "0123456789abcdef01234567"


def schema_of(parameter: str) -> dict[str, Any]:
    """The schema of a task type with one parameter ``x``, as `annotation` or `annotation = default`."""
    function: dict[str, Any] = {**NAMES, "Context": Context, "Any": Any}
    exec(f"def documented(ctx: Context, x: {parameter}) -> None: ...", function)  # noqa: S102 - the code of our own documents
    schema: dict[str, Any] = registered(task(title="Documented")(function["documented"])).document()["schema"]
    return schema


def field_of(annotation: str) -> Field:
    return describe(schema_of(annotation))[0]


# Every kind of parameter


@pytest.mark.parametrize(("annotation", "kind", "widget", "example"), KINDS, ids=[row[0] for row in KINDS])
def test_a_row_of_the_table_of_kinds_is_so(
    annotation: str, kind: str, widget: str, example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in re.findall(r"@(\S+)", example):
        Path(name).touch()
    schema = schema_of(annotation)
    field = describe(schema)[0]

    assert (field.kind.name, Input(field).widget) == (kind, widget)
    values = parse([field], shlex.split(example), lambda *_: FILE_ID, lambda *_: "a secret")
    assert validate(schema, values) == values != {}


def test_the_example_of_models_and_rows_runs() -> None:
    example = dict(NAMES)
    run_block(1, example)
    given: dict[str, Any] = {"place": {"street": "Via Roma 1", "city": "Rome"}, "people": [{"name": "Ada"}]}

    assert run(example["invite"], **given, pictures=[b"1", b"2"]).result == "1 people, Rome, 2 pictures"
    assert run(example["invite"], **{**given, "place": NAMES["Address"](**given["place"])}).result


def test_no_kind_is_missing_in_the_table() -> None:
    assert {kind.name for kind in kinds.KINDS} == {row[1] for row in KINDS}


def test_the_table_would_see_a_wrong_kind() -> None:
    assert field_of("Literal[1, 2]").kind != field_of("int").kind
    assert len(KINDS) == len({row[0] for row in KINDS})


# The other tables


def test_every_argument_of_task_stands_there_with_its_default() -> None:
    said = {row[0]: row[1] for row in rows(section(TASK_TYPES, "What `@task` takes"))}
    words = {inspect.Parameter.empty: "needed", None: "always"}

    assert said == {
        name: words.get(each.default, repr(each.default).replace("'", '"'))
        for name, each in inspect.signature(task).parameters.items()
    }


def test_everything_of_a_context_stands_there() -> None:
    table = rows(section(TASK_TYPES, "What `ctx` offers"))
    said = {re.sub(r"\W.*", "", row[0].removeprefix("ctx.")) for row in table}
    own = set(Context.__annotations__) | {name for name in vars(Context) if name[0] != "_"}

    assert said == own


# The examples


def test_the_test_of_the_tutorials_type_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = blocks(section(TUTORIAL, "Steps"), "sh")[0]
    module = re.search(r"cat > (\S+\.py) <<'END'\n(.*)^END$", written, re.DOTALL | re.MULTILINE)
    assert module
    (tmp_path / module[1]).write_text(module[2])
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, module[1].removesuffix(".py"), raising=False)
    example: dict[str, Any] = {}
    exec(blocks(section(DEVELOPING, "Test it"), "python")[0], example)  # noqa: S102 - the code of our own documents

    example["test_words_are_counted"]()


def test_the_number_of_commands_is_the_one_that_is_named() -> None:
    tutorial = section(TUTORIAL, "Steps")
    named = re.search(r"\*\*(\d+) commands\*\*", tutorial)

    assert named
    assert len(blocks(tutorial, "sh")) == int(named[1]) == len(re.findall(r"^\d+\. ", tutorial, re.MULTILINE))


def test_the_table_of_endings_names_what_is_raised() -> None:
    endings = section(TASK_TYPES, "How it ends")

    for name in ("Fail", "Retry", "Canceled", "STOP_GRACE_S", "timeout_s"):
        assert name in endings
