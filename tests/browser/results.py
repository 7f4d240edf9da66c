"""A task that succeeded with a result of each kind, in memory."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

from app.core.services import Services
from app.core.tasks.task import Task
from dtq._types.result_kinds import ResultKind
from tests.browser.seeded import submit
from tests.web.looking import claim

ROWS = [
    {"town": f"Town {at % 7} <b>{at}</b>", "people": at * 37 % 101 if at % 9 else None, "year": 1900 + at}
    for at in range(60)
]
NESTED = {
    "name": "Ada",
    "admin": True,
    "none": None,
    "scores": [1, 2.5, -3],
    "deep": {"deeper": {"deepest": [{"odd key": "<script>alert(1)</script>"}]}},
}
WAVE = [at * at % 17 for at in range(30)]
CHARTS = [
    {"kind": "histogram", "title": "Ages", "edges": [0, 10, 20, 30, 40], "counts": [3, 9, 5, 1]},
    {
        "kind": "bars",
        "title": "Towns",
        "labels": ["Oslo", "Rome", "A town with a long name"],
        "values": [5, 3, -1],
    },
    {"kind": "line", "title": "Two lines", "x": list(range(30)), "y": {"up": WAVE, "down": WAVE[::-1]}},
    {"kind": "line", "title": "Days", "x": ["2024-01-01", "2024-02-01", "2024-05-01"], "y": [1, None, 3]},
    {
        "kind": "scatter",
        "title": "Points",
        "x": WAVE,
        "y": WAVE[::-1],
        "x_title": "width",
        "y_title": "height",
    },
]
TEXT = "".join(f"Line {at}: {'long ' * (at % 40)}\n" for at in range(1, 80))


def png(width: int = 320, height: int = 180) -> bytes:
    """A picture: a slope of colors."""
    rows = b"".join(
        b"\0" + b"".join(bytes((x * 255 // width, y * 255 // height, 160)) for x in range(width))
        for y in range(height)
    )
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )


def done(services: Services, result: Any, kind: ResultKind, file: tuple[str, bytes] | None = None) -> Task:
    """A task that succeeded; a saved file takes the place of "FILE" in its result."""
    task = submit(services, title=f"A result of the kind {kind}")
    if file:
        stored = services.files.save(io.BytesIO(file[1]), file[0], "image/png", "local", role="output")
        services.files.attach([stored.id], task.id)
        saved = {
            "file_id": str(stored.id),
            "name": stored.name,
            "size": stored.size,
            "sha256": stored.sha256,
            "content_type": stored.content_type,
        }
        result = _placed(result, saved)
    assert services.tasks.succeed(claim(services, task), result, kind=kind)
    return services.tasks.get(task.id)


def _placed(result: Any, saved: dict[str, Any]) -> Any:
    if isinstance(result, dict):
        return {name: _placed(each, saved) for name, each in result.items()}
    if isinstance(result, list):
        return [_placed(each, saved) for each in result]
    return saved if result == "FILE" else result


PIECES: dict[str, str] = {
    "table": "table",
    "json": "json",
    "text": "text",
    "chart": "chart",
    "image": "image",
    "file": "file",
    "preview": "preview",
    "misfit": "table",
}
FIRST_ROWS = {
    "columns": [{"name": "id", "type": "integer"}, {"name": "note", "type": "text"}],
    "rows": [["0012", None], ["7", {"text": "long " * 24, "length": 50_000}], ["8", ""]],
    "total_rows": 12_345,
    "total_columns": 300,
}
PICTURE = {"file": "FILE", "alt": "A slope", "caption": "From dark to light"}


def seed(services: Services) -> dict[str, Task]:
    """The tasks by the kind that their page shows; "pieces" has all of them."""
    everything = {
        "rows": 60,
        "table": ROWS[:26],
        "json": NESTED,
        "text": TEXT[:900],
        "chart": CHARTS,
        "image": PICTURE,
        "file": "FILE",
        "preview": FIRST_ROWS,
        "misfit": {"rows": 3},
    }
    return {
        "table": done(services, ROWS, "table"),
        "json": done(services, NESTED, "json"),
        "chart": done(services, CHARTS, "chart"),
        "image": done(services, PICTURE, "image", ("slope.png", png())),
        "pieces": done(services, everything, PIECES, ("slope.png", png())),
    }
