"""Task types that look for what is not theirs."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from dtq import Context, File, task

PLACES = ("environ", "cmdline", "maps")


@task(title="Look around")
def look_around(ctx: Context, others: list[int] | None = None) -> dict[str, Any]:
    """Return what the variables, files of /proc and settings say here, up its ancestors and in ``others``."""
    get = ctypes.CDLL(None).getenv
    get.restype = ctypes.c_char_p
    names = ("SECRET_KEY", "SECRETS_KEY", "MONGODB_URI", "REDIS_URL", "OWN_VARIABLE", "PATH")
    pids = [*_ancestors(), *(others or [])]
    return {
        "os.environ": dict(os.environ),
        "getenv": [str(get(name.encode())) for name in names],
        "a program": subprocess.run(["/usr/bin/env"], check=True, capture_output=True, text=True).stdout,
        "settings": str(
            {name: value for name, value in vars(ctx.settings).items() if name != "smtp_password"}
        ),
        "smtp_password": ctx.settings.smtp_password,
        "processes": {str(pid): {place: _read(pid, place) for place in PLACES} for pid in pids},
    }


def _ancestors() -> list[int]:
    found, pid = [], os.getpid()
    while pid > 0:
        found.append(pid)
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return found


def _read(pid: int, place: str) -> str:
    with contextlib.suppress(OSError):
        content = Path(f"/proc/{pid}/{place}").read_bytes().decode(errors="replace")
        return "\n".join({line.split()[-1] for line in content.splitlines()}) if place == "maps" else content
    return ""


@task(title="Name a file")
def name_a_file(ctx: Context, file_id: str, mine: File, password: SecretStr | None = None) -> str:
    """Read the file of a parameter, one that was saved here, and then one that a text only names."""
    saved = ctx.save_file(mine.path, "again.txt")
    assert ctx.file(saved["file_id"]).path.read_text() == mine.path.read_text()
    return ctx.file(file_id).path.read_text()
