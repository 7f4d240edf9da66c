"""The nginx and Caddy files of docs/how-to/proxies.md work: a form over TLS, at the root and below a path."""

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

from app.core.schema import indexes
from app.core.services import connect
from app.local.children import LocalProcess, free_port
from app.local.servers import LocalStores
from config import load
from tests.chaos.web import LOST, Web
from tests.docs.documents import ROOT, blocks
from tests.signing_in import link, token_of
from tests.web.create.creating import Sent, publish

NAME = "tasks.example.org"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
CADDY = shutil.which("caddy")
[DOCUMENTED_CADDY] = blocks((ROOT / "docs" / "how-to" / "proxies.md").read_text(encoding="utf-8"), "caddy")
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

    def sign_in(self, path: str) -> None:
        """Open a link that signs in once, and press its button."""
        _, _, page = self.ask("GET", path)
        assert self.ask("POST", path, {"csrf_token": token_of(page)})[0] == 303


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


def configured_caddy(web_port: int, port: int, folder: Path, prefix: str) -> str:
    """The documented site, likewise; below a path with WEB_PREFIX, which is passed on."""
    site = DOCUMENTED_CADDY
    replaced = [
        (
            f"{NAME} {{",
            f"https://{NAME}:{port} {{\n    tls {folder}/chain.pem {folder}/key.pem\n    bind 127.0.0.1",
        ),
        ("127.0.0.1:8000", f"127.0.0.1:{web_port}"),
    ]
    if prefix:
        replaced += [
            ("reverse_proxy", f"handle {prefix}/* {{\n    reverse_proxy"),
            ("header_up -X-Forwarded-Prefix\n    }", "header_up -X-Forwarded-Prefix\n    }\n}"),
        ]
    for old, new in replaced:
        assert site.count(old) == 1
        site = site.replace(old, new)
    return f"{{\n    admin off\n    auto_https off\n    storage file_system {folder}/caddy\n}}\n{site}"


@contextmanager
def served(stores: LocalStores, name: str, log: Path, **more: str) -> Iterator[tuple[Web, str]]:
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
        **more,
    }
    stores.prepare(name)
    web, services = Web(env, log), connect(load(env))
    try:
        indexes.create_indexes(services.db)
        publish(services, "noop", schema={"type": "object", "properties": {}})
        web.start()
        yield web, link(services)
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
def browser(real_stores: LocalStores, tmp_path: Path, prefix: str, proxy: str) -> Iterator[Browser]:
    if (NGINX if proxy == "nginx" else CADDY) is None:
        pytest.skip(f"{proxy} is not installed")
    person = Browser(free_port(0), trusted(tmp_path))

    def ready() -> bool:
        try:
            return person.ask("GET", f"{prefix}/healthz")[0] == 200
        except LOST:
            return False

    more = {"WEB_PREFIX": prefix} if proxy == "caddy" else {}
    name = f"{proxy}_{os.getpid()}_{prefix.strip('/')}"
    with served(real_stores, name, tmp_path / "web.log", **more) as (web, path):
        file = tmp_path / "proxy.conf"
        if proxy == "nginx":
            file.write_text(configured(web.port, person.port, tmp_path, prefix))
            command = [NGINX, "-e", str(tmp_path / "error.log"), "-c", str(file)]
        else:
            file.write_text(configured_caddy(web.port, person.port, tmp_path, prefix))
            command = [CADDY, "run", "--adapter", "caddyfile", "--config", str(file)]
        env = {**os.environ, "HOME": str(tmp_path)}
        child = LocalProcess(proxy, command, log=tmp_path / "proxy.log", ready=ready, env=env, cwd=tmp_path)
        try:
            child.start()
            child.wait_ready(20)
            person.sign_in(prefix + path)
            yield person
        finally:
            child.kill()


@pytest.mark.real
@pytest.mark.parametrize("proxy", ["nginx", "caddy"])
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
