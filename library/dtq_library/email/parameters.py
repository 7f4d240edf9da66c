"""The parameters of *Send an e-mail*, as its form shows them."""

from typing import Annotated

from pydantic import Field

from dtq import File
from dtq.lines import Accept, Lines, Part, Refuse

NOBODY: list[str] = []

_ADDRESSES = Lines(
    Accept(
        "(?P<address>.+)",
        address=Part(
            {
                "type": "string",
                "anyOf": [
                    {"format": "email"},
                    {"pattern": r"(?i)^[^@\s]+@(?:[a-z0-9-]{1,63}\.)*local(?:host)?$"},
                ],
            },
            "Enter an e-mail address, such as ann@example.org.",
        ),
    ),
    otherwise="Enter an e-mail address, such as ann@example.org.",
    at_run=False,
)

To = Annotated[
    list[str],
    Field(min_length=1, max_length=50, title="To", description="Addresses, one per line: ann@example.org"),
    _ADDRESSES,
]
Cc = Annotated[
    list[str],
    Field(max_length=50, title="Cc", description="Who gets a copy, one per line. Everybody sees everybody."),
    _ADDRESSES,
]
Subject = Annotated[
    str,
    Field(min_length=1, max_length=250, title="Subject"),
    Lines(
        Refuse(r".*=\?.*\?=.*", "Remove =? and ?=: mail programs expect code between them."),
        Accept(r"[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*"),
        otherwise="Write one line of visible characters.",
        at_run=False,
    ),
]
Text = Annotated[
    str,
    Field(min_length=1, title="Text", description="Plain text.", json_schema_extra={"format": "textarea"}),
]
Attachment = Annotated[File | None, Field(title="Attachment", description="One file, 25 MB at the most.")]
