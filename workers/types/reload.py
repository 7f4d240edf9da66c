"""Which files task types come from, and whether one of them has changed: for `python -m workers --reload`.

The child, which imports the modules, says what there is to watch; its supervisor, which does not, looks at
the times of the files once a second. A few dozen files do not need the kernel's help for that.
"""

from __future__ import annotations

import importlib.util
import sys
import sysconfig
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

LOOK_EVERY_S = 1.0
Stamp = tuple[int, int]


def watched(modules: Iterable[str], before: Iterable[str] = ()) -> list[str]:
    """Files and folders of the modules, and the files of what was imported since ``before``.

    A module in a package brings the whole package; what is installed, or comes with Python, is left out.
    """
    paths = {path for name in modules for path in _places(name)}
    new = set(sys.modules) - set(before) if before else set()
    files = {getattr(sys.modules[name], "__file__", None) for name in new}
    return sorted(paths | {file for file in files if file and _ours(file)})


def _places(name: str) -> list[str]:
    try:
        spec = importlib.util.find_spec(name)
    except Exception:  # the package around it may be what is broken: then its own name is asked for
        return _places(name.rpartition(".")[0]) if "." in name else []
    if spec is None or spec.origin is None:
        return []
    if spec.submodule_search_locations:
        return [*spec.submodule_search_locations]
    return [str(Path(spec.origin).parent)] if "." in name else [spec.origin]


def _ours(file: str) -> bool:
    theirs = {sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")}
    return not any(Path(file).is_relative_to(folder) for folder in theirs if folder)


class Changes:
    """The state of what is watched, and what is different since it was last asked for."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, Stamp]] = {}
        self._looked = 0.0

    def watch(self, paths: Iterable[str]) -> None:
        """Watch these as well; what is watched already stays as it was seen."""
        for path in paths:
            self._known.setdefault(path, dict(_stamps(path)))

    def changed(self) -> str | None:
        """The first file that was written, made or deleted since the last time; looks once a second."""
        if time.monotonic() - self._looked < LOOK_EVERY_S:
            return None
        self._looked = time.monotonic()
        before = {file: stamp for stamps in self._known.values() for file, stamp in stamps.items()}
        self._known = {path: dict(_stamps(path)) for path in self._known}
        now = {file: stamp for stamps in self._known.values() for file, stamp in stamps.items()}
        return next((file for file in sorted(before.keys() | now) if before.get(file) != now.get(file)), None)


def _stamps(path: str) -> Iterator[tuple[str, Stamp]]:
    """Every Python file of a place with its time and size; one that goes at this moment is not there."""
    place = Path(path)
    for file in place.rglob("*.py") if place.is_dir() else [place]:
        try:
            about = file.stat()
        except OSError:
            continue
        yield str(file), (about.st_mtime_ns, about.st_size)
