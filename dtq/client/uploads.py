"""Parameters as they are sent: files become the IDs of uploads, everything else becomes JSON."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic_core import to_jsonable_python

from dtq.files import File

CHUNK = 2**18


@dataclass(frozen=True)
class Source:
    """An open file from where it stands; ``size`` is what is left of it, in bytes."""

    name: str
    file: IO[bytes]
    start: int
    size: int

    def chunks(self) -> Iterator[bytes]:
        """Yield the content from its start, also again. No more than ``size``: the file may grow."""
        self.file.seek(self.start)
        left = self.size
        while left and (chunk := self.file.read(min(CHUNK, left))):
            left -= len(chunk)
            yield chunk


def prepared(value: Any, of_file: Callable[[Any], Any]) -> Any:
    """Return a parameter as JSON; ``of_file`` replaces every path and binary file in it.

    Secrets are unmasked, since they are meant for the task. Raises TypeError for what is no JSON.
    """
    if isinstance(value, File):
        value = value.path
    if isinstance(value, Path) or _is_file(value):
        return of_file(value)
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, (bytes, bytearray, memoryview, SecretBytes)):
        raise TypeError("Pass a Path or a file instead of bytes; io.BytesIO(...) makes one of bytes.")
    if isinstance(value, BaseModel):
        return {name: prepared(part, of_file) for name, part in value}
    if isinstance(value, Mapping):
        return {str(name): prepared(part, of_file) for name, part in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [prepared(part, of_file) for part in value]
    try:
        return to_jsonable_python(value)
    except ValueError:
        raise TypeError(f"A parameter cannot be a {type(value).__name__}: it is not JSON.") from None


def _is_file(value: Any) -> bool:
    if isinstance(value, io.TextIOBase):
        raise TypeError('Open the file in binary mode: open(path, "rb").')
    return callable(getattr(value, "read", None))


def checked(value: Any) -> Any:
    """Return a path or file as it is. Raises OSError for a path that cannot be uploaded."""
    if isinstance(value, Path):
        with value.open("rb"):
            pass
    return value


@contextmanager
def opened(value: Path | IO[bytes]) -> Iterator[Source]:
    """Open a path, or take a file from where it stands. One that cannot tell its length is copied to disk."""
    if isinstance(value, Path):
        with value.open("rb") as file:
            yield _source(value.name, file)
        return
    name = getattr(value, "name", None)
    name = Path(name).name if isinstance(name, (str, os.PathLike)) else "file"
    try:
        source = _source(name, value)
    except (OSError, ValueError, AttributeError):
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(value, copy, CHUNK)
            copy.seek(0)
            yield _source(name, copy)
        return
    yield source


def _source(name: str, file: IO[bytes]) -> Source:
    start = file.tell()
    size = file.seek(0, io.SEEK_END) - start
    file.seek(start)
    return Source(name, file, start, max(0, size))
