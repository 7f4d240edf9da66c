"""The parameters of the two types for archives, as their forms show them."""

from typing import Annotated

from pydantic import Field

from dtq import File
from dtq_library.archives.pack import Format as _Format

Sources = Annotated[
    list[File],
    Field(min_length=1, max_length=100, title="Files", description="Files with the same name are both kept."),
]
Format = Annotated[
    _Format, Field(title="Format", json_schema_extra={"labels": {"zip": "zip", "tar.gz": "tar.gz"}})
]
Name = Annotated[
    str,
    Field(max_length=150, title="Name of the archive", description="Empty: after the file in it, or files."),
]
Level = Annotated[
    int,
    Field(
        ge=1,
        le=9,
        title="Level",
        description="From 1, the fastest, to 9, the smallest.",
        json_schema_extra={"advanced": True},
    ),
]
Archive = Annotated[
    File,
    Field(
        title="Archive",
        description="zip, tar, tar.gz, tar.bz2 or tar.xz; also a single file as gz, bz2 or xz.",
        json_schema_extra={
            "accept": [".zip", ".tar", ".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz", ".gzip"],
        },
    ),
]
Only = Annotated[
    list[str],
    Field(
        title="Only these",
        description="Patterns of paths, one per line, such as *.csv or 2024/*. None: everything.",
    ),
]
EVERYTHING: list[str] = []
