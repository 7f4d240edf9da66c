"""Real servers that refuse: the cause is named at start, on the page, in /readyz and in the log."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import trustme

from app import create_app
from app.core import mongo as database
from app.core.errors import Cause, DatabaseUnavailable, QueueUnavailable, Unavailable
from app.core.queue import connection
from app.core.queue.rq import Queues
from app.core.schema import indexes
from app.core.store_errors import causes
from app.core.store_errors.advice import reason
from app.core.tasks.states import Status
from app.local.kinds import WHEEL
from app.local.servers import REDIS, LocalStores, choose
from config import load
from tests.rig.fleet import Fleet
from tests.rig.forms import Sent
from tests.rig.processes import ROOT, stop, until
from tests.signing_in import signed_in
from tests.web.create.creating import publish
from tests.web.looking import text_of

pytestmark = pytest.mark.real
PASSWORD = "correct-horse"
ACL = "~rq:* ~dtq:* &dtq:* +@read +@write +@scripting +@transaction +@connection +@pubsub +info"
_ports = itertools.count(23_000 + os.getpid() % 5_000)


def free_low_port() -> int:
    """A port whose number leaves room for that of a cluster's bus, 10,000 above it."""
    for port in _ports:
        with contextlib.suppress(OSError), socket.socket() as taken:
            taken.bind(("127.0.0.1", port))
            return port
    raise AssertionError


Start = Callable[..., int]


@pytest.fixture
def start_redis(tmp_path: Path) -> Iterator[Start]:
    """Starts a Redis with options of its own; returns its port when it listens."""
    started: list[subprocess.Popen[bytes]] = []
    program = choose(REDIS, "auto", tmp_path).find() or []

    def start(*options: str, tls: bool = False) -> int:
        port = free_low_port()
        listen = ["--port", "0", "--tls-port", str(port)] if tls else ["--port", str(port)]
        folder = tmp_path / f"redis-{port}"
        folder.mkdir()
        started.append(
            subprocess.Popen(
                [*program, *listen, "--bind", "127.0.0.1", "--dir", str(folder), "--save", "", *options],
                stdout=subprocess.DEVNULL,
            )
        )
        until(lambda: listens(port))
        return port

    yield start
    for process in started:
        process.kill()
        process.wait()


def listens(port: int) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    return False


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """A folder with an authority, and with certificate and key of a server on 127.0.0.1."""
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    server.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    server.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    return tmp_path


def tls(folder: Path, clients: str = "no") -> list[str]:
    return ["--tls-cert-file", str(folder / "cert.pem"), "--tls-key-file", str(folder / "key.pem"),
            "--tls-ca-cert-file", str(folder / "ca.pem"), "--tls-auth-clients", clients]  # fmt: skip


def admin(port: int) -> redis.Redis:
    return redis.Redis(port=port, password=PASSWORD)


def grant(port: int, rights: str, name: str = "web") -> None:
    admin(port).execute_command("ACL", "SETUSER", name, "reset", "on", f">{PASSWORD}", *rights.split())


def refused(url: str) -> tuple[Cause | None, Cause | None]:
    """Why a worker cannot take, and why the queue is not all it needs."""
    queues = Queues(connection.connect(url, 700))
    found: list[Cause | None] = []
    for ask in (lambda: queues.take(0), queues.require_usable):
        try:
            ask()
            found.append(None)
        except QueueUnavailable as error:
            assert PASSWORD not in str(error)
            found.append(error.cause)
    queues.redis.close()
    return found[0], found[1]


# Redis: each cause, by what a worker does and by what is tried at start


@pytest.mark.parametrize(
    ("login", "cause"),
    [("", Cause.LOGIN_REQUIRED), (":wrong@", Cause.LOGIN_REFUSED), ("nobody:x@", Cause.LOGIN_REFUSED)],
)
def test_a_login(start_redis: Start, login: str, cause: Cause) -> None:
    assert refused(f"redis://{login}127.0.0.1:{start_redis('--requirepass', PASSWORD)}/0") == (cause, cause)


@pytest.mark.parametrize(
    ("rights", "take", "usable"),
    [
        (ACL, None, None),
        ("~* +@all -@scripting", Cause.COMMAND_FORBIDDEN, Cause.COMMAND_FORBIDDEN),
        ("~* +@all -lpop", Cause.COMMAND_FORBIDDEN, Cause.COMMAND_FORBIDDEN),
        ("~* +@all -del", None, Cause.COMMAND_FORBIDDEN),
        ("~* +@all -@write", Cause.COMMAND_FORBIDDEN, Cause.COMMAND_FORBIDDEN),
        ("~* +@all -multi", None, Cause.COMMAND_FORBIDDEN),
        ("~* +@all -xread", None, Cause.COMMAND_FORBIDDEN),
        ("~other:* +@all", Cause.KEY_FORBIDDEN, Cause.KEY_FORBIDDEN),
        ("~rq:* +@all", Cause.KEY_FORBIDDEN, Cause.KEY_FORBIDDEN),
        ("~dtq:* ~rq:queue:* +@all", None, Cause.KEY_FORBIDDEN),
    ],
)
def test_rights(start_redis: Start, rights: str, take: Cause | None, usable: Cause | None) -> None:
    """A right that is missing is named, also the one to pop, which the script would have passed over."""
    port = start_redis("--requirepass", PASSWORD)
    grant(port, rights)
    assert refused(f"redis://web:{PASSWORD}@127.0.0.1:{port}/0") == (take, usable)


def test_what_is_tried_leaves_nothing_behind(start_redis: Start) -> None:
    port = start_redis()
    assert refused(f"redis://127.0.0.1:{port}/0") == (None, None)
    assert redis.Redis(port=port).keys() == []


def test_tls(start_redis: Start, certificates: Path) -> None:
    plain, secure = start_redis(), start_redis(*tls(certificates), tls=True)
    both = start_redis(*tls(certificates, "yes"), tls=True)
    trusted = f"?ssl_ca_certs={certificates / 'ca.pem'}"
    assert refused(f"rediss://127.0.0.1:{secure}/0{trusted}") == (None, None)
    for url, cause in (
        (f"redis://127.0.0.1:{secure}/0", Cause.TLS_EXPECTED),
        (f"rediss://127.0.0.1:{plain}/0", Cause.TLS_NOT_SPOKEN),
        (f"rediss://127.0.0.1:{secure}/0", Cause.TLS_CERTIFICATE),
        (f"rediss://127.0.0.1:{both}/0{trusted}", Cause.TLS_CERTIFICATE),
    ):
        assert refused(url) == (cause, cause), url


def test_a_cluster(start_redis: Start) -> None:
    port = start_redis("--cluster-enabled", "yes")
    assert refused(f"redis://127.0.0.1:{port}/0") == (Cause.CLUSTER, Cause.CLUSTER)
    redis.Redis(port=port).execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    until(lambda: b"cluster_state:ok" in redis.Redis(port=port).execute_command("CLUSTER", "INFO") or
          "ok" in str(redis.Redis(port=port).execute_command("CLUSTER", "INFO")))  # fmt: skip
    assert refused(f"redis://127.0.0.1:{port}/0") == (Cause.CLUSTER, Cause.CLUSTER)
    assert refused(f"redis://127.0.0.1:{port}/1") == (Cause.CLUSTER, Cause.CLUSTER)


def test_a_replica(start_redis: Start) -> None:
    primary = start_redis()
    port = start_redis("--replicaof", "127.0.0.1", str(primary))
    until(lambda: redis.Redis(port=port).info("replication")["master_link_status"] == "up", 20)
    assert refused(f"redis://127.0.0.1:{port}/0") == (Cause.READ_ONLY, Cause.READ_ONLY)


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        (("--maxmemory", "1mb"), Cause.OUT_OF_MEMORY),
        (("--min-replicas-to-write", "1"), Cause.TOO_FEW_REPLICAS),
    ],
)
def test_no_room_to_write(start_redis: Start, options: tuple[str, ...], cause: Cause) -> None:
    assert refused(f"redis://127.0.0.1:{start_redis(*options)}/0")[1] is cause


def test_a_disk_that_cannot_be_written(start_redis: Start, tmp_path: Path) -> None:
    """A folder that is gone fails the snapshot, and then Redis refuses every write (MISCONF)."""
    port = start_redis("--save", "3600 1000000", "--stop-writes-on-bgsave-error", "yes")
    client = redis.Redis(port=port)
    shutil.rmtree(tmp_path / f"redis-{port}")
    client.set("x", 1)
    with contextlib.suppress(redis.RedisError):
        client.bgsave()
    until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err")
    assert refused(f"redis://127.0.0.1:{port}/0")[1] is Cause.CANNOT_SAVE


def test_other_numbers_and_no_room_for_a_client(start_redis: Start) -> None:
    assert refused(f"redis://127.0.0.1:{start_redis()}/99")[0] is Cause.DATABASE_NUMBER
    port = start_redis("--maxclients", "1")
    holder = redis.Redis(port=port)
    until(lambda: quiet(holder.ping))
    assert refused(f"redis://127.0.0.1:{port}/0")[0] is Cause.BUSY


def quiet(do: Callable[[], Any]) -> Any:
    with contextlib.suppress(redis.RedisError):
        return do()


# MongoDB: what the embedded server can refuse


@pytest.fixture
def start_mongo(tmp_path: Path) -> Iterator[Start]:
    """Starts the Rust server of the wheel with options of its own; returns its port."""
    started: list[subprocess.Popen[bytes]] = []
    program = WHEEL.find()
    if program is None:
        pytest.skip("This needs the Rust server of the SecantusDB wheel.")

    def start(*options: str) -> int:
        port = free_low_port()
        arguments = WHEEL.arguments(tmp_path / f"mongo-{port}", port)
        started.append(
            subprocess.Popen(
                [*program, *arguments, "--cache-size", "64M", *options], stdout=subprocess.DEVNULL
            )
        )
        until(lambda: listens(port))
        return port

    yield start
    for process in started:
        process.kill()
        process.wait()


def why(uri: str) -> Cause | None:
    settings = load({"ENVIRONMENT": "local", "MONGODB_URI": uri, "MONGODB_TIMEOUT_MS": "1000"})
    db = database.connect(settings)
    try:
        indexes.require_usable(db)
    except DatabaseUnavailable as error:
        if not database.answers(db):
            assert database.why_away(db) is error.cause
        return error.cause
    finally:
        db.client.close()
    return None


def test_mongodb_refuses(start_mongo: Start, certificates: Path) -> None:
    plain, locked = start_mongo(), start_mongo("--auth")
    secure = start_mongo("--tls-cert-file", str(certificates / "cert.pem"),
                         "--tls-key-file", str(certificates / "key.pem"))  # fmt: skip
    direct = "taskqueue?directConnection=true"
    for uri, cause in (
        (f"127.0.0.1:{plain}/{direct}", None),
        (f"127.0.0.1:{secure}/{direct}&tls=true&tlsCAFile={certificates / 'ca.pem'}", None),
        (f"127.0.0.1:{locked}/{direct}", Cause.LOGIN_REQUIRED),
        (f"u:{PASSWORD}@127.0.0.1:{locked}/{direct}", Cause.LOGIN_REFUSED),
        (f"127.0.0.1:{plain}/{direct}&tls=true", Cause.TLS_NOT_SPOKEN),
        (f"127.0.0.1:{secure}/{direct}", Cause.TLS_EXPECTED),
        (f"127.0.0.1:{secure}/{direct}&tls=true", Cause.TLS_CERTIFICATE),
        (f"127.0.0.1:{plain}/taskqueue?replicaSet=nope", Cause.REPLICA_SET_NAME),
        (f"127.0.0.1:{plain}/{direct}&replicaSet=nope", Cause.REPLICA_SET_NAME),
    ):
        assert why(f"mongodb://{uri}") is cause, uri


# Named at start, on the page, in /readyz, by commands, and once a minute in the log


@pytest.fixture
def crew(real_stores: LocalStores, start_redis: Start, tmp_path: Path) -> Iterator[tuple[Fleet, int]]:
    """Workers whose user may not run scripts."""
    port = start_redis("--requirepass", PASSWORD)
    grant(port, "~* +@all")
    name = f"refusals_{port}"
    uri = real_stores.mongodb_uri.replace("/taskqueue", f"/{name}")
    real_stores.prepare(name)
    made = Fleet(uri, f"redis://web:{PASSWORD}@127.0.0.1:{port}/0", tmp_path / "workers.log",
                 SECRET_KEY="tests-only")  # fmt: skip
    yield made, port
    made.close()


def test_a_right_that_is_missing_is_named_everywhere_until_it_is_granted(crew: tuple[Fleet, int]) -> None:
    workers, port = crew
    grant(port, "~* +@all -@scripting")
    sentence = reason("REDIS_URL", Cause.COMMAND_FORBIDDEN)
    app = create_app(load(workers.env))
    client = signed_in(app.test_client(), workers.services)
    process = workers.start()
    until(lambda: f"workers.attempt.child: {sentence}" in log_of(workers))

    ready = client.get("/readyz")
    assert (ready.status_code, ready.json["redis"]) == (503, "refuses")
    assert ready.json["causes"]["redis"]["code"] == "command_forbidden"
    home = client.get("/")
    assert 'data-cause="command_forbidden"' in home.text and sentence in text_of(home.text)
    assert "ACL SETUSER" in home.text and "does not answer" not in text_of(home.text)
    time.sleep(5)
    assert log_of(workers).count(sentence) <= 2  # the supervisor and its child, once each

    task = workers.submit("echo")
    grant(port, ACL)
    assert workers.ended(task, 30).status is Status.SUCCEEDED
    assert "Redis can be used again" in log_of(workers)
    app.extensions["live"]._queue_tried_again_at = 0.0
    assert client.get("/readyz").status_code == 200
    stop(process)
    process.wait(30)
    app.extensions["services"].close()


def log_of(workers: Fleet) -> str:
    return workers.log.read_text()


def test_workers_run_with_no_more_rights_than_the_documents_say(crew: tuple[Fleet, int]) -> None:
    workers, port = crew
    grant(port, ACL)
    workers.start()
    for number in range(5):
        task = workers.submit("echo", ("high", "medium", "low")[number % 3])
        assert workers.ended(task).status is Status.SUCCEEDED
    waiting = workers.submit("doze", params={"seconds": 0.1}, run_at=None)
    assert workers.ended(waiting).status is Status.SUCCEEDED
    time.sleep(12)  # a sweep, a prune and a report
    assert admin(port).execute_command("ACL", "LOG") == []
    page = (ROOT / "docs" / "how-to" / "production.md").read_text()
    assert all(right in page for right in ACL.split())


def test_a_command_and_a_page_name_the_login_that_mongodb_refuses(
    start_mongo: Start, real_stores: LocalStores, tmp_path: Path
) -> None:
    uri = f"mongodb://u:{PASSWORD}@127.0.0.1:{start_mongo('--auth')}/taskqueue?directConnection=true"
    env = {**os.environ, "MONGODB_URI": uri, "REDIS_URL": real_stores.redis_url, "ENVIRONMENT": "local",
           "FLASK_SKIP_DOTENV": "1", "MONGODB_TIMEOUT_MS": "1000", "SECRET_KEY": "tests-only",
           "WORKER_STATE_DIR": str(tmp_path)}  # fmt: skip
    said = subprocess.run(
        [sys.executable, "-m", "flask", "tasks", "types"], cwd=ROOT, env=env, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert said.returncode == 2
    assert "Traceback" not in said.stderr and PASSWORD not in said.stderr
    assert reason("MONGODB_URI", Cause.LOGIN_REFUSED) in said.stderr and "MONGODB_URI" in said.stderr

    app = create_app(load(env))
    page = app.test_client().get("/")
    assert page.status_code == 503 and reason("MONGODB_URI", Cause.LOGIN_REFUSED) in text_of(page.text)
    assert 'class="advice"' in page.text and "percent-encoded" in page.text
    ready = app.test_client().get("/readyz")
    assert (ready.status_code, ready.json["mongodb"]) == (503, "refuses")
    assert ready.json["causes"]["mongodb"]["code"] == "login_refused" and PASSWORD not in ready.text
    app.extensions["services"].db.client.close()


def test_servers_that_start_say_it(start_mongo: Start, start_redis: Start, tmp_path: Path) -> None:
    """gunicorn and a worker whose MongoDB requires a login and whose Redis is a cluster."""
    port = free_low_port()
    env = {
        **os.environ, "MONGODB_URI": f"mongodb://127.0.0.1:{start_mongo('--auth')}/x?directConnection=true",
        "REDIS_URL": f"redis://127.0.0.1:{start_redis('--cluster-enabled', 'yes')}/0",
        "ENVIRONMENT": "local", "FLASK_SKIP_DOTENV": "1", "WEB_BIND": f"127.0.0.1:{port}",
        "TASK_MODULES": "tests.workers.samples", "WORKER_STATE_DIR": str(tmp_path),
        "SECRET_KEY": "tests-only",
    }  # fmt: skip
    wanted = [reason("MONGODB_URI", Cause.LOGIN_REQUIRED), reason("REDIS_URL", Cause.CLUSTER)]
    for command in (["-m", "gunicorn", "wsgi:app"], ["-m", "workers", "-n", "1"]):
        log = tmp_path / f"{command[1]}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, *command], cwd=ROOT, env=env, stdout=output, stderr=output
            )
        try:
            until(lambda: all(sentence in log.read_text() for sentence in wanted), 30)  # noqa: B023
        finally:
            process.terminate()
            process.wait(30)


@pytest.mark.usefixtures("usual_ports")
@pytest.mark.parametrize("store", ["MONGODB_URI", "REDIS_URL"])
def test_make_up_ends_with_the_sentence_of_a_store_that_was_given(
    start_mongo: Start, start_redis: Start, real_stores: LocalStores, tmp_path: Path, store: str
) -> None:
    given = real_stores.addresses | (
        {store: f"mongodb://127.0.0.1:{start_mongo('--auth')}/x?directConnection=true"}
        if store == "MONGODB_URI"
        else {store: f"redis://127.0.0.1:{start_redis('--requirepass', PASSWORD)}/0"}
    )
    given["MONGODB_URI"] = given["MONGODB_URI"].replace("/taskqueue", "/refused_up")
    said = subprocess.run(
        [sys.executable, "-m", "app.local", "up", "--folder", str(tmp_path / ".dtq")], cwd=ROOT,
        env={**os.environ, **given}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert said.returncode == 1 and "Traceback" not in said.stderr
    assert reason(store, Cause.LOGIN_REQUIRED) in said.stderr


def test_a_task_that_is_created_meanwhile_says_why_it_waits(crew: tuple[Fleet, int]) -> None:
    workers, port = crew
    publish(
        workers.services, "echo", schema={"type": "object", "properties": {}, "additionalProperties": False}
    )
    app = create_app(load(workers.env))
    client = signed_in(app.test_client(), workers.services)
    sent = Sent(client.get("/tasks/new/echo").text).values
    grant(port, "~other:* +@all")
    answer = client.post("/tasks/new/echo", data=sent, follow_redirects=True)
    said = text_of(answer.text)
    assert f"The task is saved. {reason('REDIS_URL', Cause.KEY_FORBIDDEN)}" in said
    assert "does not answer" not in said and "not answering" not in said
    app.extensions["services"].close()


def test_the_code_is_what_a_program_reads(services: Any) -> None:
    """Over servers that can be used, nothing is said."""
    indexes.require_usable(services.db)
    services.queues.require_usable()
    assert list(services.troubles()) == []
    assert services.db.leases.count_documents({"_id": indexes.TRIED}) == 0
    assert json.dumps(Cause.CLUSTER.value) == '"cluster"'
    assert issubclass(QueueUnavailable, Unavailable) and causes.KEPT_S < 30
