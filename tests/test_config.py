"""The settings table: what is read, what is refused and how, and the documents that repeat it."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import fields
from pathlib import Path

import pytest

from app.core.people.roles import Role
from config import HIDDEN, VERSION, SettingReach, Settings, SettingsError, describe, load, setting
from setting_values import ROLES

ROOT = Path(__file__).resolve().parent.parent
STRONG = "Zk3-9vXq_71hTsw0LrCePbYu5nDgJa2mQ8oF"
OTHER = STRONG.swapcase()
KEYS = {"SECRET_KEY": STRONG, "SECRETS_KEY": OTHER}
NAMES = [row.metadata["name"] for row in fields(Settings)]
DEFAULTS = {row.metadata["name"]: row.metadata["default"] for row in fields(Settings)}


def problems(env: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as raised:
        load(env)
    return raised.value.problems


def test_two_strong_keys_are_all_that_production_needs() -> None:
    settings = load(KEYS)
    assert settings.web_bind == "127.0.0.1:8000"
    assert settings.task_modules == ("dtq_library",)
    assert not settings.local


def test_files_go_up_to_a_gigabyte_and_more_by_setting() -> None:
    assert load(KEYS).upload_max_mb == 256
    assert [load({**KEYS, "UPLOAD_MAX_MB": mb}).upload_max_mb for mb in ("1024", "10240")] == [
        1024,
        10240,
    ]
    for wrong in ("0", "10241", "1GB", "1_0", "١"):
        bounds = "UPLOAD_MAX_MB: use a whole number from 1 to 10,240."
        assert problems({**KEYS, "UPLOAD_MAX_MB": wrong}) == [bounds]


def test_every_problem_is_reported_at_once() -> None:
    found = problems(
        {
            "MONGODB_URI": "localhost",
            "WEB_BIND": "8000",
            "WORKER_PROCESSES": "many",
            "RETENTION_DAYS": "-1",
            "LOG_LEVEL": "chatty",
            "SECRET_KEY": "short",
            "SECRETS_KEY": "short",
        }
    )
    for name in ("MONGODB_URI", "WEB_BIND", "WORKER_PROCESSES", "RETENTION_DAYS", "LOG_LEVEL", *KEYS):
        assert any(line.startswith(f"{name}: use ") for line in found), name
    assert len(found) == 7


def test_a_problem_says_what_was_expected() -> None:
    (found,) = problems({**KEYS, "WORKER_PROCESSES": "0"})
    assert found == "WORKER_PROCESSES: use a whole number from 1 to 256."


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MONGODB_URI", "mongodb://user:s3cretPW\u2100@host/db"),
        ("REDIS_URL", "redis://:s3cretPW[@host"),
        ("WEB_BIND", "127.0.0.1:²"),
        ("WEB_BIND", "s3cretPW:٨٠"),
        ("WEB_HOSTS", "s3cretPW.example:8000"),
    ],
)
def test_no_problem_repeats_what_was_given(name: str, value: str) -> None:
    (found,) = problems({**KEYS, name: value})
    assert re.fullmatch(rf"{name}: use (an address|a host|names)[ \w:/,.+*]*\.", found)
    assert "s3cretPW" not in found


def test_a_misspelt_name_is_met_with_the_nearest_one() -> None:
    (found,) = problems({**KEYS, "WORKER_PROCESES": "3"})
    assert found == "WORKER_PROCESES: there is no such setting. Did you mean WORKER_PROCESSES?"


def test_the_names_of_other_programs_are_left_alone() -> None:
    load({**KEYS, "PATH": "/usr/bin", "WEB_CONCURRENCY": "2", "MONGO_INITDB_DATABASE": "x"})


def test_an_empty_value_counts_as_not_given() -> None:
    assert load({**KEYS, "WEB_THREADS": ""}).web_threads == 8


@pytest.mark.parametrize("key", ["", "a" * 64, "short-but-random-8fJ2"])
def test_a_weak_key_is_refused_but_on_a_persons_own_machine(key: str) -> None:
    for name in KEYS:
        (found,) = problems({**KEYS, name: key})
        assert found.startswith(f"{name}: use 32 or more random characters")
        assert load({**KEYS, name: key, "ENVIRONMENT": "local"}).local


def test_an_installation_with_one_key_is_told_what_to_do() -> None:
    (found,) = problems({"SECRET_KEY": STRONG})
    assert found.endswith("move its value to SECRETS_KEY, and give the web server a new SECRET_KEY.")


@pytest.mark.parametrize("signing", ["SECRET_KEY", "SECRET_KEY_FALLBACKS"])
@pytest.mark.parametrize("sealing", ["SECRETS_KEY", "SECRETS_KEY_FALLBACKS"])
def test_workers_have_no_key_that_signs(signing: str, sealing: str) -> None:
    both = {signing: STRONG[::-1], sealing: STRONG[::-1]}
    (found,) = problems({**KEYS, **both})
    assert found.startswith("SECRETS_KEY: use values that SECRET_KEY")
    assert load({**KEYS, **both}, SettingReach.SUPERVISOR).secret_key_fallbacks == ()


# How far secrets go

EVERYTHING = {
    **KEYS,
    "SECRET_KEY_FALLBACKS": "before-1",
    "SECRETS_KEY_FALLBACKS": "before-2 before-3",
    "MONGODB_URI": "mongodb://db/x",
    "REDIS_URL": "redis://cache",
    "SMTP_PASSWORD": "hunter2",
    "OTEL_EXPORTER_OTLP_HEADERS": "authorization=hunter3",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "authorization=hunter4",
}
TRACES = {"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"}


def test_workers_need_the_key_of_secrets_only_and_task_code_none() -> None:
    assert load({"SECRETS_KEY": OTHER}, SettingReach.SUPERVISOR).secrets_key == OTHER
    assert load({}, SettingReach.CHILD).mongodb_uri == DEFAULTS["MONGODB_URI"]
    with pytest.raises(SettingsError, match="SECRETS_KEY: use 32"):
        load({"SECRET_KEY": STRONG}, SettingReach.SUPERVISOR)


@pytest.mark.parametrize(
    ("reach", "names"),
    [
        (SettingReach.WEB, set(EVERYTHING)),
        (SettingReach.SUPERVISOR, set(EVERYTHING) - {"SECRET_KEY", "SECRET_KEY_FALLBACKS"}),
        (SettingReach.CHILD, {"MONGODB_URI", "REDIS_URL", "SMTP_PASSWORD", *TRACES}),
        (SettingReach.TASK, {"SMTP_PASSWORD"}),
    ],
)
def test_a_secret_setting_goes_no_further_than_its_row_says(reach: SettingReach, names: set[str]) -> None:
    whole = load(EVERYTHING)
    handed = whole.secrets_for(reach)

    assert handed == {name: EVERYTHING[name] for name in EVERYTHING if name in names}
    there = whole.reaching(reach)
    assert load(EVERYTHING, reach) == load(handed, reach) == there
    hidden = [value for name, value in EVERYTHING.items() if name not in names]
    assert [
        value for value in hidden if value in str([getattr(there, row.name) for row in fields(Settings)])
    ] == []


def test_a_new_secret_setting_stays_in_the_web() -> None:
    assert setting("NEW", "", str, "Help.", secret=True).metadata["reach"] is SettingReach.WEB
    assert setting("NEW", "", str, "Help.").metadata["reach"] is SettingReach.TASK


def test_no_message_repeats_a_secret() -> None:
    secrets = {
        "SECRET_KEY": "hunter2",
        "SECRETS_KEY": "hunter2",
        "MONGODB_URI": "user:hunter2@db",
        "REDIS_URL": "x://:hunter2@cache",
    }
    said = "\n".join(problems(secrets))
    assert said.count(": use") == 4
    assert "hunter2" not in said


def test_describe_hides_secrets_and_names_sources() -> None:
    rows = {row.name: row for row in describe({**KEYS, "WEB_THREADS": "3"})}
    assert list(rows) == NAMES
    assert (rows["SECRET_KEY"].value, rows["SECRET_KEY"].source) == (HIDDEN, "environment")
    assert rows["MONGODB_URI"].value == HIDDEN
    assert (rows["WEB_THREADS"].value, rows["WEB_THREADS"].source) == ("3", "environment")
    assert (rows["WEB_BIND"].value, rows["WEB_BIND"].source) == ("127.0.0.1:8000", "default")


def test_every_default_is_a_value_its_own_parser_accepts() -> None:
    assert load({**DEFAULTS, **KEYS}) == load(KEYS)


def test_the_example_file_is_the_table() -> None:
    text = (ROOT / ".env.example").read_text()
    assert dict(re.findall(r"^# ([A-Z_]+)=(.*)$", text, re.MULTILINE)) == DEFAULTS
    for row in fields(Settings):
        assert row.metadata["help"] in text, f"{row.metadata['name']} is described in other words"


def test_the_compose_file_passes_every_setting_on() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    settings, _, stores = text.partition("\n  mongo:")
    given = re.findall(r"^ +([A-Z_]+): ", settings, re.MULTILINE)
    assert sorted(given) == sorted(NAMES)
    workers = text.partition("  workers:\n")[2].partition("\n\n")[0]
    assert "environment: *settings #" in workers and "\n      SECRET_KEY: " not in workers
    assert "SECRET_KEY" not in text.partition("x-settings: ")[2].partition("\n\n")[0].replace(
        "SECRETS_KEY", ""
    )


def test_the_reference_has_the_table() -> None:
    page = (ROOT / "docs" / "reference" / "settings.md").read_text()
    table = re.findall(r"^\| `([A-Z_]+)` \| (.*?) \|", page, re.MULTILINE)
    assert [name for name, _ in table] == NAMES
    for name, default in table:
        assert DEFAULTS[name] == default.strip("`"), name


def test_settings_do_not_show_their_secrets() -> None:
    env = {
        **KEYS,
        "SECRET_KEY_FALLBACKS": f"{STRONG[::-1]}, former-key",
        "SMTP_PASSWORD": "hunter2",
    }
    settings = load(env)

    assert settings.secret_key_fallbacks == (STRONG[::-1], "former-key")
    for secret in (STRONG, STRONG[::-1], "former-key", "hunter2"):
        assert secret not in f"{settings!r} {describe(env)}"


def test_the_version_stands_once() -> None:
    assert f"## {VERSION}" in (ROOT / "CHANGELOG.md").read_text()
    assert 'dynamic = ["version"] # dtq.__version__' in (ROOT / "pyproject.toml").read_text()
    assert f'__version__ = "{VERSION}"' in (ROOT / "dtq" / "__init__.py").read_text()
    assert [path for path in (ROOT / "workers").rglob("*.py") if f'"{VERSION}"' in path.read_text()] == []


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("workers.library", ("dtq_library",)),
        ("workers.library,reports", ("dtq_library", "reports")),
        (
            "workers.library.data workers.library.mail",
            ("dtq_library.tables.tasks", "dtq_library.email.tasks"),
        ),
        ("dtq_library,workers.library", ("dtq_library",)),
    ],
)
def test_the_names_of_task_modules_of_earlier_versions_still_mean_them(
    said: str, meant: tuple[str, ...]
) -> None:
    assert load({**KEYS, "TASK_MODULES": said}).task_modules == meant
    for name in meant:
        if name.startswith("dtq_library"):
            assert importlib.util.find_spec(name)


WRONG_ADDRESSES = [
    ("MONGODB_URI", "mongodb://u:p@ss@h/db", "percent-encoding"),
    ("MONGODB_URI", "mongodb://u:p:ss@h/db", "percent-encoding"),
    ("MONGODB_URI", "mongodb://h:99999/db", "a port from 1 to 65,535"),
    ("MONGODB_URI", "mongodb://one:27017,two:port/db", "a port from 1 to 65,535"),
    ("MONGODB_URI", "mongodb://[::1]:0/db", "a port from 1 to 65,535"),
    ("REDIS_URL", "redis://h:port/0", "a port from 1 to 65,535"),
    ("REDIS_URL", "redis://h:/0", "a port from 1 to 65,535"),
    ("REDIS_URL", "redis://h/abc", "the number of a database"),
    ("REDIS_URL", "redis://h/0/1", "the number of a database"),
]
RIGHT_ADDRESSES = [
    ("MONGODB_URI", "mongodb://u:p%40ss@one:27017,two:27018/db?replicaSet=rs0"),
    ("MONGODB_URI", "mongodb+srv://u:p@cluster.example.org/db"),
    ("MONGODB_URI", "mongodb://[::1]:27017/db"),
    ("REDIS_URL", "redis://:p@ss:word@h:6379/1"),
    ("REDIS_URL", "rediss://[::1]"),
    ("REDIS_URL", "unix:///run/redis.sock?db=2"),
]


@pytest.mark.parametrize(("name", "address", "told"), WRONG_ADDRESSES)
def test_an_address_that_no_client_could_use_is_a_problem_of_the_settings(name, address, told):
    """It would end each program in an exception of the client's own, after it has started."""
    with pytest.raises(SettingsError) as raised:
        load({"ENVIRONMENT": "local", name: address})
    assert f"{name}: use {told}" in str(raised.value)
    assert "ss@" not in str(raised.value)


@pytest.mark.parametrize(("name", "address"), RIGHT_ADDRESSES)
def test_addresses_with_several_hosts_ipv6_and_passwords_are_right(name, address):
    assert getattr(load({"ENVIRONMENT": "local", name: address}), name.lower()) == address


PROXY = {
    "SECRET_KEY": STRONG,
    "SECRETS_KEY": STRONG[::-1],
    "PROXY_USER_HEADER": "X-Forwarded-User",
    "PROXY_GROUPS_HEADER": "X-Forwarded-Groups",
    "PROXY_ADDRESSES": "10.0.0.5, 10.1.0.0/24 [2001:db8::5]",
    "PROXY_ROLES": "admins=administrator,a=b=operator *=viewer",
}


def test_a_proxy_that_signs_in() -> None:
    settings = load(PROXY)
    assert [str(network) for network in settings.proxy_addresses] == [
        "10.0.0.5/32",
        "10.1.0.0/24",
        "2001:db8::5/128",
    ]
    assert settings.proxy_roles == (("admins", "administrator"), ("a=b", "operator"), ("*", "viewer"))
    assert not load({"ENVIRONMENT": "local"}).proxy_user_header


@pytest.mark.parametrize(
    ("name", "value", "blamed"),
    [
        ("PROXY_USER_HEADER", "X_Forwarded_User", "PROXY_USER_HEADER"),
        ("PROXY_USER_HEADER", "X-User: me", "PROXY_USER_HEADER"),
        ("PROXY_USER_HEADER", "x-forwarded-groups", "PROXY_GROUPS_HEADER"),
        ("PROXY_GROUPS_HEADER", "", "PROXY_GROUPS_HEADER"),
        *(("PROXY_ADDRESSES", value, "PROXY_ADDRESSES") for value in
          ("", "*", "0.0.0.0/0", "::/0", "proxy.example", "10.0.0.1/24", "10.0.0", "10.0.0.0/33")),
        *(("PROXY_ROLES", value, "PROXY_ROLES") for value in
          ("", "admins", "admins=", "=viewer", "admins=king", "a=viewer,a=operator")),
    ],
)  # fmt: skip
def test_a_proxy_that_signs_in_is_described_as_a_whole(name: str, value: str, blamed: str) -> None:
    found = problems({**PROXY, name: value})
    assert [problem.partition(":")[0] for problem in found] == [blamed]


def test_the_roles_are_those_of_people() -> None:
    assert tuple(role.value for role in Role) == ROLES
