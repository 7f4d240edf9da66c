"""A secret in an attempt: the function gets it, and nothing that the attempt leaves behind has it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
from bson import ObjectId
from pydantic import BaseModel, Field, SecretStr, create_model

from app.core.errors import Invalid
from app.core.files.attempt_logs import PART
from app.core.params.cli_args import parse, teller
from app.core.params.fields import describe
from app.core.params.validate import validate
from app.core.secrets.redaction import FILL, Mask
from app.core.secrets.secret import MASK, Secret
from app.core.secrets.vault import Vault
from app.core.services import Services
from app.core.tasks.states import Status
from app.core.tasks.task import Task
from dtq import Context, TaskTypeError, task
from workers.attempt import output_capture
from workers.attempt.attempt import MESSAGE_LIMIT, Outcome
from workers.attempt.output_capture import STEP, LogWriter, fill
from workers.testing import run as trial

CANARY = "canary-s3cr3t+in/the mine"
Run = Callable[..., tuple[Task, Outcome]]


# An attempt


def test_the_function_is_given_it_and_the_result_is_without(run: Run) -> None:
    done, _ = run("confess", {"password": Secret(CANARY)})

    assert done.status is Status.SUCCEEDED and CANARY not in str(done)
    assert done.result["said"] == MASK and done.result[MASK] == [f"user:{MASK}"]
    assert done.result["basic"].startswith("dXNlcj") and MASK in done.result["basic"]
    assert done.progress and done.progress["message"] == f"logging in with {MASK}"


def test_an_error_and_its_traceback_are_without(run: Run) -> None:
    done, _ = run("confess", {"password": Secret(CANARY), "ending": "raise"})

    assert done.error and CANARY not in str(done)
    assert (
        done.error["message"].endswith(f"is not {MASK}") and f"KeyError: '{MASK}'" in done.error["traceback"]
    )


def test_a_message_is_cut_after_it_was_masked(run: Run) -> None:
    long = "x" * (MESSAGE_LIMIT + 10) + CANARY
    done, _ = run("confess", {"password": Secret(long), "ending": "raise"})

    assert done.error and "xxxx" not in done.error["message"]


def test_a_secret_under_another_key_fails_with_a_sentence(services: Services, run: Run) -> None:
    services.dispatch.vault = Vault(["another key"])
    done, _ = run("confess", {"password": Secret(CANARY)}, max_attempts=3)

    assert done.status is Status.FAILED and done.error
    assert (done.error["kind"], done.error["traceback"]) == ("params", "")
    assert "kept under another SECRETS_KEY" in done.error["message"]


# Its output


def copied(services: Services, path: Path, mask: Mask, *contents: bytes) -> tuple[str, list[str]]:
    """The log of an output that grows, by a supervisor; and what it was at each of its looks."""
    task_id, seen = ObjectId(), []
    supervisor = LogWriter(services.logs, path, task_id, 1, mask)
    for content in contents:
        with path.open("ab") as output:
            output.write(content)
        supervisor.write()
        seen.append(services.logs.read(task_id, 1).text)
    LogWriter(services.logs, path, task_id, 1, mask).write(ended=True)
    return services.logs.read(task_id, 1).text, seen


def test_a_secret_that_comes_in_pieces_is_never_seen_in_part(services: Services, tmp_path: Path) -> None:
    half, rest = CANARY[:12].encode(), CANARY[12:].encode()
    text, seen = copied(services, tmp_path / "log", Mask([CANARY]), b"a " + half, rest + b" b ", half, b"!\n")

    assert seen == ["a ", f"a {MASK} b ", f"a {MASK} b ", f"a {MASK} b {half.decode()}!\n"]
    assert text == seen[-1]
    assert CANARY.encode() not in (tmp_path / "log").read_bytes()


@pytest.mark.parametrize("place", [PART, STEP, 2 * STEP])
def test_a_secret_across_two_parts_is_hidden_and_nothing_moves(
    services: Services, tmp_path: Path, place: int
) -> None:
    path, before = tmp_path / "log", place - 9
    path.write_bytes(b"x" * before + CANARY.encode() + b"after\n")
    whole = path.stat().st_size
    text, _ = copied(services, path, Mask([CANARY]), b"")

    assert text.endswith(f"xx{MASK}after\n")
    left = path.read_bytes()
    assert len(left) == whole and left[before : before + len(CANARY)] == FILL * len(CANARY)
    stored = b"".join(part["content"] for part in services.db.logs.find().sort([("part", 1)]))
    assert b"canary" not in stored and b"the mine" not in stored


def test_one_secret_after_the_other_without_end_is_copied_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, step = tmp_path / "log", 4096
    monkeypatch.setattr(output_capture, "STEP", step)
    path.write_bytes(b"aaaa" * (step // 2) + b"b")
    with path.open("r+b") as output:
        assert fill(output, Mask(["aaaa"]), 0, path.stat().st_size) == path.stat().st_size
    assert path.read_bytes() == FILL * (2 * step) + b"b"


# Types, tests and command lines


class Login(BaseModel):
    word: SecretStr
    name: str = "root"


class Server(BaseModel):
    host: str = "localhost"
    login: Login = Login(word=SecretStr("in the code"))


class Odd(BaseModel):
    word: Annotated[SecretStr, Field(pattern="^a")]


@pytest.mark.parametrize(
    ("annotation", "why"),
    [
        ("SecretStr = SecretStr('in the code')", "default of a secret would stand in the code"),
        ("Annotated[SecretStr, Field(pattern='^a')]", "json_schema_extra"),
        ("Annotated[SecretStr, Field(pattern='^a')] | None = None", "json_schema_extra"),
        ("list[SecretStr]", "cannot be a field of a form"),
        ("list[Login] = [Login(word='in the code')]", "`x`: the default of a secret would stand in the code"),
        ("Server", "`x.login`: the default of a secret would stand in the code"),
        ("list[Odd]", "`x.word`.*json_schema_extra"),
    ],
)
def test_what_cannot_be_kept_secret_is_refused_when_it_is_loaded(annotation: str, why: str) -> None:
    names: dict[str, Any] = {"Context": Context, "Login": Login, "Server": Server, "Odd": Odd}
    exec("from typing import Annotated\nfrom pydantic import Field, SecretStr", names)  # noqa: S102 - annotations of this test
    exec(f"def hushed(ctx: Context, x: {annotation}) -> None: ...", names)  # noqa: S102 - annotations of this test
    with pytest.raises(TaskTypeError, match=why) as refused:
        task(title="Hushed")(names["hushed"])
    assert "in the code'" not in str(refused.value)


@pytest.mark.parametrize("given", [CANARY, SecretStr(CANARY)])
def test_a_unit_test_gives_it_as_text_and_sees_what_a_person_would(given: Any) -> None:
    from tests.workers.samples import confess

    done = trial(confess, password=given)

    assert done.result["said"] == MASK and f"printed {MASK} quoted {MASK}" in done.log
    assert CANARY not in f"{done.log} {done.result} {done.progress}"


def test_a_unit_test_gives_it_within_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def enter(ctx: Context, logins: list[Login]) -> Any:
        print([each.word.get_secret_value() for each in logins])
        return [each.word.get_secret_value() for each in logins]

    monkeypatch.setitem(enter.__annotations__, "ctx", Context)
    monkeypatch.setitem(enter.__annotations__, "logins", list[Login])
    task(title="Enter")(enter)
    done = trial(enter, logins=[Login(word=SecretStr(CANARY)), {"word": "another one"}])

    assert done.result == [MASK, MASK] and CANARY not in done.log


def test_words_name_a_variable_in_a_row() -> None:
    schema = create_model("Asked", logins=(list[Login], ...)).model_json_schema()
    words = ["logins.0.word=@TOKEN", "logins.0.name=ada"]
    values = parse(describe(schema), words, lambda *_: "", teller({"TOKEN": CANARY}, str))

    assert values == {"logins": [{"word": Secret(CANARY), "name": "ada"}]}
    assert validate(schema, values) == values
    with pytest.raises(Invalid) as refused:
        validate(schema, {"logins": [{"word": {"sealed": f"1.{'a' * 8}.AAAA"}}]})
    assert list(refused.value.fields) == ["logins.0.word"]


def test_words_name_a_variable_or_ask(capfd: pytest.CaptureFixture[str]) -> None:
    schema = {"properties": {"key": {"type": "string", "format": "password", "title": "API key"}}}
    fields, asked = describe(schema), []

    def read(word: str) -> Any:
        tell = teller({"TOKEN": CANARY}, lambda title: asked.append(title) or "typed")
        return parse(fields, [word], lambda *_: "", tell)

    assert read("key=@TOKEN") == {"key": Secret(CANARY)}
    assert (read("key=@"), asked) == ({"key": Secret("typed")}, ["API key"])
    assert read("key=plain") == {"key": Secret("plain")}
    with pytest.raises(Invalid) as refused:
        read("key=@TOKEM")
    assert "There is no environment variable TOKEM" in refused.value.fields["key"]
