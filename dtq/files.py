"""A file as a parameter."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema


class File:
    """An uploaded file, as a parameter of a task type.

        @task(title="Count lines")
        def count_lines(ctx: Context, source: File) -> int:
            with source.path.open("rb") as lines:
                return sum(1 for _ in lines)

    ``size`` is in bytes; ``path`` is a local copy, fetched when first asked for; ``id`` is its ID on the
    server, empty for a file of this machine.
    """

    def __init__(
        self, name: str, size: int, content_type: str, sha256: str, fetch: Callable[[], Path], id: str = ""
    ) -> None:
        self.name = name
        self.size = size
        self.content_type = content_type
        self.sha256 = sha256
        self.id = id
        self._fetch = fetch
        self._path: Path | None = None

    @classmethod
    def of(cls, path: Path) -> File:
        """Return a file of this machine, to call a task function with, or to submit it."""
        content_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return cls(path.name, path.stat().st_size, content_type, "", lambda: path)

    @property
    def path(self) -> Path:
        """A local copy of the content, removed when the attempt ends."""
        if self._path is None:
            self._path = self._fetch()
        return self._path

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(cls._validate)

    @classmethod
    def _validate(cls, value: Any, info: core_schema.ValidationInfo) -> File:
        if isinstance(value, cls):
            return value
        files = (info.context or {}).get("files")
        if not isinstance(value, str) or files is None:
            raise ValueError("enter the ID of an uploaded file")
        found: File = files(value)
        return found

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "format": "file-id"}
