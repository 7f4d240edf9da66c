"""What to do when MongoDB or Redis does not answer: one sentence, for pages and for the command line.

On one person's machine it says how to start a store; elsewhere it names the setting. It never shows an
address, which may hold a password. Code stands between backticks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from urllib.parse import urlsplit

from app.core.posix import instead_of
from config import Settings
from environment import FOLDER, ROOT, SERVERS, running_servers

TITLES = {"MONGODB_URI": "MongoDB", "REDIS_URL": "Redis"}
START = (
    "Run `make up` in the program's folder, which starts everything, "
    "or `python -m app.local servers`, which starts only MongoDB and Redis."
)
START_ELSEWHERE = (
    "Start MongoDB and Redis, for example in WSL or in containers, and set `MONGODB_URI` and `REDIS_URL`."
)
START_THAT = "Start {store} at the address that `{setting}` gives, or correct the setting."
CHECK = "Check that {store} is running and that `{setting}` is its address."
RESTART = "MongoDB and Redis were started after this program: restart it to use them."
WAIT = "`make up` is starting it or has lost it: try again in a moment, or read its log in `{folder}/log`."


def advice(setting: str, settings: Settings, sources: Mapping[str, str], root: Path = ROOT) -> str:
    """Return what to do about the store that ``setting`` names, MONGODB_URI or REDIS_URL.

    ``sources`` is of the environment that the settings come from.
    """
    words = {"store": TITLES[setting], "setting": setting, "folder": FOLDER}
    if not settings.local:
        return CHECK.format(**words)
    row = next(row for row in fields(Settings) if row.metadata["name"] == setting)
    ours, usual = str(getattr(settings, row.name)), str(row.metadata["default"])
    servers = running_servers(root / FOLDER)
    if _place(ours) == _place(servers.get(setting, "")):
        return WAIT.format(**words)
    if ours != usual and sources.get(setting) != SERVERS:
        return START_THAT.format(**words)
    if servers:
        return RESTART
    return START_ELSEWHERE if instead_of("make up") else START


def _place(address: str) -> str:
    """Return host and port of an address, without what else it says."""
    return urlsplit(address).netloc.rpartition("@")[2]
