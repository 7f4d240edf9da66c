"""What a client does, as plain data: the steps of an operation, which a transport takes one after the other.

An operation is a generator that yields steps and is sent their outcomes. It is written once; threads and
coroutines differ only in the transport (`dtq.client.http`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx2

T = TypeVar("T")


@dataclass(frozen=True)
class Request:
    """A request, whose outcome is the whole answer.

    ``content`` makes the body, anew for each time it is sent. ``held_s`` is how long the server was asked to
    hold the answer back.
    """

    method: str
    path: str
    query: Mapping[str, Any] | None = None
    json: Any = None
    content: Callable[[], Iterable[bytes]] | None = None
    headers: Mapping[str, str] | None = None
    held_s: float = 0


@dataclass(frozen=True)
class Download:
    """A request whose answer is handed over as it comes; ``begin`` sees its status and headers first."""

    request: Request
    begin: Callable[[httpx2.Response], None]
    take: Callable[[bytes], None]


@dataclass(frozen=True)
class Open:
    """A request whose answer is read bit by bit, by `Chunk`; its outcome is an `Opened`.

    The one before is closed by it; the last one is when the operation ends.
    """

    request: Request


@dataclass(frozen=True)
class Opened:
    """An answer that has begun; ``chunks`` is a matter of the transport."""

    content_type: str
    chunks: Any


@dataclass(frozen=True)
class Chunk:
    """The next bytes of an answer, as soon as there are some; None at its end."""

    of: Opened


@dataclass(frozen=True)
class Pause:
    """Nothing, for some seconds."""

    seconds: float


@dataclass(frozen=True)
class Call:
    """A function that may block, on files; its outcome is what it returns."""

    function: Callable[[], Any]


@dataclass(frozen=True)
class Item:
    """Something that an iterator gives its reader."""

    value: Any


Step = Request | Download | Open | Chunk | Pause | Call | Item
Steps = Generator[Step, Any, T]
