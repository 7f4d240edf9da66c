"""The file of docs/how-to/single-sign-on.md describes its providers as the program reads them."""

from __future__ import annotations

import re
from pathlib import Path

from app.core.people.roles import Role
from app.core.single_sign_on.providers import _Table, read_providers
from config import load
from tests.docs.documents import DOCS, blocks

PAGE = (DOCS / "how-to" / "single-sign-on.md").read_text(encoding="utf-8")


def test_the_providers_of_the_page_are_read(tmp_path: Path) -> None:
    [text] = blocks(PAGE, "toml")
    (tmp_path / "secret").write_text("s3cret")
    file = tmp_path / "providers.toml"
    file.write_text(re.sub(r'"/run/secrets/\w+"', f'"{tmp_path}/secret"', text))
    found = read_providers(str(file))
    assert list(found) == ["company", "entra", "google"]
    assert found["company"].role_of(frozenset({"operations"})) is Role.OPERATOR
    assert found["entra"].role_of(frozenset()) is None
    assert found["google"].name_claim == "email"


def test_every_key_is_named() -> None:
    assert {name for name in _Table.model_fields if f"`{name}`" not in PAGE} == set()


def test_the_settings_of_the_proxy_are_right() -> None:
    lines = re.findall(r"^    ((?:PROXY|WEB)_\w+)=(.*)$", PAGE, re.MULTILINE)
    settings = load({"ENVIRONMENT": "local", **dict(lines)})
    assert (len(settings.proxy_roles), settings.web_proxies) == (3, 1)
