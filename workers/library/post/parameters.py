"""The parameters of *Send an e-mail*, as its form shows them."""

from typing import Annotated

from pydantic import Field

from workers import File

NOBODY: list[str] = []

To = Annotated[
    list[str],
    Field(min_length=1, max_length=50, title="To", description="Addresses, one a line: ann@example.org"),
]
Cc = Annotated[
    list[str],
    Field(max_length=50, title="Cc", description="Who gets a copy, one a line. Everybody sees everybody."),
]
Subject = Annotated[str, Field(min_length=1, max_length=250, title="Subject")]
Text = Annotated[
    str,
    Field(min_length=1, title="Text", description="Plain text.", json_schema_extra={"format": "textarea"}),
]
Attachment = Annotated[File | None, Field(title="Attachment", description="One file, 25 MB at the most.")]
