"""The nginx and Caddy files of docs/how-to/proxies.md work: a form over TLS, at the root and below a path."""

from __future__ import annotations

import os
import re
import shutil
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from app.core.schema import indexes
from app.core.services import connect
from app.local.children import LocalProcess, free_port
from app.local.servers import LocalStores
from config import load
from tests.docs.documents import ROOT, blocks
from tests.rig.forms import Sent
from tests.rig.person import Person
from tests.rig.web import Web
from tests.signing_in import link
from tests.web.create.creating import publish

pytestmark = pytest.mark.real

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


class Browser(Person):
    """A person who reaches the proxy by its name, and trusts its certificate."""

    def keep(self, cookie: str) -> None:
        assert "secure" in cookie.lower()
        super().keep(cookie)


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
    port = free_port(0)
    person = Browser(port, host=f"{NAME}:{port}", tls=trusted(tmp_path))

    def ready() -> bool:
        return person.try_to_ask("GET", f"{prefix}/healthz").status == 200

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


@pytest.mark.parametrize("proxy", ["nginx", "caddy"])
@pytest.mark.parametrize("prefix", ["", "/queue"])
def test_the_documented_file_works(browser: Browser, prefix: str) -> None:
    form = browser.ask("GET", f"{prefix}/tasks/new/noop")
    assert form.status == 200
    assert [
        path
        for path in re.findall(r'(?:href|src|action)="(/[^"]*)"', form.text)
        if not path.startswith(f"{prefix}/")
    ] == []
    [style] = re.findall(r'href="([^"]*bootstrap[^"]*\.css[^"]*)"', form.text)[:1]
    assert browser.ask("GET", style).status == 200

    made = browser.ask("POST", f"{prefix}/tasks/new/noop", Sent(form.text).values.to_dict())

    assert made.status == 303, made.text[:500]
    assert re.search(rf"^(https://{NAME}:{browser.port})?{prefix}/tasks/[0-9a-f]{{24}}", made.location)
    assert browser.ask("GET", made.location.removeprefix(browser.origin)).status == 200
