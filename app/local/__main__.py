"""``python -m app.local up``: the whole program on this machine, until Ctrl-C.

``servers`` starts the two stores only and prints their addresses for a shell. Both keep their data in
`.dtq/` (or ``--folder``), and read a file `.env` beside that folder; the environment comes first.

Exit code: 0 when stopped, or when it is already running (then it says where); 1 for anything that
kept it from starting.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click

from app.core.posix import instead_of
from app.local.adoption import adopt
from app.local.children import ChildError, LocalProcess, claim, free_port, is_free
from app.local.folder import AlreadyRunningError, exports, locked
from app.local.kinds import MONGO, REDIS, ServerKind
from app.local.readiness import (
    WorkerProbe,
    answers,
    first_link,
    migrate,
    require_stores,
    tasks_from_before,
)
from app.local.servers import LocalStores, choose, plan
from app.local.supervisor import Supervisor, say
from config import Settings, SettingsError, load
from environment import conceal, is_loopback, keys_of, read_env_file, secrets_in_files, write_private

ROOT = Path(__file__).resolve().parents[2]
MONGO_PORT, REDIS_PORT = 27017, 6379

Programs = Callable[[Settings, Mapping[str, str], Path], list[LocalProcess]]


def web_and_workers(settings: Settings, env: Mapping[str, str], folder: Path) -> list[LocalProcess]:
    """What runs on top of the stores."""
    host, port = settings.web_bind.rsplit(":", 1)
    workers = WorkerProbe(settings)
    return [
        LocalProcess(
            "web",
            [sys.executable, "-m", "gunicorn", "wsgi:app"],
            env=env,
            cwd=ROOT,
            log=folder / "log" / "web.log",
            ready=lambda: answers(host, int(port)),
        ),
        LocalProcess(
            "workers",
            [sys.executable, "-m", "workers", *(["--reload"] if settings.local else [])],
            env=env,
            cwd=ROOT,
            log=folder / "log" / "workers.log",
            grace_s=settings.stop_grace_s + 10,
            ready=workers.ready,
            why=workers.why,
            ready_within_s=settings.import_timeout_s + 30,
            required=False,
        ),
    ]


def up(folder: Path, given: Mapping[str, str], programs: Programs = web_and_workers) -> None:
    """Start everything and stay until a signal comes. Raises what :func:`_told` turns into a message."""
    with locked(folder) as lock, Supervisor(folder / "children.json") as supervisor:
        env = local_environment(folder, given)
        env["WEB_BIND"] = web_bind(load(env), given)
        stores = plan_stores(folder, given)
        env |= stores.addresses
        settings = load(env)
        write_env(folder, env)
        say(stores.description)
        start_stores(supervisor, stores)
        if not supervisor.stopping:
            require_stores(settings)
            migrate(settings, say)
            if found := tasks_from_before(settings):
                say(found)
        if not supervisor.stopping:
            supervisor.start(programs(settings, env, folder))
        if not supervisor.stopping:
            address = f"http://{settings.web_bind}{settings.web_prefix}"
            lock.tell(pid=os.getpid(), address=address)
            say(f"Data     {folder} (kept between starts), logs in {folder / 'log'}\n")
            say(sign_in_lines(settings, address))
            say("Ctrl-C stops everything.")
            supervisor.watch()


def sign_in_lines(settings: Settings, address: str) -> str:
    """Return where to open the pages: by a link that signs the person of this machine in."""
    if not settings.local:
        return f"  Open {address}\n\n  While there are no users, log/web.log has a link for the first one.\n"
    path = first_link(settings)
    return f"  Open {address}{path}\n\n  This link signs you in, once. A fresh one: flask users link\n"


def servers(folder: Path, given: Mapping[str, str], mongo: str, redis: str) -> None:
    """Start the two stores only."""
    with locked(folder) as lock, Supervisor(folder / "children.json") as supervisor:
        stores = plan_stores(folder, given, mongo, redis)
        write_env(folder, local_environment(folder, given) | stores.addresses)
        start_stores(supervisor, stores)
        if not supervisor.stopping:
            lock.tell(pid=os.getpid(), address=" ".join(stores.addresses.values()))
            say("\n".join(f"# {line}" for line in stores.description.splitlines()))
            say(exports(stores.addresses))
            supervisor.watch()


def start_stores(supervisor: Supervisor, stores: LocalStores) -> None:
    """Start ours, wait until they answer, and give MongoDB the indexes that only a stand-in needs."""
    supervisor.start(stores.servers)
    if not supervisor.stopping and stores.prepare():
        stores.checkpoint()
        supervisor.record()


def local_environment(folder: Path, given: Mapping[str, str]) -> dict[str, str]:
    """What is given, and what one person's machine makes up for."""
    keys = keys_of(folder, given)
    if keys.note:
        say(keys.note)
    ours = {**keys.values, "WORKER_STATE_DIR": str(folder / "state")}
    # We have read `.env`, and perhaps another one than the programs that we start would.
    return {"ENVIRONMENT": "local", **ours, **given, "FLASK_SKIP_DOTENV": "1"}


def write_env(folder: Path, env: Mapping[str, str]) -> None:
    """For commands in another terminal: `. .dtq/env`."""
    names = ("MONGODB_URI", "REDIS_URL", "SECRET_KEY", "SECRETS_KEY", "SECRETS_KEY_FALLBACKS", "ENVIRONMENT",
             "WEB_BIND", "TASK_MODULES", "WORKER_STATE_DIR")  # fmt: skip
    write_private(folder / "env", exports({name: env[name] for name in names if name in env}))


def plan_stores(
    folder: Path, given: Mapping[str, str], mongo: str = "auto", redis: str = "auto"
) -> LocalStores:
    """The stores at the usual ports where these are free; a word about it where they are not."""
    if not given.get("MONGODB_URI"):
        mongo = take_over(choose(MONGO, mongo, folder), folder)
    stores = plan(
        folder,
        mongo=mongo,
        redis=redis,
        mongodb_uri=given.get("MONGODB_URI"),
        redis_url=given.get("REDIS_URL"),
        ports=(MONGO_PORT, REDIS_PORT),
    )
    for server, usual in ((stores.mongo, MONGO_PORT), (stores.redis, REDIS_PORT)):
        if server and server.port != usual:
            say(f"Port {usual} is taken; {server.name} takes {server.port}.")
    return stores


def take_over(kind: ServerKind, folder: Path) -> str:
    """Let a server take over the data of the one that it replaces; return the name of the kind to start."""
    try:
        if line := adopt(kind, folder):
            say(line)
    except ChildError as problem:
        say(f"{problem}\nThe earlier server is used with its own data instead.")
        return kind.adopts
    return kind.name


def web_bind(settings: Settings, given: Mapping[str, str]) -> str:
    """Where the web server listens: as told, else the usual port or a free one. Raises ChildError."""
    host, port = settings.web_bind.rsplit(":", 1)
    if settings.local and not is_loopback(host):
        raise ChildError("WEB_BIND: with ENVIRONMENT=local only loopback is bound, such as 127.0.0.1:8000.")
    if is_free(host, int(port)) and claim(int(port)):
        return settings.web_bind
    if given.get("WEB_BIND"):
        raise ChildError(f"WEB_BIND: {settings.web_bind} cannot be bound; another program may use it.")
    other = free_port(0)
    say(f"Port {port} is taken; the web server takes {other}.")
    return f"{host}:{other}"


@click.group()
def cli() -> None:
    """Run the whole program on this machine, until Ctrl-C.

    Data and logs are kept in `.dtq/` (or --folder). A file `.env` beside that folder is read; the environment
    comes first.
    """


folder_option = click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=ROOT / ".dtq",
    help="Where data and logs are kept.",
)


@cli.command("up")
@folder_option
def up_command(folder: Path) -> None:
    """Start the stores, the web server and workers."""
    with _told("up", folder) as given:
        up(folder.absolute(), given)


@cli.command("servers")
@folder_option
@click.option("--mongo", default="auto", type=click.Choice(["auto", *(kind.name for kind in MONGO)]))
@click.option("--redis", default="auto", type=click.Choice(["auto", *(kind.name for kind in REDIS)]))
def servers_command(folder: Path, mongo: str, redis: str) -> None:
    """Start the stores only, and print their addresses for a shell."""
    with _told("servers", folder) as given:
        servers(folder.absolute(), given, mongo, redis)


@contextlib.contextmanager
def _told(command: str, folder: Path) -> Iterator[dict[str, str]]:
    """Give what is set; turn what keeps a program from starting into a message and exit code 1."""
    if sentence := instead_of(f"python -m app.local {command}"):
        print(sentence, file=sys.stderr)
        sys.exit(1)
    try:
        found = {**read_env_file(folder.absolute().parent / ".env"), **os.environ}
        found |= secrets_in_files(found)[0]
        conceal(os.environ)  # Tasks run as the same user; what we start is given what it needs.
        yield {name: value for name, value in found.items() if value}  # Empty counts as not given.
    except AlreadyRunningError as running:
        say(str(running))
    except (ChildError, SettingsError, ValueError) as problem:
        print(problem, file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    cli.main(prog_name="python -m app.local")
