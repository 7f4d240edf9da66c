"""The environment in force: what comes first, what counts as local, and when running servers are used."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import flask.cli
import pytest

import environment
from config import SettingsError, load
from environment import effective, is_loopback, keys_of, read_env_file

STRONG = "Zk3-9vXq_71hTsw0LrCePbYu5nDgJa2mQ8oF"

# What counts as ENVIRONMENT=local


@pytest.mark.parametrize(
    ("env", "environment", "source"),
    [
        ({}, None, None),
        ({"FLASK_ENV": "development"}, "local", "FLASK_ENV"),
        ({"FLASK_ENV": "Development"}, "local", "FLASK_ENV"),
        ({"FLASK_ENV": "production"}, None, None),
        ({"FLASK_DEBUG": "1"}, "local", "FLASK_DEBUG"),
        ({"FLASK_DEBUG": "0"}, None, None),
        ({"FLASK_DEBUG": "false", "FLASK_ENV": ""}, None, None),
        ({"FLASK_ENV": "development", "ENVIRONMENT": ""}, "local", "FLASK_ENV"),
        ({"FLASK_ENV": "development", "ENVIRONMENT": "production"}, "production", None),
        ({"FLASK_DEBUG": "1", "ENVIRONMENT": "staging"}, "staging", None),
        ({"ENVIRONMENT": "local"}, "local", None),
    ],
)
def test_what_counts_as_local(
    env: dict[str, str], environment: str | None, source: str | None, tmp_path: Path
) -> None:
    found = effective(env, tmp_path)

    assert found.values.get("ENVIRONMENT") == environment
    assert found.sources.get("ENVIRONMENT") == source


@pytest.mark.parametrize("by", [{"FLASK_ENV": "development"}, {"FLASK_DEBUG": "1"}])
@pytest.mark.parametrize(
    "outside",
    [
        {"WEB_BIND": "0.0.0.0:8000"},
        {"WEB_BIND": "[::]:8000"},
        {"WEB_BIND": "127.evil.example:8000"},
        {"WEB_HOSTS": "tasks.example.org"},
        {"WEB_PROXIES": "1"},
    ],
)
def test_what_others_can_reach_does_not_become_local_by_a_variable_of_flask(
    by: dict[str, str], outside: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(SettingsError) as raised:
        effective({**by, **outside}, tmp_path)

    assert [problem.partition(":")[0] for problem in raised.value.problems] == list(outside)
    assert not (tmp_path / ".dtq").exists()
    effective({**by, **outside, "ENVIRONMENT": "production"}, tmp_path)


def test_what_only_this_machine_reaches_does(tmp_path: Path) -> None:
    for bind in ("127.0.0.1:8000", "localhost:8000", "[::1]:8000", "127.8.9.1:1"):
        found = effective({"FLASK_ENV": "development", "WEB_BIND": bind, "WEB_PROXIES": "0"}, tmp_path)
        assert load(found.values).local


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.255.0.9", True),
        ("::1", True),
        ("[::1]", True),
        ("::ffff:127.0.0.1", True),
        ("unix:///run/dtq.sock", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.5", False),
        ("::ffff:10.0.0.5", False),
        ("tasks.example", False),
        ("127.evil.example", False),
        ("localhost.evil.example", False),
        ("", False),
    ],
)
def test_which_hosts_are_this_machine(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


# `.env`


def test_the_environment_comes_before_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("WEB_THREADS=3\nLOG_LEVEL=debug\nWEB_BIND=127.0.0.1:9\n")
    found = effective({"WEB_THREADS": "4", "WEB_BIND": ""}, tmp_path)

    assert found.values == {"WEB_THREADS": "4", "LOG_LEVEL": "debug", "WEB_BIND": ""}
    assert found.sources == {"LOG_LEVEL": ".env"}


def test_the_file_may_say_what_flask_would(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("FLASK_ENV=development\n")
    assert load(effective({}, tmp_path).values).local


def test_the_file_can_be_left_out(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("this is no line of it\n")
    env = {"FLASK_SKIP_DOTENV": "1"}
    assert effective(env, tmp_path).values == env
    with pytest.raises(SettingsError):
        effective({"FLASK_SKIP_DOTENV": "0"}, tmp_path)


def test_an_env_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("\ufeff# a comment\n\nA=1\nexport B = 'two words'\nC=\"x=y\"\nD=\n", encoding="utf-8")
    assert read_env_file(path) == {"A": "1", "B": "two words", "C": "x=y", "D": ""}
    assert read_env_file(tmp_path / "none") == {}


def test_an_env_file_means_what_it_means_to_flask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FIRST", raising=False)
    path = tmp_path / ".env"
    path.write_text(
        "FIRST=one two # a comment\nSECOND=a#b\nTHIRD='#x' # y\nFOURTH=\"a\\nb\"\nFIFTH=${FIRST}!\n"
    )

    found = read_env_file(path)

    assert found == {
        "FIRST": "one two",
        "SECOND": "a#b",
        "THIRD": "#x",
        "FOURTH": "a\nb",
        "FIFTH": "one two!",
    }
    for name in found:
        monkeypatch.delenv(name, raising=False)
    flask.cli.load_dotenv(path, load_defaults=False)
    assert {name: os.environ.pop(name) for name in found} == found


def test_what_flask_has_read_from_the_file_comes_from_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("LOG_LEVEL=debug\nWEB_THREADS=3\n")
    found = effective({"LOG_LEVEL": "debug", "WEB_THREADS": "4"}, tmp_path)

    assert found.sources == {"LOG_LEVEL": ".env"}


@pytest.mark.parametrize(
    "line", ["hunter2", "hunter 2=3", "=hunter2", "A='hunter2", "1A=hunter2", "A: hunter2"]
)
def test_a_line_that_is_not_understood_is_named_by_its_number(line: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"A=1\n# a comment\n\n  \n{line}\nB=2\n")
    with pytest.raises(SettingsError) as raised:
        effective({}, tmp_path)
    assert raised.value.problems == [f"{tmp_path / '.env'}, line 5: write NAME=value."]


@pytest.mark.parametrize("content", [b"A=1\nhunter2\n", b"A=1\n\xff\xfehunter2=1\n"])
def test_a_file_that_is_not_understood_is_named_and_not_repeated(content: bytes, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(SettingsError) as raised:
        effective({}, tmp_path)
    assert str(tmp_path / ".env") in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_a_file_that_only_others_may_read_is_left_to_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where systemd reads it and gives its values to a process that has fewer rights."""

    def refuse(path: Path) -> dict[str, str]:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(environment, "read_env_file", refuse)
    assert effective({"SECRET_KEY": STRONG}, tmp_path).values == {"SECRET_KEY": STRONG}


# The keys of the folder


def test_a_local_process_has_the_keys_of_the_folder(tmp_path: Path) -> None:
    first, second = (effective({"ENVIRONMENT": "local"}, tmp_path) for _ in range(2))

    assert first.values == second.values == {"ENVIRONMENT": "local", **keys_of(tmp_path / ".dtq").values}
    assert set(first.values) == {"ENVIRONMENT", "SECRET_KEY", "SECRETS_KEY"} and first.note == ""
    assert (tmp_path / ".dtq").stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / ".dtq").iterdir()}
    assert modes == {"session_key": 0o600, "secrets_key": 0o600}
    load({**first.values, "ENVIRONMENT": "production"})


def test_the_key_of_an_earlier_version_decrypts_and_signs_nothing(tmp_path: Path) -> None:
    (tmp_path / ".dtq").mkdir()
    (tmp_path / ".dtq" / "secret_key").write_text(STRONG)
    first, second = (effective({"ENVIRONMENT": "local"}, tmp_path) for _ in range(2))

    assert first.values["SECRETS_KEY_FALLBACKS"] == STRONG == second.values["SECRETS_KEY_FALLBACKS"]
    assert STRONG not in (first.values["SECRET_KEY"], first.values["SECRETS_KEY"])
    assert "flask keys rotate" in first.note and second.note == ""
    load({**first.values, "ENVIRONMENT": "production"})


def test_former_keys_of_the_folder_do_not_belong_to_a_key_that_is_given(tmp_path: Path) -> None:
    (tmp_path / ".dtq").mkdir()
    (tmp_path / ".dtq" / "secret_key").write_text(STRONG)
    found = effective({"ENVIRONMENT": "local", "SECRETS_KEY": "my own"}, tmp_path)

    assert set(found.values) == {"ENVIRONMENT", "SECRET_KEY", "SECRETS_KEY"}


def test_a_checkout_that_cannot_be_written_has_none(tmp_path: Path) -> None:
    (tmp_path / ".dtq").write_text("a file where the folder would be")
    assert effective({"ENVIRONMENT": "local"}, tmp_path).values == {"ENVIRONMENT": "local"}


def test_a_production_process_makes_no_key(tmp_path: Path) -> None:
    effective({"SECRET_KEY": STRONG}, tmp_path)
    assert list(tmp_path.iterdir()) == []


# What a process takes out of its own environment

CONCEALS = """
import ctypes, os, subprocess
from environment import conceal
libc = ctypes.CDLL(None)

def block():
    return subprocess.run(["/bin/cat", f"/proc/{os.getpid()}/environ"], capture_output=True).stdout

if os.geteuid() == 0:  # who may read what is not for others
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
libc.prctl(4, 1, 0, 0, 0)
print(block().count(b"hunter2"), end=" ")
conceal(os.environ)
own = subprocess.run(["/bin/cat", "/proc/self/environ"], capture_output=True).stdout
print(len(block()), len(own) > 0, end=" ")
libc.prctl(4, 1, 0, 0, 0)
print(block().count(b"hunter2"), block().count(b"OWN=mine"), sorted(os.environ))
"""


def test_others_read_neither_secret_variables_of_a_process_nor_its_memory() -> None:
    env = {"SECRETS_KEY": "hunter2", "MONGODB_URI": "mongodb://hunter2@db/x"}
    env |= {"OWN": "mine", "LC_CTYPE": "C.UTF-8"}
    ran = subprocess.run(
        [sys.executable, "-c", CONCEALS], cwd=environment.ROOT, env=env, capture_output=True, text=True
    )

    assert ran.stdout.strip() == "2 0 True 0 1 ['LC_CTYPE', 'OWN']", ran.stderr
