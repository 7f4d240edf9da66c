"""An installation moves between servers: everything arrives, what waited runs, kills do no harm."""

from __future__ import annotations

import random
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from app.core.backup.folder import FolderArchive
from app.core.services import Services
from app.core.tasks.states import Status
from app.core.tasks.task import Task
from bench.data import digests, environment, seed
from tests.real.installations import (
    CONTENT,
    FLASK,
    KEY,
    PAIRS,
    ROOT,
    Database,
    database,
    flask,
    servers,
    work,
)
from tests.rig.fleet import Fleet

__all__ = ["database", "servers"]

pytestmark = [pytest.mark.real, pytest.mark.long, pytest.mark.slow]

NAMES = ("MONGODB_URI", "REDIS_URL", "SECRET_KEY", "SECRETS_KEY", "ENVIRONMENT")
SEED = 20261126
KILLS = 8


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_everything_arrives_and_what_waited_runs(
    database: Database, tmp_path: Path, source: str, target: str
) -> None:
    """The Redis of the target has an epoch already, so nothing there says that hints are missing."""
    (given, before), (addresses, after) = database(source, "source"), database(target, "target")
    made = work(before)
    sums = digests(before.db)
    after.queues.redis.flushdb()
    after.queues.epoch.begin("of another installation")
    into = f"MONGODB_URI={shlex.quote(addresses['MONGODB_URI'])}"
    moved = shell(f"{shlex.join(FLASK)} export - | {into} {shlex.join(FLASK)} import -", given)

    assert (moved.returncode, moved.stdout) == (0, ""), moved.stderr
    assert digests(after.db) == sums
    assert set(after.db.tasks.index_information()) >= {"hint", "run_at", "submission"}
    if (source, target) != PAIRS[0]:
        del made["running"]  # A rescue takes a lease; once is enough.
    run_what_waited(addresses, made, tmp_path)


def shell(command: str, addresses: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Lines of a shell, which fail when any of their programs does."""
    words = ["bash", "-e", "-o", "pipefail", "-c", command]
    return subprocess.run(words, cwd=ROOT, env=environment(addresses), capture_output=True, text=True)


def run_what_waited(addresses: dict[str, str], made: dict[str, Task], folder: Path) -> None:
    """By real workers: each task ends as it must, the one that ran by a second attempt."""
    kept = {"failed": Status.FAILED, "canceled": Status.CANCELED}
    fleet = Fleet(addresses["MONGODB_URI"], addresses["REDIS_URL"], folder / "workers.log", **KEY)
    try:
        fleet.start()
        for what, task in made.items():
            assert fleet.ended(task, 120).status is kept.get(what, Status.SUCCEEDED), what
        assert "running" not in made or fleet.task(made["running"]).attempt == 2
        assert fleet.task(made["succeeded"]).result == {"rows": 3}
        (file,) = fleet.services.files.of_task(made["with a file"].id)
        assert b"".join(fleet.services.files.chunks(file.id)) == CONTENT
    finally:
        fleet.close()


def test_the_redis_of_before_still_has_its_hints_and_each_task_runs_once(
    database: Database, tmp_path: Path
) -> None:
    (given, before), (addresses, after) = database("wheel", "source"), database("wheel", "target")
    made = work(before)
    before.recovery.recover()
    assert before.queues.epoch.exists() and sum(before.queues.depths().values()) >= 4
    assert flask(given, "export", tmp_path / "export").returncode == 0
    assert flask(addresses, "import", tmp_path / "export").returncode == 0

    del made["running"]
    run_what_waited(addresses, made, tmp_path)
    runs = after.db.tasks.find({"title": {"$in": ["high", "medium", "low"]}})
    assert [task["attempt"] for task in runs] == [1, 1, 1]


def test_the_command_of_the_docs_moves_it(database: Database, tmp_path: Path) -> None:
    (given, before), (addresses, after) = database("wheel", "source"), database("wheel", "target")
    work(before)
    lines = [f"export {name}={shlex.quote(environment(given)[name])}" for name in NAMES]
    (tmp_path / "env").write_text("\n".join(lines))
    text = (ROOT / "docs" / "how-to" / "production.md").read_text()
    block = re.search(r"## To a real MongoDB.*?```sh\n(.*?)```", text, re.DOTALL)
    assert block
    command = block[1].replace(". .dtq/env", f". {tmp_path / 'env'}")
    command = re.sub(r"'mongodb://[^']*'", shlex.quote(addresses["MONGODB_URI"]), command)
    done = shell(command, {})

    assert done.returncode == 0, done.stderr
    assert digests(after.db) == digests(before.db)


# Killed


@pytest.mark.parametrize("nth", [1, 3, 9])
def test_a_killed_export_is_resumed(database: Database, tmp_path: Path, nth: int) -> None:
    given, before = database("wheel", "source")
    seed(before, 120, large=2)
    assert flask(given, "export", tmp_path / "whole").returncode == 0
    killed = flask(given, "export", tmp_path / "cut", DTQ_FAILPOINTS=f"exporting=kill@{nth}")
    assert killed.returncode == -signal.SIGKILL
    assert flask(given, "import", tmp_path / "cut").returncode == 1
    assert flask(given, "export", tmp_path / "cut", "--resume").returncode == 0

    whole, cut = (FolderArchive(tmp_path / name).manifest for name in ("whole", "cut"))
    assert [entry.content for entry in whole.collections] == [entry.content for entry in cut.collections]


@pytest.mark.parametrize("points", ["importing=kill@1", "importing=kill@4", "imported=kill"])
def test_a_killed_import_is_continued(database: Database, tmp_path: Path, points: str) -> None:
    (given, before), (addresses, after) = database("wheel", "source"), database("wheel", "target")
    seed(before, 120, large=2)
    assert flask(given, "export", tmp_path / "export").returncode == 0
    killed = flask(addresses, "import", tmp_path / "export", DTQ_FAILPOINTS=points)
    assert killed.returncode == -signal.SIGKILL
    assert flask(addresses, "export", tmp_path / "half").returncode == 1

    assert flask(addresses, "import", tmp_path / "export").returncode == 0
    assert digests(after.db) == digests(before.db)


def test_kills_at_any_moment_do_no_harm(database: Database, tmp_path: Path) -> None:
    (given, before), (addresses, after) = database("wheel", "source"), database("wheel", "target")
    seed(before, 300, large=2)
    chance = random.Random(SEED)
    assert flask(given, "export", tmp_path / "export", "--quiet").returncode == 0
    manifest = tmp_path / "again" / "manifest.json"
    cut_short(chance, manifest.exists, given, "export", tmp_path / "again", "--resume")
    with (tmp_path / "a.tar").open("wb") as file:
        subprocess.run([*FLASK, "export", "-"], cwd=ROOT, env=environment(given), stdout=file, check=True)
    cut_short(chance, lambda: is_imported(after), addresses, "import", tmp_path / "a.tar")

    once, again = (FolderArchive(tmp_path / name).manifest for name in ("export", "again"))
    assert [entry.content for entry in once.collections] == [entry.content for entry in again.collections]
    assert digests(after.db) == digests(before.db)


def is_imported(services: Services) -> bool:
    return services.db.words.find_one() is not None and services.db.imports.find_one() is None


def cut_short(
    chance: random.Random, is_done: Callable[[], bool], addresses: Mapping[str, str], *words: object
) -> None:
    """Run it again and again, killed after a while, and at last to its end."""
    command, env = [*FLASK, *map(str, words)], environment(addresses)
    for _ in range(KILLS):
        with subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.DEVNULL) as one:
            time.sleep(chance.uniform(0.8, 3.0))
            one.kill()
        if is_done():
            return
    done = flask(addresses, *words)
    assert done.returncode == 0, done.stderr
