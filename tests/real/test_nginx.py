"""The nginx file of docs/how-to/proxies.md works: a form over TLS, at the root and below a path."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import pytest
import trustme

from app.core import mongo as database
from app.core.services import connect
from app.local.children import Child, free_port
from app.local.servers import Stores
from config import load
from tests.chaos.web import LOST, Web
from tests.docs.documents import ROOT, blocks
from tests.web.create.creating import Sent, publish

NAME = "tasks.example.org"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
[DOCUMENTED] = blocks((ROOT / "docs" / "how-to" / "proxies.md").read_text(encoding="utf-8"), "nginx")
AROUND = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    ssl_certificate {folder}/chain.pem; ssl_certificate_key {folder}/key.pem;
    client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
    uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
    {server}
}}
"""


@dataclass
class Browser:
    """A person who reaches the proxy by its name, at ``port``, and trusts its certificate."""

    port: int
    context: ssl.SSLContext
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, form: dict[str, object] | None = None) -> tuple[int, str, str]:
        """Return status, location and text."""
        origin = f"https://{NAME}:{self.port}"
        headers = {"Host": f"{NAME}:{self.port}"}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        body = None
        if form is not None:
            headers |= {
                "Content-Type": "application/x-www-form-urlencoded",
                "Origin": origin,
                "Referer": f"{origin}{path}",
            }
            body = urlencode(form)
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20, context=self.context)
        try:
            connection.request(method, path, body, headers)
            got = connection.getresponse()
            text = got.read().decode()
        finally:
            connection.close()
        for cookie in got.headers.get_all("Set-Cookie") or []:
            name, value = cookie.split(";")[0].split("=", 1)
            self.cookies[name] = value
            assert "secure" in cookie.lower()
        return got.status, got.getheader("Location") or "", text


def configured(web_port: int, port: int, folder: Path, prefix: str) -> str:
    """The documented server on ports that are free here; below a path as the document says in words."""
    server = DOCUMENTED
    replaced = [
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("http://127.0.0.1:8000", f"http://127.0.0.1:{web_port}" + ("/" if prefix else "")),
    ]
    if prefix:
        replaced += [
            ("location /", f"location {prefix}/"),
            ('X-Forwarded-Prefix ""', f"X-Forwarded-Prefix {prefix}"),
        ]
    for old, new in replaced:
        assert server.count(old) == 1
        server = server.replace(old, new)
    return AROUND.format(folder=folder, server=server)


@contextmanager
def served(stores: Stores, name: str, log: Path) -> Iterator[Web]:
    """The web server as production has it, with one task type, on a database of its own."""
    env = {
        "MONGODB_URI": stores.mongodb_uri.replace("/taskqueue", f"/{name}"),
        "REDIS_URL": stores.redis_url,
        "SECRET_KEY": "a-key-for-this-test-alone-0123456789",
        "SECRETS_KEY": "another-key-for-this-test-0123456789",
        "ENVIRONMENT": "production",
        "FLASK_SKIP_DOTENV": "1",
        "MONGODB_TIMEOUT_MS": "10000",
        "WEB_HOSTS": NAME,
        "WEB_PROXIES": "1",
    }
    stores.prepare(name)
    web, services = Web(env, log), connect(load(env))
    try:
        database.create_indexes(services.db)
        publish(services, "noop", schema={"type": "object", "properties": {}})
        web.start()
        yield web
    finally:
        web.stop()
        services.close()


def trusted(folder: Path) -> ssl.SSLContext:
    """Write a certificate and its key into the folder; return what trusts it."""
    authority, context = trustme.CA(), ssl.create_default_context()
    certificate = authority.issue_cert("127.0.0.1", NAME)
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(folder / "chain.pem", append=True)
    authority.configure_trust(context)
    return context


@pytest.fixture
def browser(real_stores: Stores, tmp_path: Path, prefix: str) -> Iterator[Browser]:
    if NGINX is None:
        pytest.skip("nginx is not installed")
    person = Browser(free_port(0), trusted(tmp_path))

    def ready() -> bool:
        try:
            return person.ask("GET", f"{prefix}/healthz")[0] == 200
        except LOST:
            return False

    with served(real_stores, f"nginx_{os.getpid()}_{prefix.strip('/')}", tmp_path / "web.log") as web:
        (tmp_path / "nginx.conf").write_text(configured(web.port, person.port, tmp_path, prefix))
        command = [NGINX, "-e", str(tmp_path / "error.log"), "-c", str(tmp_path / "nginx.conf")]
        nginx = Child(
            "nginx", command, log=tmp_path / "nginx.log", ready=ready, env=dict(os.environ), cwd=tmp_path
        )
        try:
            nginx.start()
            nginx.wait_ready(20)
            yield person
        finally:
            nginx.kill()


@pytest.mark.real
@pytest.mark.parametrize("prefix", ["", "/queue"])
def test_the_documented_file_works(browser: Browser, prefix: str) -> None:
    status, _, page = browser.ask("GET", f"{prefix}/tasks/new/noop")
    assert status == 200
    assert [
        path
        for path in re.findall(r'(?:href|src|action)="(/[^"]*)"', page)
        if not path.startswith(f"{prefix}/")
    ] == []
    [style] = re.findall(r'href="([^"]*bootstrap[^"]*\.css[^"]*)"', page)[:1]
    assert browser.ask("GET", style)[0] == 200

    status, location, text = browser.ask("POST", f"{prefix}/tasks/new/noop", Sent(page).values.to_dict())

    assert status == 303, text[:500]
    assert re.search(rf"^(https://{NAME}:{browser.port})?{prefix}/tasks/[0-9a-f]{{24}}", location)
    assert browser.ask("GET", location.removeprefix(f"https://{NAME}:{browser.port}"))[0] == 200
