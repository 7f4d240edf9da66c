"""The settings: one table with name, default, parser and a line of help for each.

What lives here: the table (the fields of :class:`Settings`), :func:`load`, which reads it from
an environment, and :func:`describe`, which prints it. The parsers are in ``setting_values.py``. Nothing here reads ``os.environ`` by itself,
and importing this module does nothing else.

By hand because pydantic-settings would make each program start 70 to 240 ms later, and every sentence about a
problem, which must name the setting and hide its value, would still be written here.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import IntEnum
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from setting_values import (
    Expected,
    PerRole,
    Rate,
    address,
    group_roles,
    hosts,
    mail_domains,
    names,
    networks,
    number,
    one_of,
    optional_address,
    optional_header,
    optional_text,
    optional_url,
    optional_words,
    per_role,
    ports,
    prefix,
    rate,
    roles,
    task_modules,
    text,
    url,
)  # fmt: skip

VERSION = "0.1.0"
HIDDEN = "(hidden)"
MAKE_ONE = (
    "use 32 or more random characters, for example from "
    "`python -c 'import secrets; print(secrets.token_urlsafe(48))'`; ENVIRONMENT=local does without."
)
NO_SECRET_KEY = f"SECRET_KEY: {MAKE_ONE}"
NO_SECRETS_KEY = (
    f"SECRETS_KEY: {MAKE_ONE} Where SECRET_KEY has encrypted secrets until now, move its value to SECRETS_KEY, "
    "and give the web server a new SECRET_KEY."
)
SAME_KEY = (
    "SECRETS_KEY: use values that SECRET_KEY and SECRET_KEY_FALLBACKS do not have, "
    "because anyone who has those can sign sessions."
)


class SettingReach(IntEnum):
    """How far a secret setting goes: to these processes and to those before them, and no further."""

    WEB = 0
    SUPERVISOR = 1
    CHILD = 2
    """The process that runs task code; what reaches it is not in its environment."""
    TASK = 3
    """Task code itself, as ``ctx.settings``."""


class SettingsError(ValueError):
    """Every problem found in the settings, one sentence each, in ``problems``."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("The settings are not usable:\n" + "\n".join(f"  - {line}" for line in problems))


def setting(
    name: str, default: str, parse: Callable[[str], Any], help: str,
    *, secret: bool = False, reach: SettingReach = SettingReach.WEB,
) -> Any:  # fmt: skip
    """Return one row of the table, written as the field of a dataclass; ``reach`` is of a secret one."""
    return field(
        repr=not secret,
        metadata={
            "name": name,
            "default": default,
            "parse": parse,
            "help": help,
            "secret": secret,
            "reach": reach if secret else SettingReach.TASK,
        },
    )


@dataclass(frozen=True)
class Settings:
    """What the program is told from outside. Durations carry their unit in the name."""

    mongodb_uri: str = setting(
        "MONGODB_URI", "mongodb://127.0.0.1:27017/taskqueue", url("mongodb", "mongodb+srv"),
        "MongoDB with the name of the database; a replica set in production.",
        secret=True, reach=SettingReach.CHILD)
    mongodb_timeout_ms: int = setting(
        "MONGODB_TIMEOUT_MS", "2000", number(100, 60_000), "How long a page waits for MongoDB.")
    redis_url: str = setting(
        "REDIS_URL", "redis://127.0.0.1:6379/0", url("redis", "rediss", "unix"), "Redis or Valkey.",
        secret=True, reach=SettingReach.CHILD)
    redis_timeout_ms: int = setting(
        "REDIS_TIMEOUT_MS", "500", number(50, 60_000), "How long a page waits for Redis.")
    secret_key: str = setting(
        "SECRET_KEY", "", optional_text,
        "Signs sessions and forms: 32 or more random characters. For the web server only, which requires it unless ENVIRONMENT is local.", secret=True)
    secret_key_fallbacks: tuple[str, ...] = setting(
        "SECRET_KEY_FALLBACKS", "", optional_words,
        "Former values of SECRET_KEY, separated by spaces or commas: what was signed with them is still valid.", secret=True)
    secrets_key: str = setting(
        "SECRETS_KEY", "", optional_text,
        "Encrypts secret parameters: 32 or more random characters, the same for web and workers. Required unless ENVIRONMENT is local.",
        secret=True, reach=SettingReach.SUPERVISOR)
    secrets_key_fallbacks: tuple[str, ...] = setting(
        "SECRETS_KEY_FALLBACKS", "", optional_words,
        "Former values of SECRETS_KEY, separated by spaces or commas: what was encrypted with them can still be read.",
        secret=True, reach=SettingReach.SUPERVISOR)
    environment: str = setting(
        "ENVIRONMENT", "production", text,
        "Shown as a badge on every page; `local` relaxes security requirements for development on one machine.")
    session_idle_h: float = setting(
        "SESSION_IDLE_H", "12", number(0.01, 8_760, float), "A session ends after so many hours without a request.")
    session_max_h: float = setting(
        "SESSION_MAX_H", "168", number(0.01, 8_760, float), "A session ends after so many hours in any case.")
    sign_in_rate: Rate = setting(
        "SIGN_IN_RATE", "10/15m", rate, "Password tries per account and address, or per account and known browser.")
    sign_in_rate_address: Rate = setting(
        "SIGN_IN_RATE_ADDRESS", "100/h", rate, "Password tries per address, for all accounts, from unknown browsers; also wrong tokens per address.")
    sign_in_rate_account: Rate = setting(
        "SIGN_IN_RATE_ACCOUNT", "50/h", rate, "Password tries per account, from all addresses, from unknown browsers.")
    second_factor_roles: tuple[str, ...] = setting(
        "SECOND_FACTOR_ROLES", "", roles,
        "Roles whose users must all have a second factor (an app or a passkey), such as operator,administrator; empty: none.")
    identity_providers: str = setting(
        "IDENTITY_PROVIDERS", "", optional_text,
        "TOML file of the identity providers (OpenID Connect) that people may sign in with; empty: none.")
    proxy_user_header: str = setting(
        "PROXY_USER_HEADER", "", optional_header,
        "Header by which a reverse proxy says who is signed in, such as X-Forwarded-User; empty: none.")
    proxy_groups_header: str = setting(
        "PROXY_GROUPS_HEADER", "", optional_header,
        "Header by which it says their groups, separated by commas; empty: none.")
    proxy_addresses: tuple[IPv4Network | IPv6Network, ...] = setting(
        "PROXY_ADDRESSES", "", networks,
        "Addresses or networks of that proxy, separated by commas. Required where PROXY_USER_HEADER is set.")
    proxy_roles: tuple[tuple[str, str], ...] = setting(
        "PROXY_ROLES", "", group_roles,
        "Roles of the groups that it names, such as admins=administrator,*=viewer; `*` is everybody. Required where PROXY_USER_HEADER is set.")
    metrics_addresses: tuple[IPv4Network | IPv6Network, ...] = setting(
        "METRICS_ADDRESSES", "", networks,
        "Addresses or networks, separated by commas, that may read /metrics without a token, directly and not through a proxy.")
    max_waiting_tasks: PerRole = setting(
        "MAX_WAITING_TASKS", "submitter=10000", per_role,
        "Queued and scheduled tasks per person, by role; a role that is not named has no limit, `none` limits nobody.")
    submits_per_minute: PerRole = setting(
        "SUBMITS_PER_MINUTE", "submitter=120 operator=600", per_role,
        "Tasks that a person may create per minute, by role, with all their tokens together; a batch counts as one.")
    uploads_per_hour: PerRole = setting(
        "UPLOADS_PER_HOUR", "submitter=1000", per_role, "Files that a person may upload per hour, by role.")
    upload_mb_per_day: PerRole = setting(
        "UPLOAD_MB_PER_DAY", "submitter=10240", per_role, "Megabytes that a person may upload per day, by role.")
    task_visibility: str = setting(
        "TASK_VISIBILITY", "team", one_of("team", "own"),
        "Whose tasks viewers and submitters see: `team` is everybody's except private ones, `own` is their own.")
    task_modules: tuple[str, ...] = setting(
        "TASK_MODULES", "dtq_library", task_modules, "Python modules of task types that a worker loads.")
    web_bind: str = setting("WEB_BIND", "127.0.0.1:8000", address, "Where the web server listens.")
    web_hosts: tuple[str, ...] = setting(
        "WEB_HOSTS", "", names,
        "Names, besides localhost, by which browsers reach the web server, separated by commas; `*` is any.")
    web_proxies: int = setting(
        "WEB_PROXIES", "0", number(0, 10),
        "Number of trusted reverse proxies (hops of X-Forwarded-For, -Proto, -Host and -Prefix).")
    web_prefix: str = setting(
        "WEB_PREFIX", "", prefix,
        "Path below which the pages are published, such as /queue; X-Forwarded-Prefix of a trusted proxy comes first.")
    web_threads: int = setting("WEB_THREADS", "8", number(1, 128), "Requests that a web process answers at once.")
    worker_processes: int = setting(
        "WORKER_PROCESSES", "2", number(1, 256), "Worker processes that `python -m workers` starts.")
    worker_state_dir: str = setting(
        "WORKER_STATE_DIR", ".dtq/state", text,
        "Directory where workers buffer results while MongoDB is unavailable; must persist across restarts.")
    worker_recycle_tasks: int = setting(
        "WORKER_RECYCLE_TASKS", "10000", number(1, 10_000_000),
        "A worker's child process is replaced by a fresh one after so many tasks.")
    worker_recycle_mb: int = setting(
        "WORKER_RECYCLE_MB", "1024", number(0, 1_048_576),
        "A child process that holds more megabytes after a task is replaced by a fresh one; 0 never.")
    import_timeout_s: int = setting("IMPORT_TIMEOUT_S", "60", number(1, 3600), "Seconds that one import of TASK_MODULES may take.")
    task_memory_mb: int = setting(
        "TASK_MEMORY_MB", "4096", number(0, 1_048_576),
        "Megabytes of memory that an attempt may use, where its type says nothing; 0 is no limit.")
    max_worker_losses: int = setting(
        "MAX_WORKER_LOSSES", "10", number(1, 1000),
        "A task whose worker was lost so many times fails; other losses do not count as attempts.")
    stop_grace_s: int = setting(
        "STOP_GRACE_S", "25", number(0, 3600),
        "How long a stopping worker lets its task go on before the task is released.")
    retention_days: float = setting(
        "RETENTION_DAYS", "30", number(0.001, 36_500, float), "Ended tasks are deleted after so many days.")
    audit_retention_days: int = setting(
        "AUDIT_RETENTION_DAYS", "365", number(1, 36_500), "Audit entries are deleted after so many days.")
    upload_max_mb: int = setting("UPLOAD_MAX_MB", "256", number(1, 10_240), "The largest file a form takes; 1024 is 1 GB.")
    result_max_kb: int = setting(
        "RESULT_MAX_KB", "256", number(1, 8_192), "A larger result is stored as a file instead of inside the task.")
    public_url: str = setting(
        "PUBLIC_URL", "", optional_url("http", "https"),
        "Where people open the pages, such as https://tasks.example.org: for links in notifications.")
    http_allow: tuple[str, ...] = setting(
        "HTTP_ALLOW", "", hosts,
        "Hosts, or host:port, that HTTP requests may reach although they are inside; any other one must be public.")
    http_ports: tuple[int, ...] = setting("HTTP_PORTS", "80,443", ports, "Ports that HTTP requests may go to.")
    http_max_mb: int = setting("HTTP_MAX_MB", "64", number(1, 10_240), "The largest answer an HTTP request takes.")
    smtp_host: str = setting(
        "SMTP_HOST", "", optional_text, "The mail server. While it is empty, there is no task type for e-mail.")
    smtp_port: int = setting("SMTP_PORT", "587", number(1, 65_535), "The mail server's port.")
    smtp_user: str = setting("SMTP_USER", "", optional_text, "Whom to log in as at the mail server; empty: nobody.")
    smtp_password: str = setting("SMTP_PASSWORD", "", str, "The password for it. Task types can read it.",
        secret=True, reach=SettingReach.TASK)
    smtp_security: str = setting(
        "SMTP_SECURITY", "starttls", one_of("starttls", "tls", "none"),
        "How the connection is secured; `none` only without SMTP_USER.")
    smtp_from: str = setting(
        "SMTP_FROM", "", optional_address, "The sender's address. Required where SMTP_HOST is set.")
    notification_domains: tuple[str, ...] = setting(
        "NOTIFICATION_DOMAINS", "", mail_domains,
        "Domains of the e-mail addresses that may get notifications, separated by commas; `*` is any, empty that of SMTP_FROM.")
    traces: str = setting(
        "TRACES", "off", one_of("on", "off"),
        "Whether traces are sent by OpenTelemetry, as its own variables (OTEL_...) say; needs requirements-traces.txt.")
    otel_exporter_otlp_headers: str = setting(
        "OTEL_EXPORTER_OTLP_HEADERS", "", str, "Headers for the collector of traces, such as authorization=Bearer%20TOKEN, separated by commas.",
        secret=True, reach=SettingReach.CHILD)
    otel_exporter_otlp_traces_headers: str = setting(
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "", str, "The same, for traces alone; comes before OTEL_EXPORTER_OTLP_HEADERS.",
        secret=True, reach=SettingReach.CHILD)
    log_level: str = setting(
        "LOG_LEVEL", "info", one_of("debug", "info", "warning", "error"), "The least severe line that is logged.")
    log_format: str = setting("LOG_FORMAT", "text", one_of("text", "json"), "How log lines are written.")
    access_log: str = setting(
        "ACCESS_LOG", "on", one_of("on", "off"), "Whether the web server logs a line per request.")

    @property
    def local(self) -> bool:
        """True on one person's own machine, where plain http on loopback is all there is."""
        return self.environment == "local"

    def reaching(self, reach: SettingReach) -> Settings:
        """Return a copy in which every secret setting that does not go that far is empty."""
        kept_back = [row for row in fields(self) if row.metadata["reach"] < reach]
        return dataclasses.replace(self, **{row.name: type(getattr(self, row.name))() for row in kept_back})

    def secrets_for(self, reach: SettingReach) -> dict[str, str]:
        """Return the secret settings that go that far as variables, for another process to load."""
        rows = [row for row in fields(self) if row.metadata["secret"] and row.metadata["reach"] >= reach]
        return {row.metadata["name"]: _written(getattr(self, row.name)) for row in rows}


def _written(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else " ".join(value)


SECRET_NAMES = tuple(row.metadata["name"] for row in fields(Settings) if row.metadata["secret"])


@dataclass(frozen=True)
class Row:
    """A row of the table as it stands: for `flask settings`, the README and their tests."""

    name: str
    value: str
    source: str
    help: str


def _key_problems(settings: dict[str, Any], reach: SettingReach) -> list[str]:
    if settings.get("environment") == "local" or reach > SettingReach.SUPERVISOR:
        return []
    signing, sealing = settings["secret_key"], settings["secrets_key"]
    problems = [NO_SECRET_KEY] if reach is SettingReach.WEB and not _is_strong(signing) else []
    if not _is_strong(sealing):
        problems.append(NO_SECRETS_KEY)
    elif {signing, *settings["secret_key_fallbacks"]} & {sealing, *settings["secrets_key_fallbacks"]}:
        problems.append(SAME_KEY)
    return problems


def _is_strong(key: str) -> bool:
    return len(key) >= 32 and len(set(key)) >= 10


def _mail_problems(settings: dict[str, Any]) -> list[str]:
    """What the rows about mail say only together."""
    problems = []
    if settings.get("smtp_host") and settings.get("smtp_from") == "":
        problems.append("SMTP_FROM: use an e-mail address, because SMTP_HOST is set.")
    if settings.get("smtp_user") and settings.get("smtp_security") == "none":
        problems.append("SMTP_SECURITY: use starttls or tls, because SMTP_USER is set: no password in the clear.")
    return problems


def _proxy_problems(settings: dict[str, Any]) -> list[str]:
    """What the rows about a proxy that signs in say only together."""
    user, groups = settings.get("proxy_user_header"), settings.get("proxy_groups_header")
    if not user:
        return []
    problems = []
    if settings.get("proxy_addresses") == ():
        problems.append("PROXY_ADDRESSES: use the address of the proxy, because PROXY_USER_HEADER is set.")
    roles = settings.get("proxy_roles")
    if roles == ():
        problems.append("PROXY_ROLES: use words such as *=viewer, because PROXY_USER_HEADER is set.")
    if roles and not groups and any(group != "*" for group, _ in roles):
        problems.append("PROXY_GROUPS_HEADER: use the name of a header, because PROXY_ROLES names groups.")
    if groups and groups.lower() == user.lower():
        problems.append("PROXY_GROUPS_HEADER: use another header than that of PROXY_USER_HEADER.")
    return problems


def secret_files() -> dict[str, str]:
    """Return the variables that name a file with a secret setting, such as SECRET_KEY_FILE, and its setting."""
    names = [row.metadata["name"] for row in fields(Settings) if row.metadata["secret"]]
    return {f"{name}_FILE": name for name in names}


def _misspelt(env: Mapping[str, str]) -> list[str]:
    """Names that are not settings but nearly are, where the setting itself is not given."""
    known = [*(row.metadata["name"] for row in fields(Settings)), *secret_files()]
    problems = []
    for name in sorted(set(env) - set(known)):
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.85)
        if near and near[0] not in env:
            problems.append(f"{name}: there is no such setting. Did you mean {near[0]}?")
    return problems


def load(env: Mapping[str, str], reach: SettingReach = SettingReach.WEB) -> Settings:
    """Read the settings from an environment; an empty value counts as not given.

    A secret setting that does not go as far as ``reach`` is neither read nor required, and empty.
    Raises :class:`SettingsError` with every problem at once; no message repeats a value.
    """
    values: dict[str, Any] = {}
    problems = _misspelt(env)
    for row in fields(Settings):
        about = row.metadata
        given = env.get(about["name"]) if about["reach"] >= reach else None
        try:
            values[row.name] = about["parse"](given or about["default"])
        except Expected as expected:
            problems.append(f"{about['name']}: use {expected}.")
    problems += _key_problems(values, reach) + _mail_problems(values) + _proxy_problems(values)
    if problems:
        raise SettingsError(problems)
    return Settings(**values).reaching(reach)


def in_force(settings: Settings, sources: Mapping[str, str]) -> list[Row]:
    """Return the table as a process holds it; secrets are hidden. ``sources`` are those that are known."""
    rows = []
    for row in fields(Settings):
        about, value = row.metadata, getattr(settings, row.name)
        default = value == about["parse"](about["default"])
        shown = HIDDEN if about["secret"] and value else _shown(value)
        source = sources.get(about["name"]) or ("default" if default else "environment")
        rows.append(Row(about["name"], shown, source, about["help"]))
    return rows


def _shown(value: Any) -> str:
    if not isinstance(value, tuple):
        return f"{value:g}" if isinstance(value, float) else str(value)
    return " ".join("=".join(map(str, part)) if isinstance(part, tuple) else str(part) for part in value)


def describe(env: Mapping[str, str], sources: Mapping[str, str] = {}) -> list[Row]:
    """Return the table with the values in force and where they come from; secrets are hidden."""
    rows = []
    for row in dataclasses.fields(Settings):
        about = row.metadata
        given = env.get(about["name"])
        value = given or about["default"]
        shown = HIDDEN if about["secret"] and value else value
        source = sources.get(about["name"], "environment") if given else "default"
        rows.append(Row(about["name"], shown, source, about["help"]))
    return rows
