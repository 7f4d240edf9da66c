"""From a result and the kind that was chosen for it to what the templates draw.

A value that does not fit its kind is shown as every other value is, with a sentence that says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.core.files.store import StoredFile
from app.web.results import chart, preview, saved_files, table, text, tree
from app.web.results.nodes import label, node
from app.web.results.source import Head, ResultSource
from app.web.results.table_state import TableState
from dtq.runtime import ResultKind

TOO_LITTLE = "Too little of this result could be read to show it as its type says: below is its beginning."
RAW = "This result is JSON that cannot be shown as such: below is the beginning of its file."


@dataclass(frozen=True)
class Around:
    """What a viewer may ask beside the value; ``outputs`` are the files that the task saved, by id."""

    look: TableState
    outputs: Mapping[str, StoredFile]
    head: Head


@dataclass(frozen=True)
class View:
    """``kind`` names the template and says what ``body`` is; ``at`` and ``title`` are those of a piece."""

    kind: str
    body: Any
    at: str = ""
    title: str = ""
    misfit: str = ""

    @property
    def files(self) -> set[str]:
        """The ids of files that are offered where they are shown, and need no other button."""
        if self.kind == "pieces":
            return {file_id for piece in self.body for file_id in piece.files}
        return {saved.file.id for saved in self.body} if self.kind in ("image", "file") else set()


@dataclass(frozen=True)
class _Viewer:
    build: Callable[[Any, str, Around], Any]
    needs: str = ""


_VIEWERS = {
    "auto": _Viewer(lambda value, at, around: node(value)),
    "json": _Viewer(lambda value, at, around: tree.build(value)),
    "table": _Viewer(lambda value, at, around: table.build(value, around.look.of(at)), table.NEEDS),
    "text": _Viewer(lambda value, at, around: text.build(value), text.NEEDS),
    "chart": _Viewer(lambda value, at, around: chart.build(value), chart.NEEDS),
    "image": _Viewer(
        lambda value, at, around: saved_files.pictures(value, around.outputs, around.head),
        saved_files.NEEDS_IMAGE,
    ),
    "file": _Viewer(
        lambda value, at, around: saved_files.files(value, around.outputs, around.head),
        saved_files.NEEDS_FILE,
    ),
    "preview": _Viewer(lambda value, at, around: preview.build(value), preview.NEEDS),
}


def view(source: ResultSource, kind: ResultKind, around: Around) -> View:
    """The view of a result; never fails, whatever the value and the kind are."""
    if source.raw:
        return View("auto", node(source.value), misfit=RAW)
    if isinstance(kind, str):
        return _one(source, source.value, kind, around)
    if not isinstance(source.value, Mapping):
        return _general(
            source, source.value, f"its result is a dictionary with {', '.join(kind)}, but it is none"
        )
    return View("pieces", list(_pieces(source, source.value, kind, around)))


def piece(source: ResultSource, kind: ResultKind, around: Around) -> View | None:
    """The one that the address names; None where the result has no such piece."""
    at = around.look.at
    if isinstance(kind, str):
        return None if at else _one(source, source.value, kind, around)
    if not isinstance(source.value, Mapping) or at not in kind or at not in source.value:
        return None
    return _one(source, source.value[at], kind[at], around, at)


def _pieces(
    source: ResultSource, value: Mapping[str, Any], kind: Mapping[str, str], around: Around
) -> Iterator[View]:
    """In the order of the result; what has no kind of its own is shown together, between those that have."""
    plain: dict[str, Any] = {}
    for name, inner in value.items():
        if name not in kind:
            plain[name] = inner
            continue
        if plain:
            yield View("auto", node(plain))
            plain = {}
        yield _one(source, inner, kind[name], around, name)
    if plain:
        yield View("auto", node(plain))


def _one(source: ResultSource, value: Any, kind: str, around: Around, at: str = "") -> View:
    viewer = _VIEWERS.get(kind, _VIEWERS["auto"])
    body = viewer.build(value, at, around)
    if body is None:
        if at and value in ([], {}, None, ""):  # A piece may have nothing in it.
            return View("auto", node(value), at, label(at))
        what = f"“{at}”" if at else "its result"
        return _general(source, value, f"{what} is {viewer.needs}, but it is not", at)
    return View(kind if kind in _VIEWERS else "auto", body, at, label(at) if at else "")


def _general(source: ResultSource, value: Any, sentence: str, at: str = "") -> View:
    said = f"The type of this task says that {sentence}: it is shown as it came."
    return View("auto", node(value), at, label(at) if at else "", said if source.whole else TOO_LITTLE)
