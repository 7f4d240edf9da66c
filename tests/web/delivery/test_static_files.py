"""Static files: addresses that change with their content, also of what scripts import; kept for good."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urljoin

import pytest
from flask.testing import FlaskClient

IMPORT = re.compile(r"""^import (?:[^"]+ from )?"([^"]+)";""", re.MULTILINE)


@pytest.mark.parametrize("page", ["/", "/tasks", "/tasks/new"])
def test_all_scripts_of_a_page_and_what_they_import_have_its_version(client: FlaskClient, page: str) -> None:
    found = re.findall(r'<script src="(/static/[^"]+)"', client.get(page).text)
    versions, seen = set(), set()
    while found:
        address = found.pop()
        if address not in seen:
            seen.add(address)
            with client.get(address) as answer:
                assert answer.status_code == 200
                assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
                found += [urljoin(address, name) for name in IMPORT.findall(answer.text)]
            versions.add(re.match("/static/v-([0-9a-f]{12})/", address)[1])
    assert len(versions) == 1
    assert any(address.endswith("/platform/times.js") for address in seen)


def test_the_version_changes_with_any_file(tmp_path: Path) -> None:
    from app.web.delivery.static_files import static_version

    (tmp_path / "a.js").write_text("1")
    before = static_version(tmp_path)
    (tmp_path / "a.js").write_text("2")
    changed = static_version(tmp_path)
    (tmp_path / "a.js").rename(tmp_path / "b.js")
    assert len({before, changed, static_version(tmp_path)}) == 3


def test_a_page_from_before_an_update_gets_its_files(client: FlaskClient) -> None:
    for name, status in (("platform/app.js", 200), ("../../config.py", 404)):
        with client.get(f"/static/v-000000000000/{name}") as answer:
            assert answer.status_code == status
            assert "immutable" not in answer.headers.get(
                "Cache-Control", ""
            )  # it may be another server's version
