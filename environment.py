"""The environment that the settings are loaded from: decided here, and the same for every program.

What lives here: what `.env`, Flask's own variables and the running servers of `make up` add to the variables
of a process (:func:`effective`), and what `.dtq` tells other processes. What the settings are is in
config.py; `app.local` writes `.dtq`. Nothing here reads ``os.environ`` by itself.

1. The variables of the process come first, then `.env` beside this file (not with FLASK_SKIP_DOTENV=1).
2. Without ENVIRONMENT, FLASK_ENV=development and Flask's debug mode count as ENVIRONMENT=local, and so do
   running servers where no store and no key is given. Such a server is for this machine only.
3. A secret setting may be in a file that NAME_FILE names, such as SECRET_KEY_FILE.
4. With ENVIRONMENT=local, what is not given comes from the servers of `make up` while these run, and the
   keys of `.dtq` are used.

And what a process takes out of its own environment again, where task code would find it (:func:`conceal`).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import secrets
import shlex
import sys
import time
from collections.abc import Collection, Mapping, MutableMapping
from dataclasses import dataclass
from io import StringIO
from ipaddress import IPv6Address, ip_address
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from config import SECRET_NAMES, SettingsError, secret_files

ROOT = Path(__file__).resolve().parent
FOLDER = ".dtq"
DOTENV, SERVERS = ".env", "make up"
"""Where a value comes from, as `flask settings` says it."""
SESSION_KEY_FILE, SECRETS_KEY_FILE, FORMER_KEY_FILE = "session_key", "secrets_key", "secret_key"
"""In `.dtq`. Earlier versions had one key for both purposes; it only decrypts now."""
STORES = ("MONGODB_URI", "REDIS_URL")
SHARED = (*STORES, "SECRET_KEY", "SECRETS_KEY", "SECRETS_KEY_FALLBACKS", "TASK_MODULES", "WORKER_STATE_DIR")
"""What is taken from running servers. WEB_BIND is not: their own web server listens there."""
MOST_SECRET = 64 * 1024
OFF = ("", "0", "false", "no")
REACHABLE = (
    "{name}: with {by} and no ENVIRONMENT, the server is for this machine only. "
    "Leave {name} out, or set ENVIRONMENT, such as ENVIRONMENT=production with SECRET_KEY and SECRETS_KEY."
)
SEPARATED = (
    "Sessions and secrets have separate keys now. The former key of {folder} still decrypts secrets; "
    "run `flask keys rotate` to encrypt them under the new one."
)


@dataclass(frozen=True)
class Environment:
    """The variables in force; ``sources`` names where those come from that the process was not given."""

    values: Mapping[str, str]
    sources: Mapping[str, str]
    note: str = ""
    """A line for standard error, where a person should know."""


def effective(env: Mapping[str, str], root: Path = ROOT) -> Environment:
    """Return the environment in force for a process with the variables ``env``. Raises SettingsError."""
    file = {} if env.get("FLASK_SKIP_DOTENV", "").lower() not in OFF else _dotenv(root / DOTENV)
    values = {**file, **env}  # An empty variable hides a line of `.env`, and counts as not given.
    # `flask` has put the lines of the file into the variables of its process before we see these.
    sources = {name: DOTENV for name in file if env.get(name, file[name]) == file[name]}
    in_files, named = secrets_in_files(values)
    values, sources = {**values, **in_files}, {**sources, **named}
    servers = running_servers(root / FOLDER)

    def add(found: Mapping[str, str], source: str) -> None:
        for name in found:
            if not values.get(name):
                values[name], sources[name] = found[name], source

    if by := _local_by(values, servers):
        if names := _reachable(values):
            raise SettingsError([REACHABLE.format(name=name, by=by) for name in names])
        add({"ENVIRONMENT": "local"}, by)
    if values.get("ENVIRONMENT") != "local":
        return Environment(values, sources)
    if not all(values.get(name) for name in STORES):
        add({name: servers[name] for name in SHARED if name in servers}, SERVERS)
    keys = _keys(values, root / FOLDER)
    add(keys.values, FOLDER)
    used = any(sources.get(name) == SERVERS for name in STORES)
    notes = [f"Using the servers of `make up` in {FOLDER}."] if used else []
    return Environment(values, sources, "\n".join([*notes, keys.note] if keys.note else notes))


def secrets_in_files(values: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the secret settings that are in files, and which variable named each file.

    The variables come back empty, so that a process that goes on with the result reads no file again.
    Raises SettingsError with every problem. None repeats a value, as even a path may be the secret itself.
    """
    found: dict[str, str] = {}
    sources: dict[str, str] = {}
    problems = []
    for variable, name in secret_files().items():
        if not values.get(variable):
            continue
        if values.get(name):
            problems.append(f"{name}: leave out {variable}, or {name} itself; both are given.")
            continue
        try:
            found |= {name: _secret_in(values[variable]), variable: ""}
            sources[name] = variable
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            problems.append(f"{variable}: name a file of text that this program can read ({why}).")
    if problems:
        raise SettingsError(problems)
    return found, sources


def _secret_in(path: str) -> str:
    """Return the text of a file without its last line ending. Raises OSError and ValueError."""
    if "\0" in path:
        raise ValueError("this is not a path")
    with open(path, "rb") as file:
        content = file.read(MOST_SECRET + 1)
    if len(content) > MOST_SECRET:
        raise ValueError(f"the file is larger than {MOST_SECRET:,} bytes")
    try:
        text = content.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError("the file is not UTF-8") from None
    if not text.strip():
        raise ValueError("the file is empty")
    return text


def _local_by(values: Mapping[str, str], servers: Mapping[str, str]) -> str:
    """Return what counts as ENVIRONMENT=local where that is not given; empty for nothing."""
    if values.get("ENVIRONMENT"):
        return ""
    if values.get("FLASK_ENV", "").lower() == "development":
        return "FLASK_ENV"
    if values.get("FLASK_DEBUG", "").lower() not in OFF:
        return "FLASK_DEBUG"
    # Without a key nothing runs in production, so this relaxes no server that runs there.
    alone = not any(values.get(name) for name in (*STORES, "SECRET_KEY", "SECRETS_KEY"))
    return SERVERS if servers and alone and not _reachable(values) else ""


def _reachable(values: Mapping[str, str]) -> list[str]:
    """Return the settings that let other machines reach the server."""
    bound = values.get("WEB_BIND", "").rpartition(":")[0]
    outside = {
        "WEB_BIND": bound and not is_loopback(bound),
        "WEB_HOSTS": values.get("WEB_HOSTS"),
        "WEB_PROXIES": values.get("WEB_PROXIES", "") not in OFF,
    }
    return [name for name, says_so in outside.items() if says_so]


def is_loopback(host: str) -> bool:
    """Return whether only programs on this machine reach a host, given as a name or an address."""
    if host == "localhost" or host.startswith("unix:"):
        return True
    with contextlib.suppress(ValueError):
        address = ip_address(host.strip("[]"))
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return (mapped or address).is_loopback
    return False


def _dotenv(path: Path) -> dict[str, str]:
    """Raises SettingsError for a line that is not understood."""
    try:
        return read_env_file(path)
    except PermissionError:  # A process that may read it, such as systemd, has given us its values.
        return {}
    except (OSError, ValueError) as error:
        raise SettingsError([str(error)]) from None


def read_env_file(path: Path) -> dict[str, str]:
    """Return the ``NAME=value`` lines of a file, as python-dotenv and so Flask itself reads them.

    Raises ValueError for a line of another kind, without repeating it: it may hold a secret.
    """
    try:
        text = path.read_text(encoding="utf-8-sig") if path.exists() else ""
    except UnicodeDecodeError:
        raise ValueError(f"{path}: write the file in UTF-8.") from None
    for line in parse_stream(StringIO(text)):  # What it does not understand, python-dotenv would skip.
        if line.error or line.key and not (line.value is not None and line.key.isidentifier()):
            blank = re.match(r"\s*", line.original.string)
            number = line.original.line + (blank[0].count("\n") if blank else 0)
            raise ValueError(f"{path}, line {number}: write NAME=value.")
    return {name: value or "" for name, value in dotenv_values(stream=StringIO(text)).items()}


# What `.dtq` tells other processes


def running_servers(folder: Path) -> dict[str, str]:
    """Return what the programs of `make up` or `python -m app.local servers` run with; empty without them.

    Only while these hold the lock of the folder, and only where they run as ENVIRONMENT=local.
    """
    if not is_locked(folder):
        return {}
    try:
        words = shlex.split((folder / "env").read_bytes().decode())
    except (OSError, ValueError):
        return {}
    found = dict(word.split("=", 1) for word in words if "=" in word)
    return found if found.get("ENVIRONMENT") == "local" else {}


def is_locked(folder: Path) -> bool:
    """Return whether a running program holds the lock of a `.dtq` folder."""
    try:
        import fcntl
    except ImportError:  # Windows, where `make up` does not run.
        return False
    try:
        descriptor = os.open(folder / "lock", os.O_RDONLY)
    except OSError:
        return False
    try:
        # Held for a moment only; a program that starts just now tries again (see `app.local.folder`).
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@dataclass(frozen=True)
class Keys:
    """Keys as variables; ``note`` says, once, that a folder of an earlier version got new ones."""

    values: Mapping[str, str]
    note: str = ""


def _keys(values: Mapping[str, str], folder: Path) -> Keys:
    """Return the keys of the folder where one is not given; none where the folder cannot be used."""
    with contextlib.suppress(OSError):
        if not (values.get("SECRET_KEY") and values.get("SECRETS_KEY")):
            folder.mkdir(mode=0o700, exist_ok=True)
            return keys_of(folder, values)
    return Keys({})


def keys_of(folder: Path, given: Mapping[str, str] = {}) -> Keys:
    """Return the keys of this folder; made at the first call, readable by its owner only.

    With a SECRETS_KEY that is ``given``, its former values are no matter of the folder's.
    """
    former = folder / FORMER_KEY_FILE
    signing, _ = _key(folder / SESSION_KEY_FILE)
    sealing, new = _key(folder / SECRETS_KEY_FILE)
    found = {"SECRET_KEY": signing, "SECRETS_KEY": sealing}
    if not former.exists() or given.get("SECRETS_KEY"):
        return Keys(found)
    found["SECRETS_KEY_FALLBACKS"] = former.read_text(encoding="utf-8").strip()
    return Keys(found, SEPARATED.format(folder=folder.name) if new else "")


def _key(path: Path) -> tuple[str, bool]:
    """Return the key in a file, and whether it was made now."""
    new = False
    with contextlib.suppress(FileExistsError):
        write_private(path, secrets.token_urlsafe(48), os.O_EXCL)
        new = True
    for _ in range(50):  # Another process may have made the file and not written it yet.
        if key := path.read_text(encoding="utf-8").strip():
            break
        time.sleep(0.02)
    return key, new


def write_private(path: Path, text: str, flags: int = 0) -> None:
    """Write a file that nobody else can read, not even for a moment."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | flags, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


# What a process takes out of its own environment

_PR_SET_DUMPABLE = 4


def conceal(env: MutableMapping[str, str]) -> None:
    """Hide secret settings, and the memory of this process, from other processes of the same user.

    They are taken out of the variables ``env``, which the programs that this one starts inherit.
    `/proc/PID/environ` shows the memory in which a program was given its variables, whatever it does with
    them afterwards: so the values are overwritten there. Of a process that is not dumpable, others cannot
    open `/proc/PID/environ` and `mem`, unless they may trace every process, as root may; programs that it
    starts are dumpable again. Both on Linux only.
    """
    for name in SECRET_NAMES:
        env.pop(name, None)
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError, ValueError, IndexError):
        _overwrite({name.encode() for name in SECRET_NAMES})
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _overwrite(names: Collection[bytes]) -> None:
    """Overwrite values in the block of variables that the kernel gave this program (proc_pid_stat(5))."""
    fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
    start, end = int(fields[47]), int(fields[48])
    at = start
    for entry in ctypes.string_at(start, end - start).split(b"\0"):
        name, _, value = entry.partition(b"=")
        if name in names:
            ctypes.memset(at + len(name) + 1, 0, len(value))
        at += len(entry) + 1
