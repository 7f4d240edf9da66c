"""Which kind of archive a file is, by its content, and its entries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath

from dtq import Fail
from dtq_library.archives import tars, zips
from dtq_library.archives.entries import ArchiveEntry, Budget
from dtq_library.archives.inflate import compression, inflate

KINDS = "zip, tar, tar.gz, tar.bz2, tar.xz, gz, bz2 or xz"
_OTHERS = {
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
    b"MSCF": "a cabinet of Windows",
    b"!<arch>\n": "a Unix archive or Debian package",
}
_ENDS = {"gzip": (".gz", ".gzip"), "bzip2": (".bz2",), "xz": (".xz",)}


@contextmanager
def entries(
    path: Path, name: str, work_dir: Path, budget: Budget, told: Callable[[int], object]
) -> Iterator[tuple[str, Iterator[ArchiveEntry]]]:
    """The kind of an archive and its entries. Raises Fail for what is none.

    A compressed tar is unpacked to disk first, within the budget; ``told`` is called with each piece.
    """
    with path.open("rb") as file:
        head = file.read(8)
    packing = compression(path)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        with zips.opened(path, budget) as found:
            yield "zip", found
    elif packing:
        with _unpacked(path, name, packing, work_dir, budget, told) as both:
            yield both
    elif tars.is_tar(path):
        with tars.opened(path) as found:
            yield "tar", found
    else:
        what = next((what for mark, what in _OTHERS.items() if head.startswith(mark)), "no archive")
        raise Fail(f"{name} is {what}; {KINDS} can be extracted.")


@contextmanager
def _unpacked(
    path: Path, name: str, packing: str, work_dir: Path, budget: Budget, told: Callable[[int], object]
) -> Iterator[tuple[str, Iterator[ArchiveEntry]]]:
    unpacked = work_dir / "unpacked"
    whole = Budget(path.stat().st_size)  # Its own: what is in it counts again when it is saved.

    def took(size: int) -> None:
        whole.take(size)
        told(size)

    with unpacked.open("wb") as target:
        inflate(path, packing, target, took)
    if tars.is_tar(unpacked):
        with tars.opened(unpacked) as found:
            yield f"tar, {packing}", found
    else:
        size = unpacked.stat().st_size
        yield (
            packing,
            iter([ArchiveEntry(_inner_name(name, packing), "file", size, None, lambda: unpacked.open("rb"))]),
        )


def _inner_name(name: str, packing: str) -> str:
    """The name of what was compressed alone, as `gunzip` gives it."""
    last = PurePath(name)
    return last.stem if last.suffix.lower() in _ENDS[packing] else f"{last.name}.unpacked"
