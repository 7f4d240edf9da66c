"""The nginx file of docs/how-to/single-sign-on.md signs people in, and no other header gets through."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from app.core.schema import indexes
from app.core.services import Services, connect
from app.local.children import LocalProcess, free_port
from app.local.servers import LocalStores
from config import load
from tests.docs.documents import ROOT, blocks
from tests.real.test_nginx import AROUND, NAME, trusted
from tests.rig.web import Web
from tests.web.looking import text_of
from tests.web.people.test_proxy_header import HEADERS

pytestmark = pytest.mark.real

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
[DOCUMENTED] = blocks((ROOT / "docs" / "how-to" / "single-sign-on.md").read_text(encoding="utf-8"), "nginx")
PROXY, OTHER = "127.0.0.1", "127.0.0.2"


class Asked(BaseHTTPRequestHandler):
    """Stands for oauth2-proxy: the cookie of a browser says who is signed in."""

    def do_GET(self) -> None:
        who = self.headers.get("Cookie", "").removeprefix("who=")
        self.send_response(202 if who and self.path == "/oauth2/auth" else 401)
        if who:
            self.send_header("X-Auth-Request-Email", who)
            self.send_header("X-Auth-Request-Groups", "ops,others" if who.startswith("ann") else "")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *given: Any) -> None:
        return


@pytest.fixture(scope="module")
def web(real_stores: LocalStores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Web, Services]]:
    name = f"proxy_sign_in_{os.getpid()}"
    env = {
        "MONGODB_URI": real_stores.mongodb_uri.replace("/taskqueue", f"/{name}"),
        "REDIS_URL": real_stores.redis_url,
        "SECRET_KEY": "a-key-for-this-test-alone-0123456789",
        "SECRETS_KEY": "another-key-for-this-test-9876543210",
        "FLASK_SKIP_DOTENV": "1",
        "MONGODB_TIMEOUT_MS": "10000",
        "WEB_HOSTS": NAME,
        "WEB_PROXIES": "1",
        **HEADERS,
        "PROXY_ADDRESSES": PROXY,
    }
    real_stores.prepare(name)
    made, services = Web(env, tmp_path_factory.mktemp("web") / "web.log"), connect(load(env))
    try:
        indexes.create_indexes(services.db)
        made.start()
        yield made, services
    finally:
        made.stop()
        services.close()


def ask(port: int, *lines: str, source: str = PROXY, context: Any = None) -> str:
    """Send the lines of a head as they are; returns the whole answer."""
    head = ["GET /profile HTTP/1.1", f"Host: {NAME}", "Connection: close", *lines, "", ""]
    with socket.create_connection(("127.0.0.1", port), 20, (source, 0)) as plain:
        connection = context.wrap_socket(plain, server_hostname=NAME) if context else plain
        connection.sendall("\r\n".join(head).encode())
        pieces = iter(lambda: connection.recv(65536), b"")
        answer = b"".join(pieces).decode("utf-8", "replace")
        if context:
            connection.close()
    return answer


@pytest.mark.parametrize(
    ("lines", "source", "status"),
    [
        (["X-Forwarded-User: ann"], PROXY, "200"),
        (["x-forwarded-user: ann"], PROXY, "200"),
        (["X-Forwarded-User: ann"], OTHER, "403"),
        (["X-Forwarded-User: ann", "X-Forwarded-For: 127.0.0.1"], OTHER, "403"),
        (["X-Forwarded-User: ann", "X-Forwarded-User: root"], PROXY, "403"),
        (["X-Forwarded-User: ann", "X_Forwarded_User: root"], PROXY, "200"),
        (["X_Forwarded_User: root"], PROXY, "303"),
        (["X_Forwarded-User: root"], OTHER, "303"),
        (["X-Forwarded-User : root"], PROXY, "400"),
        (["X-Forwarded-User: ann", "Connection: X-Forwarded-User"], PROXY, "200"),
        ([], PROXY, "303"),
    ],
)
def test_only_the_header_itself_counts_and_only_from_the_proxy(web, lines, source, status):
    made, services = web
    assert ask(made.port, *lines, source=source).split(" ", 2)[1] == status
    assert services.people.users.by_name("root") is None


@pytest.fixture
def nginx(web: tuple[Web, Services], tmp_path: Path) -> Iterator[tuple[int, Any]]:
    """The documented server, with a stand-in for oauth2-proxy; its port, and what trusts its certificate."""
    assert NGINX, "Install nginx."
    asked, port, context = ThreadingHTTPServer(("127.0.0.1", 0), Asked), free_port(0), trusted(tmp_path)
    thread = threading.Thread(target=asked.serve_forever)
    thread.start()
    server = DOCUMENTED.replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
    server = server.replace("127.0.0.1:8000", f"127.0.0.1:{web[0].port}")
    server = server.replace("127.0.0.1:4180", f"127.0.0.1:{asked.server_port}")
    (tmp_path / "nginx.conf").write_text(AROUND.format(folder=tmp_path, server=server))

    def ready() -> bool:
        try:
            return " 401 " in ask(port, context=context).split("\r\n")[0]
        except OSError:
            return False

    command = [NGINX, "-e", str(tmp_path / "error.log"), "-c", str(tmp_path / "nginx.conf")]
    child = LocalProcess(
        "nginx", command, log=tmp_path / "nginx.log", ready=ready, env=dict(os.environ), cwd=tmp_path
    )
    try:
        child.start()
        child.wait_ready(20)
        yield port, context
    finally:
        child.kill()
        asked.shutdown()
        thread.join()
        asked.server_close()


def test_the_documented_file_signs_people_in(nginx):
    port, context = nginx
    said = text_of(ask(port, "Cookie: who=ann@example.org", context=context))
    assert "Signed in as ann@example.org" in said and "Operator" in said


@pytest.mark.parametrize(
    "forged", ["X-Forwarded-User: root", "X_Forwarded_User: root", "X-FORWARDED-USER: root"]
)
def test_no_header_of_a_client_passes(nginx, web, forged):
    port, context = nginx
    assert ask(port, forged, context=context).split(" ", 2)[1] == "401"
    groups = ["X-Forwarded-Groups: admins", "X_Forwarded_Groups: admins"]
    said = text_of(ask(port, forged, *groups, "Cookie: who=bob@example.org", context=context))
    assert "Signed in as bob@example.org" in said and "Viewer" in said
    assert web[1].people.users.by_name("root") is None
