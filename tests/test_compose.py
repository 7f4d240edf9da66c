"""The compose file: stores ask for passwords, and nothing has more rights than it needs."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import textwrap
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError, RedisError

from app.local.children import free_port
from tests.rig.processes import until

TEXT = (Path(__file__).parents[1] / "docker-compose.yml").read_text(encoding="utf-8")
SERVICES = dict(
    re.findall(
        r"^  (\w+):.*\n((?:    .*\n|\n)+)",
        TEXT.split("\nservices:\n")[1].split("\nnetworks:\n")[0],
        re.MULTILINE,
    )
)
ANCHORS = dict(re.findall(r"^x-\w+: &(\w+)\n((?:  .*\n)+)", TEXT, re.MULTILINE))


def whole(service: str) -> str:
    """What stands in a service and in what it takes over."""
    text = SERVICES[service]
    return "".join(ANCHORS[name] for name in re.findall(r"<<: \*(\w+)", text)) + text


def test_what_there_is() -> None:
    assert set(SERVICES) == {"web", "workers", "mongo", "redis"}


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    "line",
    [
        r"read_only: true",
        r"cap_drop: \[ALL\]",
        r'security_opt: \["no-new-privileges:true"\]',
        r"mem_limit: \$\{\w+:-[0-9]+[mg]\}",
        r"pids_limit: [0-9]+",
        r"image: (distributed-task-queue|\w+:[0-9]+\.[0-9]+)",
    ],
)
def test_each_service_is_bounded(service: str, line: str) -> None:
    assert re.search(rf"^ +{line}( |$)", whole(service), re.MULTILINE)


@pytest.mark.parametrize("service", ["mongo", "redis"])
def test_a_store_is_not_published_and_runs_as_nobody_special(service: str) -> None:
    assert "ports:" not in whole(service) and "networks: [stores]" in whole(service)
    assert 'user: "999:999"' in whole(service)
    assert "internal: true" in TEXT.split("\nnetworks:\n")[1]
    assert 'ports: ["${WEB_PUBLISH:-127.0.0.1:8000}:8000"]' in SERVICES["web"]


def test_nothing_starts_without_passwords() -> None:
    for name in ("MONGO_PASSWORD", "REDIS_PASSWORD", "MONGO_ROOT_PASSWORD", "SECRET_KEY"):
        used = re.findall(rf"\$\{{{name}\b([^}}]*)", TEXT)
        assert used and all(rest.startswith(":?") for rest in used), name


def script(service: str) -> str:
    """The shell script that a store starts with, as its shell sees it."""
    return textwrap.dedent(re.findall(r"      - \|.*\n((?:        .*\n)+)", SERVICES[service])[0]).replace(
        "$$", "$"
    )


@pytest.mark.slow
def test_redis_asks_for_its_password(tmp_path: Path) -> None:
    assert shutil.which("redis-server"), "Install redis-server."
    port = free_port(0)
    started = script("redis").replace("/tmp/", f"{tmp_path}/")
    assert "hunter2" not in started
    env = {**os.environ, "REDISCLI_AUTH": "hunter2"}
    command = ["sh", "-c", started.rstrip() + f" --port {port} --bind 127.0.0.1 --dir {tmp_path}\n"]
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL) as process:
        try:
            until(lambda: listens(port))
            with Redis(port=port) as stranger, pytest.raises(AuthenticationError):
                stranger.get("x")
            with Redis(port=port, password="hunter2") as known:
                assert known.ping()
                assert known.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        finally:
            process.terminate()
    assert (tmp_path / "redis.conf").stat().st_mode & 0o077 == 0


def listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except (OSError, RedisError):
        return False


def test_mongodb_makes_a_key_that_it_takes(tmp_path: Path) -> None:
    started = script("mongo").replace("/tmp/", f"{tmp_path}/").replace("exec docker-entrypoint.sh", "echo")
    env = {**os.environ, "MONGO_INITDB_ROOT_PASSWORD": "hunter2"}
    told = subprocess.run(["bash", "-c", started], env=env, capture_output=True, text=True, check=True)
    assert told.stdout.split()[:3] == ["mongod", "--replSet", "rs0"] and "--keyFile" in told.stdout
    assert re.fullmatch("[0-9a-f]{64}\n", (tmp_path / "key").read_text())
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0
