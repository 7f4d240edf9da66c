"""How a delimited file is laid out, as far as a person says so: header, lines above it, comments, signs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Header = Literal["auto", "none"]


class Layout(BaseModel):
    """What is left empty is found out, or is as RFC 4180 has it."""

    model_config = ConfigDict(frozen=True)

    header: Annotated[
        Header,
        Field(
            title="Header row",
            description="Without one, columns are named column_1, column_2 and so on.",
            json_schema_extra={"labels": {"auto": "Detect automatically", "none": "None"}},
        ),
    ] = "auto"
    header_line: Annotated[
        int | None,
        Field(ge=1, le=100_000, title="Header on line", description="Lines above it are skipped."),
    ] = None
    skip_lines: Annotated[
        int, Field(ge=0, le=100_000, title="Lines to skip", description="At the top of the file.")
    ] = 0
    comment: Annotated[
        str,
        Field(
            max_length=10,
            title="Comment sign",
            description="Lines that begin with it are skipped, such as #. Leave empty to keep them.",
        ),
    ] = ""
    separator: Annotated[
        str,
        Field(
            max_length=10,
            title="Other delimiter",
            description="Any characters, such as ^ or ::. Used instead of Delimiter.",
        ),
    ] = ""
    quote: Annotated[
        str,
        Field(max_length=1, title="Quotation mark", description="Leave empty when fields are never quoted."),
    ] = '"'
    escape: Annotated[
        str,
        Field(
            max_length=1,
            title="Escape character",
            description="Before a quotation mark or delimiter that belongs to a field, such as \\.",
        ),
    ] = ""


AS_FOUND = Layout()
