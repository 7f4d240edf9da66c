"""Secrets out of sight in whatever a task says: its output, progress, result and errors.

A :class:`Mask` knows the secrets of one attempt in the spellings in which they usually come to light: plain,
Base64 (also in the middle of something longer, such as `user:password`), URL-quoted, hexadecimal, JSON, HTML
and Python literals, and each line of one that has several. What is shorter than `LEAST` characters is not
looked for: it would be found in ordinary words.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

from app.core.secrets.secret import MASK, secrets_in

LEAST = 4
LEAST_LINE = 8
FILL = b"\xc0"
"""What stands for each byte of a secret in an output of fixed length: no UTF-8 has this byte."""

_FILLED = re.compile(FILL + b"{%d,}" % LEAST)
Span = tuple[int, int]


def collapsed(output: bytes) -> bytes:
    """An output that was filled, as it is shown."""
    return _FILLED.sub(MASK.encode(), output)


class Mask:
    """Hides some secrets; falsy when there are none to hide."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        found = {spelling for secret in secrets for spelling in _spellings(secret)}
        self._needles = sorted((needle for needle in found if len(needle) >= LEAST), key=len, reverse=True)
        self.longest = len(self._needles[0]) if self._needles else 0

    @classmethod
    def of(cls, params: Any) -> Mask:
        """The mask for parameters in which secrets are still `Secret`."""
        return cls(secrets_in(params))

    def __bool__(self) -> bool:
        return bool(self._needles)

    def text(self, text: str) -> str:
        """A text with each secret as `MASK`."""
        content = text.encode("utf-8", "surrogatepass") if self._needles else b""
        spans = self.spans(content)
        return _cut(content, spans).decode("utf-8", "surrogatepass") if spans else text

    def value(self, value: Any) -> Any:
        """A JSON value in which no text, key or number is a secret or holds one."""
        if not self._needles:
            return value
        if isinstance(value, dict):
            return {self.text(name): self.value(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.value(inner) for inner in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            return MASK if self.text(str(value)) == MASK else value
        return self.text(value) if isinstance(value, str) else value

    def spans(self, content: bytes) -> list[Span]:
        """Where secrets are, in order; those that touch are one."""
        merged: list[Span] = []
        for start, end in sorted(self._found(content)):
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged

    def _found(self, content: bytes) -> Iterator[Span]:
        for needle in self._needles:
            at = content.find(needle)
            while at >= 0:
                yield at, at + len(needle)
                at = content.find(needle, at + 1)

    def settled(self, content: bytes, spans: list[Span]) -> int:
        """How much of the beginning is decided, whatever comes after it.

        The rest may be the first part of a secret whose end is not there yet.
        """
        until = len(content) - max((_begun(needle, content) for needle in self._needles), default=0)
        return min([until, *(start for start, end in spans if start < until < end)])


def _begun(needle: bytes, content: bytes) -> int:
    """How many bytes at the end of a content are the beginning of a needle."""
    at = max(0, len(content) - len(needle) + 1)
    while (at := content.find(needle[:1], at)) >= 0:
        if needle.startswith(content[at:]):
            return len(content) - at
        at += 1
    return 0


def _cut(content: bytes, spans: list[Span]) -> bytes:
    parts, at = [], 0
    for start, end in spans:
        parts += [content[at:start], MASK.encode()]
        at = end
    return b"".join([*parts, content[at:]])


# How a secret may be written


def _spellings(secret: str) -> Iterator[bytes]:
    lines = [line.strip() for line in secret.splitlines()]
    texts = {secret, secret.strip(), *(line for line in lines if len(line) >= LEAST_LINE)}
    for text in texts:
        if len(text.strip()) >= LEAST:
            yield from _encoded(text.encode("utf-8", "surrogatepass"))
            yield from (spelling.encode("utf-8", "surrogatepass") for spelling in _escaped(text))


def _encoded(raw: bytes) -> Iterator[bytes]:
    yield raw
    yield from (raw.hex().encode(), raw.hex().upper().encode())
    yield from (base64.b64encode(raw).rstrip(b"="), base64.urlsafe_b64encode(raw).rstrip(b"="))
    for before in range(3):
        yield from (_inner(base64.b64encode, raw, before), _inner(base64.urlsafe_b64encode, raw, before))
    for quoted in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        yield quoted.encode()
        yield re.sub("%..", lambda match: match[0].lower(), quoted).encode()


def _inner(encode: Any, raw: bytes, before: int) -> bytes:
    """The part of a Base64 text that is the same whatever else stands around ``raw`` in it."""
    encoded: bytes = encode(b"\0" * before + raw)
    return encoded[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]


def _escaped(text: str) -> Iterator[str]:
    yield from (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
    yield from (repr(text)[1:-1], ascii(text)[1:-1], repr(text.encode("utf-8", "surrogatepass"))[2:-1])
    yield from (html.escape(text), html.escape(text, quote=False))
