"""The parameters of *HTTP request*, as its form shows them."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from dtq.lines import Accept, Lines, Refuse
from dtq_library.http.headers import GRAMMAR
from dtq_library.http.retries import When

_DIGIT = "[0-9]"
_BACKWARDS = "|".join(
    [
        *(rf"{high}{_DIGIT}{{2}}\s*-\s*[1-{high - 1}]{_DIGIT}{{2}}" for high in range(2, 6)),
        *(
            rf"(?P<first{high}>{_DIGIT}){high}{_DIGIT}\s*-\s*(?P=first{high})[0-{high - 1}]{_DIGIT}"
            for high in range(1, 10)
        ),
        *(rf"(?P<two{high}>{_DIGIT}{{2}}){high}\s*-\s*(?P=two{high})[0-{high - 1}]" for high in range(1, 10)),
    ]
)
"""A range of which the first number is larger."""
_RANGE = r"\s*[1-5][0-9]{2}\s*(-\s*[1-5][0-9]{2}\s*)?"

Address = Annotated[
    str,
    Field(
        min_length=1,
        max_length=8_192,
        title="URL",
        description="Begins with https:// or http://. Hosts inside this network are refused, "
        "unless an operator allows them.",
    ),
    Lines(
        Refuse(
            r"(?i:https?)://[^/?#]*@.*", "Remove the user name before the host, and give it as credentials."
        ),
        Accept(r"(?i:https?)://[^/?#\s\\]+(?:[/?#][^\s\\]*)?"),
        otherwise="Enter an address that begins with http:// or https:// and a host, without spaces.",
        at_run=False,
    ),
]
Method = Annotated[Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"], Field(title="Method")]
Headers = Annotated[
    str,
    Field(
        max_length=20_000,
        title="Headers",
        description="One per line, such as Accept: application/json. They are stored with the task and shown "
        "to those who may see it; put tokens in Credentials below.",
        json_schema_extra={"format": "textarea"},
    ),
    GRAMMAR,
]
Credentials = Annotated[
    SecretStr | None,
    Field(
        max_length=8_000,
        title="Credentials",
        description="A token, or user:password. Kept encrypted, never shown, and sent to this host alone.",
    ),
]
Scheme = Annotated[
    Literal["bearer", "basic", "plain"],
    Field(
        title="Authentication",
        json_schema_extra={
            "labels": {
                "bearer": "Bearer token",
                "basic": "Basic (user:password)",
                "plain": "Custom Authorization header",
            },
        },
    ),
]
Body = Annotated[
    str,
    Field(
        title="Body",
        description="Sent in UTF-8. Without a Content-Type above, JSON is announced as JSON and anything "
        "else as text.",
        json_schema_extra={"format": "textarea"},
    ),
]
Expected = Annotated[
    str,
    Field(
        pattern=rf"^{_RANGE}(,{_RANGE})*$",
        max_length=200,
        title="Expected status",
        description="Comma-separated codes or ranges, e.g. 200-299, 404. Any other status fails the task.",
    ),
    Lines(
        Refuse(
            rf"(?:.*,)?\s*(?:{_BACKWARDS})\s*(?:,.*)?",
            "A range runs backwards. Write its lower number first.",
        ),
        Accept(".*"),
        otherwise="Write numbers and ranges with commas between them.",
        at_run=False,
    ),
]
Timeout = Annotated[
    float,
    Field(
        ge=0.1,
        le=3_000,
        title="Timeout in seconds",
        description="For everything together: connecting, redirects, and the body to its end.",
        json_schema_extra={"advanced": True},
    ),
]
Redirects = Annotated[
    bool,
    Field(
        title="Follow redirects",
        description="Ten at the most, each checked like the address itself.",
        json_schema_extra={"advanced": True},
    ),
]
Again = Annotated[
    When,
    Field(
        title="Try again",
        description="After 429, a status from 500 on, or a broken connection; when the server says, "
        "else after a growing while.",
        json_schema_extra={
            "advanced": True,
            "labels": {
                "safe": "When nothing can be done twice by that",
                "always": "Always",
                "never": "Never",
            },
        },
    ),
]
Keep = Annotated[
    Literal["auto", "file", "nothing"],
    Field(
        title="Keep the body",
        json_schema_extra={
            "advanced": True,
            "labels": {
                "auto": "As text when it is short text, else as a file",
                "file": "As a file",
                "nothing": "Not at all",
            },
        },
    ),
]
