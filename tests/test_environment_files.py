"""A secret setting in a file: NAME_FILE, the same for every setting that is marked secret."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

import environment
from app.local import __main__ as commands
from config import Settings, SettingsError, describe, load, secret_files
from environment import effective

STRONG = "Zk3-9vXq_71hTsw0LrCePbYu5nDgJa2mQ8oF"
ROOT = Path(environment.__file__).parent
SECRETS = [row.metadata["name"] for row in fields(Settings) if row.metadata["secret"]]


@pytest.fixture
def file(tmp_path: Path):
    def write(content: str | bytes, name: str = "secret") -> str:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    return write


def test_every_secret_setting_has_one() -> None:
    assert {"SECRET_KEY", "MONGODB_URI", "REDIS_URL", "SMTP_PASSWORD", "SECRET_KEY_FALLBACKS"} <= set(SECRETS)
    assert secret_files() == {f"{name}_FILE": name for name in SECRETS}


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_its_text_is_the_setting(name: str, ending: str, file, tmp_path: Path) -> None:
    found = effective({f"{name}_FILE": file(f" a value{ending}")}, tmp_path)
    assert found.values[name] == " a value"
    assert found.sources[name] == f"{name}_FILE"
    [row] = [row for row in describe(found.values, found.sources) if row.name == name]
    assert "value" not in row.value and row.source == f"{name}_FILE"


def test_a_process_that_goes_on_with_it_reads_no_file_again(file, tmp_path: Path) -> None:
    path = file(STRONG)
    found = effective({"SECRET_KEY_FILE": path, "SECRETS_KEY": STRONG[::-1]}, tmp_path)
    os.remove(path)
    assert load(effective(found.values, tmp_path).values).secret_key == STRONG


def test_a_line_of_the_file_env_may_name_it(file, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"SECRET_KEY_FILE={file(STRONG)}\n")
    assert load(effective({"SECRETS_KEY": STRONG[::-1]}, tmp_path).values).secret_key == STRONG


@pytest.mark.parametrize("content", ["", "\n", " \n", b"\xff\xfe", b"x" * 70_000])
def test_what_is_no_text_is_refused_without_a_value(content: str | bytes, file, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as raised:
        effective({"SECRET_KEY_FILE": file(content)}, tmp_path)
    assert [problem.partition(":")[0] for problem in raised.value.problems] == ["SECRET_KEY_FILE"]


@pytest.mark.parametrize("path", ["/no/such/file", "/", "hunter2", "hunter2\0"])
def test_a_file_that_cannot_be_read_is_refused_without_its_path(path: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as raised:
        effective({"SECRET_KEY_FILE": path, "REDIS_URL_FILE": path}, tmp_path)
    assert [problem.partition(":")[0] for problem in raised.value.problems] == [
        "REDIS_URL_FILE",
        "SECRET_KEY_FILE",
    ]
    assert "hunter2" not in str(raised.value)


def test_both_are_refused(file, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as raised:
        effective({"SECRET_KEY": STRONG, "SECRET_KEY_FILE": file(STRONG)}, tmp_path)
    assert [problem.partition(":")[0] for problem in raised.value.problems] == ["SECRET_KEY"]
    assert STRONG not in str(raised.value)
    assert (
        effective({"SECRET_KEY": "", "SECRET_KEY_FILE": file(STRONG)}, tmp_path).values["SECRET_KEY"]
        == STRONG
    )


def test_a_store_in_a_file_counts_as_given(file, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Running servers of `make up` are not used, and nothing becomes local."""
    running = {
        "ENVIRONMENT": "local",
        "MONGODB_URI": "mongodb://127.0.0.1:1/x",
        "REDIS_URL": "redis://127.0.0.1:1",
    }
    monkeypatch.setattr(environment, "running_servers", lambda folder: running)
    found = effective({"MONGODB_URI_FILE": file("mongodb://db/x")}, tmp_path)
    assert found.values["MONGODB_URI"] == "mongodb://db/x" and "ENVIRONMENT" not in found.values


def test_a_misspelt_one_is_named() -> None:
    with pytest.raises(SettingsError) as raised:
        load({"SECRET_KEY": STRONG, "SMTP_PASWORD_FILE": "x"})
    assert "SMTP_PASSWORD_FILE" in str(raised.value)


def test_make_up_reads_it_too(file, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"SECRET_KEY_FILE": file(STRONG)})
    with commands._told("up", tmp_path / ".dtq") as given:
        assert given == {"SECRET_KEY": STRONG}


@pytest.mark.slow
def test_programs_read_it(file) -> None:
    env = {**os.environ, "FLASK_SKIP_DOTENV": "1", "ENVIRONMENT": "production", "FLASK_APP": "app"}
    for name in ("SECRET_KEY", "MONGODB_URI", "REDIS_URL"):
        env.pop(name, None)
    env |= {"SECRET_KEY_FILE": file(STRONG), "SECRETS_KEY": STRONG[::-1]}
    command = [sys.executable, "-m", "flask", "settings"]
    told = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
    assert told.returncode == 0 and "SECRET_KEY_FILE" in told.stdout and STRONG not in told.stdout
    env["SECRET_KEY_FILE"] = "/no/such/file"
    for command in (
        [sys.executable, "-m", "gunicorn", "--check-config", "wsgi:app"],
        [sys.executable, "-m", "workers"],
    ):
        told = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
        assert told.returncode != 0 and "SECRET_KEY_FILE" in told.stderr and "Traceback" not in told.stderr
