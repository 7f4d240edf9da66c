"""The table of results in docs/reference/task-types.md says what is so: each example is shown by its kind."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from bson import ObjectId

from app.core.files.store import StoredFile
from app.core.services import Services
from app.web.results.saved_files import MOST_IMAGE_BYTES
from app.web.results.selection import Around, View, view
from app.web.results.source import MOST_READ, ResultSource
from app.web.results.table_state import SIZES, TableState
from dtq._types.result_kinds import KINDS
from tests.browser.results import png
from tests.docs.documents import TASK_TYPES, rows, section

RESULTS = rows(TASK_TYPES.split("<!-- results")[1].split("<!-- /results")[0])


class Saving:
    """A context that can only save files, each of them an image."""

    def __init__(self, services: Services) -> None:
        self._files = services.files
        self.saved: dict[str, StoredFile] = {}

    def save_file(self, path: Any, name: str) -> dict[str, Any]:
        stored = self._files.save(io.BytesIO(png(2, 2)), name, "image/png", "local", role="output")
        self.saved[str(stored.id)] = stored
        about = {name: getattr(stored, name) for name in ("name", "size", "sha256", "content_type")}
        return {"file_id": str(stored.id), **about}

    def head(self, file_id: ObjectId, most: int) -> bytes:
        return self._files.head(file_id, most)


def shown(services: Services, kind: str, example: str) -> View:
    ctx = Saving(services)
    value = eval(example, {"ctx": ctx, "path": None})  # noqa: S307 - our own document
    return view(ResultSource(value), kind, Around(TableState(), ctx.saved, ctx.head))


@pytest.mark.parametrize(("kind", "example", "said"), RESULTS, ids=range(len(RESULTS)))
def test_an_example_is_shown_by_its_kind(services: Services, kind: str, example: str, said: str) -> None:
    found = shown(services, kind, example)

    assert (found.kind, found.misfit) == (kind, "")


def test_no_kind_is_missing_and_the_limits_are_so() -> None:
    assert {row[0] for row in RESULTS} == set(KINDS)
    said = " ".join(row[2] for row in RESULTS)
    assert "{}, {} or {} on a page".format(*SIZES) in said
    assert f"up to {MOST_IMAGE_BYTES // 2**20} MB" in said
    assert f"({MOST_READ // 2**20} MB)" in section(TASK_TYPES, "Results")
    charts = set(re.findall(r'"kind": "(\w+)"', " ".join(row[1] for row in RESULTS)))
    assert charts == {"histogram", "bars", "line", "scatter"}


def test_a_wrong_example_would_be_seen(services: Services) -> None:
    assert shown(services, "table", "{'rows': 3}").misfit
    assert shown(services, "image", "'map.png'").misfit
