"""How much a browser loads: bytes on the wire with headers, for a first visit and for a long list."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urljoin

from bson import ObjectId
from flask.testing import FlaskClient

from app.core.clock import utcnow
from app.core.statistics.minutes import MINUTE, floor, key_of
from tests.browser import seeded

GZIP = {"Accept-Encoding": "gzip"}
LOADED = re.compile(r'<(?:script|link)[^>]+(?:src|href)="(/static/[^"]+)"')
IMPORT = re.compile(r"""^import (?:[^"]+ from )?"([^"]+)";""", re.MULTILINE)


STATIC = Path(__file__).parents[3] / "static"


def ours(pattern: str) -> list[Path]:
    return [file for file in STATIC.rglob(pattern) if "vendor" not in file.parts]


def test_our_scripts_have_under_1500_lines_and_the_sheet_of_every_page_under_40_kb() -> None:
    scripts = ours("*.js")
    assert len(scripts) > 20
    assert sum(len(script.read_text().splitlines()) for script in scripts) < 1_500
    assert (STATIC / "platform/app.css").stat().st_size < 40_000


def weight(client: FlaskClient, address: str) -> int:
    with client.get(address, headers=GZIP) as answer:
        assert answer.status_code == 200
        return len(answer.data) + sum(len(name) + len(value) + 4 for name, value in answer.headers.items())


def first_visit(client: FlaskClient, address: str) -> int:
    """Return what a page weighs with all that it loads."""
    found, seen = LOADED.findall(client.get(address).text), set()
    while found:
        if (file := found.pop()) not in seen:
            seen.add(file)
            with client.get(file) as answer:
                found += [urljoin(file, name) for name in IMPORT.findall(answer.text)]
    assert any(name.endswith("vendor/htmx.min.js") for name in seen)
    return weight(client, address) + sum(weight(client, file) for file in seen)


def test_home_weighs_at_most_70_kb_and_a_list_of_200_rows_25_kb(client, services):
    seeded.seed(services)
    now = floor(utcnow(), MINUTE)
    services.db.minutes.insert_many(
        {
            "_id": key_of(now - number * MINUTE),
            "ended": {"succeeded": 1_000 + number**3 % 997, "failed": number % 7, "canceled": number % 3},
            "queue_times": {str(number % 40): 7, "50": number},
            "looks": {
                "0": {"running": number % 9, "workers": 9, "waiting": 7 * number, "oldest_s": number / 3}
            },
        }
        for number in range(1, 70)
    )
    document = services.db.tasks.find_one({"status": "succeeded"})
    services.db.tasks.insert_many(
        {
            **document,
            "_id": ObjectId(),
            "title": f"Clean a table: airports-{number:x}{number**3:x}.csv",
            "tags": [f"batch-{number}"],
            "priority": number % 3,
        }
        for number in range(210)
    )
    assert client.get("/").text.count("<polyline") >= 6
    assert first_visit(client, "/") < 70_000
    page = client.get("/tasks?per_page=200").text
    assert page.count("airports-") >= 200
    assert weight(client, "/tasks?per_page=200") < 25_000
