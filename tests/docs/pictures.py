"""The pictures of the README: a program with a made-up hour behind it, as a browser shows it.

    python -m tests.docs.pictures      # take them again after pages have changed

Real servers, workers and task types; the tasks of the hour before are written as the core would have.
"""

from __future__ import annotations

import random
import sys
import tempfile
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bson import ObjectId
from playwright.sync_api import sync_playwright

from app.core.clock import utcnow
from app.core.mongo import Document
from app.core.people.roles import Role
from app.core.services import Services
from app.core.statistics.minutes import MINUTE, OUTCOMES, Sample, floor, key_of
from app.core.tasks.document import new_document
from app.core.tasks.states import Ending, Priority, Status
from app.core.tasks.task import NewTask, error_keywords
from app.local.servers import stores
from tests.browser.conftest import Site
from tests.docs.documents import DOCS
from tests.library.public import AIRPORTS
from tests.plugins.chromium import ARGUMENTS, CHROMIUM, Chromium
from tests.rig.fleet import fleet
from tests.signing_in import link, user_of

PICTURES = DOCS / "pictures"
WIDTH = 1280
HOUR = timedelta(hours=1)
TITLES = {
    "clean_table": ("Clean customers.csv", "Clean orders.xlsx", "Clean visits.csv", "Clean suppliers.csv"),
    "transform_table": ("Monthly sales by region", "Invoices of 2026", "Stock by warehouse"),
    "count_slowly": ("Nightly rehearsal",),
    "http_request": ("Fetch exchange rates", "Notify the shop"),
}
ERRORS = {
    "clean_table": "This file isn't a table that can be read. Use CSV, TSV, JSON Lines, Parquet or XLSX.",
    "transform_table": "There is no column “region”.",
    "count_slowly": "RuntimeError: Step 3 failed, as you asked.",
    "http_request": "rates.example.org answered 503 Service Unavailable.",
}


def ended(chance: random.Random, owners: list[str], at: datetime) -> Document:
    """A task that ended at a time, as the core would have left it."""
    type_ = chance.choice(list(TITLES))
    waited, took = chance.uniform(0.05, 9), chance.uniform(0.4, 40)
    created = at - timedelta(seconds=waited + took)
    status = chance.choices([Status.SUCCEEDED, Status.FAILED, Status.CANCELED], [90, 7, 3])[0]
    new = NewTask(
        type=type_, params={}, title=chance.choice(TITLES[type_]), owner=chance.choice(owners),
        priority=chance.choices(list(Priority), [20, 60, 20])[0],
    )  # fmt: skip
    document = new_document(new, ObjectId(), created)
    begun = {"attempt": 1, "started_at": created + timedelta(seconds=waited), "queued_at": created}
    outcome = {Status.FAILED: Ending.FAILED, Status.CANCELED: Ending.CANCELED}.get(status, Ending.SUCCEEDED)
    past = {**begun, "worker": "vm.4711", "finished_at": at, "outcome": outcome.value, "message": ""}
    document |= {**begun, "status": status.value, "status_at": at, "finished_at": at, "history": [past]}
    document["expire_at"] = at + timedelta(days=30)
    document.pop("hint", None)
    if status is Status.FAILED:
        document["error"] = {"kind": "failed", "type": "Fail", "message": ERRORS[type_], "traceback": ""}
        document["error_group"] = ERRORS[type_]
        document["keywords"] += error_keywords(document["error"])
    return document


def fill(services: Services, owners: list[str]) -> None:
    """Write the tasks of an hour, and what maintenance would have seen of them minute by minute."""
    chance, now = random.Random(11), utcnow()
    for step in range(2, 61):
        at = floor(now - step * MINUTE, MINUTE)
        tasks = 3 + int(6 * abs((step % 24) - 12) / 12) + chance.randrange(4)
        seconds = sorted(chance.uniform(0, 59) for _ in range(tasks))
        made = [ended(chance, owners, at + timedelta(seconds=second)) for second in seconds]
        services.db.tasks.insert_many(made)
        busy = min(12, tasks)
        seen = Sample(
            dict.fromkeys(OUTCOMES, 0), looks=6, running=busy, workers=12,
            waiting=max(0, tasks - 6), oldest_s=float(max(0, tasks - 6)),
        )  # fmt: skip
        services.db.minutes.update_one({"_id": key_of(at)}, {"$max": seen.raised()}, upsert=True)
    for _ in range(4):
        services.minutes.count()


def work(site: Site, owners: list[str]) -> str:
    """Submit tasks as people would; return the ID of one that has cleaned a table."""
    files = site.services.files
    with AIRPORTS.open("rb") as stream:
        source = files.save(stream, "airports.csv", "text/csv", owners[0], role="input")
    cleaned = site.submit(
        "clean_table", "high", params={"source": str(source.id)}, files=(source.id,), owner=owners[0],
        tags=("weekly",),
    )  # fmt: skip
    site.services.db.tasks.update_one({"_id": cleaned.id}, {"$set": {"title": "Clean a table: airports.csv"}})
    site.ended(cleaned, 60)
    for number in range(5):
        priority = ("low", "medium", "high")[number % 3]
        title = ("Nightly rehearsal", "Count the shelves", "Import deliveries")[number % 3]
        task = site.submit(
            "count_slowly", priority, params={"seconds": 90.0, "steps": 60}, owner=owners[number % 2]
        )
        site.services.db.tasks.update_one({"_id": task.id}, {"$set": {"title": title}})
    return str(cleaned.id)


def take(page: Any, address: str, name: str, height: int) -> None:
    page.set_viewport_size({"width": WIDTH, "height": height})
    page.goto(address)
    page.wait_for_load_state("networkidle")
    page.screenshot(path=PICTURES / f"{name}.png")
    print(PICTURES / f"{name}.png")


def main() -> int:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pictures-")))
        given = {"TASK_MODULES": "dtq_library", "SECRET_KEY": "tests-only"}
        site = stack.enter_context(fleet(stack.enter_context(stores(folder)), "site", folder, Site, **given))
        site.serve()
        owners = [user_of(site.services, Role.SUBMITTER, name).id for name in ("Ann", "Bob")]
        fill(site.services, owners)
        site.start(2)
        task = work(site, owners)
        playwright = stack.enter_context(sync_playwright())
        chromium = Chromium(lambda: playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS))
        chromium.sign_in(site.web.port, link(site.services))
        page = chromium.new_context(color_scheme="light").new_page()
        take(page, site.address, "home", 1005)
        take(page, f"{site.address}/tasks/{task}", "task", 860)
        chromium.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
