"""Headers: what a person may send, what stays behind at another origin, what is never shown."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable

from dtq import Fail
from dtq.lines import Accept, Lines, Part, Refuse

Header = tuple[str, str]

HIDDEN = "(hidden)"
MOST = 100
MOST_CHARS = 8_192
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_OURS = re.compile(
    r"host|content-length|transfer-encoding|connection|keep-alive|proxy-.*|te|trailer|upgrade|expect"
    r"|accept-encoding",
    re.IGNORECASE,
)
_SECRET = re.compile(
    r"auth(?!enticate)|cookie|token|secret|password|passwd|session|signature|credential|api-?key|key$",
    re.IGNORECASE,
)
GRAMMAR = Lines(
    Refuse(rf"(?i:{_OURS.pattern})\s*:.*", "this header is set by the program and cannot be given."),
    Accept(
        rf"{_NAME.pattern}:(?P<value>.*)",
        value=Part(
            {"pattern": rf"^[\t -~]{{0,{MOST_CHARS}}}$"},
            "the value holds a character that a header cannot have, or is too long. "
            "Encode letters beyond ASCII.",
        ),
    ),
    otherwise="write Name: value.",
    at_run=False,
)
_TRAVEL = {"accept", "accept-language", "content-type", "user-agent"}
"""What goes along to another origin. A list of what stays would miss the next name for a secret."""


def parse(text: str) -> list[Header]:
    """One header a line, ``Name: value``. Raises Fail naming the line, never its value."""
    lines = [line.strip(" ") for line in text.split("\n")]
    headers = [_header(line, number) for number, line in enumerate(lines, start=1) if line]
    if len(headers) > MOST:
        raise Fail(f"At most {MOST} headers can be sent.")
    return headers


def _header(line: str, number: int) -> Header:
    name, colon, value = line.partition(":")
    value = value.strip(" \t")
    if not colon or not _NAME.fullmatch(name):
        raise Fail(f"Line {number} of the headers is not of the form `Name: value`.")
    if _OURS.fullmatch(name):
        raise Fail(f"Line {number} of the headers: {name} is set by the program and cannot be given.")
    if len(value) > MOST_CHARS or not value.isascii() or not value.replace("\t", " ").isprintable():
        raise Fail(
            f"Line {number} of the headers: the value of {name} holds a character that a header cannot have, "
            f"or more than {MOST_CHARS:,} of them. Letters beyond ASCII must be encoded."
        )
    return name, value


def authorization(scheme: str, credentials: str) -> Header:
    """The header that proves who asks. Raises Fail, and never repeats the credentials."""
    text = credentials.strip()
    if (not text.isascii() and scheme != "basic") or not text.isprintable():
        raise Fail("The credentials hold a character that a header cannot have.")
    if scheme == "basic":
        if ":" not in text:
            raise Fail("For Basic, the credentials are of the form user:password.")
        text = base64.b64encode(text.encode()).decode()
    return "Authorization", {"basic": "Basic ", "bearer": "Bearer "}.get(scheme, "") + text


def has(headers: Iterable[Header], name: str) -> bool:
    """Whether a header is among them, in upper or lower case."""
    return any(header.lower() == name for header, _ in headers)


def traveling(headers: Iterable[Header]) -> list[Header]:
    """What is sent to another origin after a redirect: nothing that may be a secret."""
    return [(name, value) for name, value in headers if name.lower() in _TRAVEL]


def without_body(headers: Iterable[Header]) -> list[Header]:
    """The headers of a request that lost its body."""
    return [(name, value) for name, value in headers if not name.lower().startswith("content-")]


def shown(headers: Iterable[Header]) -> list[dict[str, str]]:
    """For results and logs: secrets hidden, no control characters, cut to a length that can be read."""
    return [
        {"name": name, "value": HIDDEN if _SECRET.search(name) else _visible(value)}
        for name, value in list(headers)[:MOST]
    ]


def _visible(text: str) -> str:
    cut = text if len(text) <= 1_000 else f"{text[:1_000]}..."
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in cut)
