"""Why MongoDB or Redis cannot be used and what to do: a sentence each, for pages, logs and commands.

On one person's machine it says how to start a store; elsewhere it names the setting. It never shows an
address, which may hold a password. Code stands between backticks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from urllib.parse import urlsplit

from app.core.errors import Cause
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
NAMES = {"MONGODB_URI": "The database (MongoDB)", "REDIS_URL": "The queue (Redis)"}

# Why, and what to do about it; the second is empty where that depends on what runs here (`advice`).
REASONS: dict[Cause, tuple[str, str]] = {
    Cause.CONNECTION_REFUSED: ("{absent} Nothing listens at its address.", ""),
    Cause.NAME_NOT_RESOLVED: ("{absent} The name of its host is not known.", ""),
    Cause.NO_ANSWER: ("{absent}", ""),
    Cause.LOADING: ("{absent} It is starting and loads its data.", "Wait until it has loaded them."),
    Cause.BUSY: (
        "{absent} It has no room for another connection, or is busy with a script.",
        "Raise `maxclients`, or see with `CLIENT LIST` what holds its connections.",
    ),
    Cause.NO_PRIMARY: (
        "{absent} Its replica set has no primary at the moment.",
        "Wait for the election, or check the members of the replica set.",
    ),
    Cause.LOGIN_REQUIRED: ("{name} requires a login.", "Add the user and the password to `{setting}`."),
    Cause.LOGIN_REFUSED: (
        "{name} refuses the user or the password.",
        "Correct them in `{setting}`; special characters in them must be percent-encoded.",
    ),
    Cause.COMMAND_FORBIDDEN: (
        "{name} forbids its user a command that the queue needs.",
        "Grant the user of `{setting}` the commands: "
        "`ACL SETUSER name +@read +@write +@scripting +@transaction +@connection +info`.",
    ),
    Cause.KEY_FORBIDDEN: (
        "{name} forbids its user the keys of the queue.",
        "Grant the user of `{setting}` the keys: `ACL SETUSER name ~rq:* ~dtq:*`.",
    ),
    Cause.FORBIDDEN: (
        "{name} does not let its user read or write the database.",
        "Grant the user of `{setting}` the role `readWrite` on the database that it names.",
    ),
    Cause.INDEX_FORBIDDEN: (
        "{name} does not let its user create an index.",
        "Grant the user of `{setting}` the role `readWrite`, which includes `createIndex`.",
    ),
    Cause.TLS_EXPECTED: (
        "{name} expects TLS, and the connection is made without.",
        "Set `{setting}` to an address with TLS: {with_tls}.",
    ),
    Cause.TLS_NOT_SPOKEN: (
        "{name} speaks no TLS at its address, and the connection asks for it.",
        "Correct the port in `{setting}`, or set an address without TLS.",
    ),
    Cause.TLS_CERTIFICATE: (
        "The TLS connection to {store} fails over a certificate.",
        "Name the authority that issued the server's certificate in `{setting}`, and a client certificate "
        "where the server asks for one: {certificates}.",
    ),
    Cause.CLUSTER: (
        "{name} is a cluster, and the queue needs all of its keys on one server.",
        "Set `{setting}` to a Redis or Valkey that is not in cluster mode.",
    ),
    Cause.READ_ONLY: (
        "{name} is a read-only replica.",
        "Set `{setting}` to the address of the primary.",
    ),
    Cause.OUT_OF_MEMORY: (
        "{name} has reached its memory limit and refuses to write.",
        "Raise `maxmemory`, or see what else fills it; the queue needs the policy `noeviction`.",
    ),
    Cause.OUT_OF_SPACE: ("{name} has no room on its disk.", "Free some, or raise the quota of its hosting."),
    Cause.CANNOT_SAVE: (
        "{name} cannot save its data to disk and refuses to write.",
        "Read its log: most often the disk is full or the folder may not be written.",
    ),
    Cause.TOO_FEW_REPLICAS: (
        "{name} has fewer replicas than a write must reach.",
        "Start the others, or lower what {store} is configured to require.",
    ),
    Cause.PROTECTED_MODE: (
        "{name} is in protected mode and refuses other machines.",
        "Give it a password and add that to `{setting}`.",
    ),
    Cause.DATABASE_NUMBER: (
        "{name} has no database of that number.",
        "Correct the number at the end of `{setting}`; 0 is always there.",
    ),
    Cause.UNKNOWN_COMMAND: (
        "{name} lacks a command that this program needs.",
        "Set `{setting}` to a server that is recent and complete: no sentinel, and no renamed commands.",
    ),
    Cause.WRONG_PROTOCOL: (
        "Something else than {store} answers at its address.",
        "Correct host and port in `{setting}`.",
    ),
    Cause.NOT_PRIMARY: (
        "{name} cannot be written at this server: it is not the primary.",
        "Set `{setting}` to all members with `replicaSet=`, without `directConnection=true`.",
    ),
    Cause.REPLICA_SET_NAME: (
        "{name} is not the replica set that is asked for.",
        "Correct `replicaSet=` in `{setting}`, or leave it out.",
    ),
    Cause.TOO_OLD: (
        "{name} is too old a version.",
        "Use one that its driver supports: MongoDB 4.2 or newer.",
    ),
    Cause.OTHER_FORMAT: (
        "{name} holds data of another version of this program.",
        "Run `flask migrate`, or install the version that wrote it; the log of this program says which.",
    ),
    Cause.OTHER: ("{name} answers with an error.", "Read the log of this program, which has what it said."),
}
WITH_TLS = {"MONGODB_URI": "add `tls=true`", "REDIS_URL": "`rediss://` instead of `redis://`"}
CERTIFICATES = {
    "MONGODB_URI": "`tlsCAFile=` and `tlsCertificateKeyFile=`",
    "REDIS_URL": "`ssl_ca_certs=`, `ssl_certfile=` and `ssl_keyfile=`",
}


def reason(setting: str, cause: Cause | None) -> str:
    """Return why the store that ``setting`` names cannot be used."""
    words = _words(setting)
    return REASONS[cause or Cause.NO_ANSWER][0].format(absent=f"{words['name']} does not answer.", **words)


def unusable(setting: str, cause: Cause | None) -> str:
    """Return why a page or a command has nothing to show, and what is to be waited for."""
    if cause is not None and cause.refusal:
        return f"{reason(setting, cause)} Nothing can be shown or accepted until that is mended."
    absent = f"{NAMES[setting]} did not answer in time."
    why = REASONS[cause or Cause.NO_ANSWER][0].format(absent=absent, **_words(setting))
    return f"{why} Please try again in a moment."


def explained(setting: str, cause: Cause | None) -> str:
    """Return why a store cannot be used and what to do, for a log: where nobody knows what runs beside."""
    remedy = REASONS[cause or Cause.NO_ANSWER][1] or CHECK
    return f"{reason(setting, cause)} {remedy.format(**_words(setting))}".replace("`", "")


def _words(setting: str) -> dict[str, str]:
    return {
        "store": TITLES[setting],
        "name": NAMES[setting],
        "setting": setting,
        "folder": FOLDER,
        "with_tls": WITH_TLS[setting],
        "certificates": CERTIFICATES[setting],
    }


def advice(
    setting: str,
    settings: Settings,
    sources: Mapping[str, str],
    root: Path = ROOT,
    cause: Cause | None = None,
) -> str:
    """Return what to do about the store that ``setting`` names, MONGODB_URI or REDIS_URL.

    ``sources`` is of the environment that the settings come from.
    """
    words = _words(setting)
    if cause is not None and (remedy := REASONS[cause][1]):
        return remedy.format(**words)
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
