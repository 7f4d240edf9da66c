"""One exchange: a request, its redirects, and the body of the last answer in a file.

Every hop is a connection of its own through the gate. What a redirect may do is what a browser lets it do,
and less: it never leads from https to http.
"""

from __future__ import annotations

import ssl
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpcore2

from dtq.outgoing.deadline import Deadline, TimeOver
from dtq.outgoing.errors import Refused, Trouble
from dtq.outgoing.gate import Gate, Policy
from dtq.outgoing.trust import trust
from dtq.outgoing.url import ParsedUrl, join
from dtq_library.http import headers as headers_of
from dtq_library.http.body import Gunzip
from dtq_library.http.headers import Header

MOST_REDIRECTS = 10
_REDIRECTS = {301, 302, 303, 307, 308}
_BROKEN = (httpcore2.ProtocolError, httpcore2.NetworkError, httpcore2.TimeoutException)


@dataclass(frozen=True)
class Request:
    """What to send. ``headers`` are those of a person; the rest is added here."""

    method: str
    url: ParsedUrl
    headers: list[Header] = field(default_factory=list)
    body: bytes | None = None


@dataclass(frozen=True)
class FetchLimits:
    """``timeout_s`` is for everything together; ``max_bytes`` for the body, also when unpacked."""

    timeout_s: float
    max_bytes: int
    redirects: bool = True


@dataclass(frozen=True)
class Answer:
    """The last answer; its body is in the file that was named, ``size`` bytes.

    ``coding`` is how the body is still encoded, because it could not be unpacked.
    """

    status: int
    url: ParsedUrl
    headers: list[Header]
    hops: list[tuple[int, ParsedUrl]]
    address: str
    seconds: float
    size: int
    coding: str = ""

    def header(self, name: str) -> str:
        """The first value of a header, or nothing."""
        return next((value for header, value in self.headers if header.lower() == name), "")


Told = Callable[[int, int | None], object]
"""Called with the bytes so far and those that were announced; raises when it should stop."""


def fetch(request: Request, policy: Policy, limits: FetchLimits, sink: Path, told: Told) -> Answer:
    """Send a request and follow where it leads. Raises Refused, Trouble, and what ``told`` raises."""
    deadline = Deadline(limits.timeout_s)
    hops: list[tuple[int, ParsedUrl]] = []
    while True:
        gate = Gate(policy, deadline)
        with _exchange(request, gate, deadline, sent_before=bool(hops)) as response:
            location = _location(response) if limits.redirects else None
            if location is None:
                size, coding = _receive(request, response, limits.max_bytes, sink, told)
                found = _headers(response)
                return Answer(
                    response.status, request.url, found, hops, gate.address, deadline.passed_s, size, coding
                )
        hops.append((response.status, request.url))
        if len(hops) > MOST_REDIRECTS:
            raise Refused(f"The server redirected more than {MOST_REDIRECTS} times.")
        request = redirected(request, response.status, location)


@contextmanager
def _exchange(
    request: Request, gate: Gate, deadline: Deadline, *, sent_before: bool
) -> Iterator[httpcore2.Response]:
    url = request.url
    target = httpcore2.URL(
        scheme=url.scheme.encode(), host=url.host.encode(), port=url.port, target=url.target.encode()
    )
    try:
        with (
            httpcore2.ConnectionPool(_trust(url), network_backend=gate, max_connections=1) as pool,
            pool.stream(request.method, target, headers=_sent(request), content=request.body) as response,
        ):
            yield response
    except TimeOver as error:
        sent = sent_before or bool(gate.address)
        raise Trouble(f"{url.shown} had not answered whole when the time was over.", sent=sent) from error
    except _BROKEN as error:
        raise _trouble(error, url, sent_before) from error


def _trust(url: ParsedUrl) -> ssl.SSLContext | None:
    return trust() if url.scheme == "https" else None


def _trouble(error: Exception, url: ParsedUrl, sent: bool) -> Exception:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Refused(f"The certificate of {url.host} is not trusted: {cause.verify_message}.")
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, (httpcore2.ConnectError, httpcore2.ConnectTimeout)):
        return Trouble(f"{url.authority} did not take the connection: {_reason(error)}.", sent=sent)
    if isinstance(error, httpcore2.TimeoutException):
        return Trouble(f"{url.shown} had not answered whole when the time was over.", sent=True)
    return Trouble(
        f"{url.shown} broke the connection off or did not speak HTTP: {_reason(error)}.", sent=True
    )


def _reason(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return "".join(char for char in text if char.isprintable())[:200].rstrip(".")


def _sent(request: Request) -> list[tuple[bytes, bytes]]:
    defaults = [("Accept", "*/*"), ("User-Agent", "distributed-task-queue")]
    added = [(name, value) for name, value in defaults if not headers_of.has(request.headers, name.lower())]
    fixed = [("Host", request.url.authority), ("Accept-Encoding", "gzip"), ("Connection", "close")]
    if request.body is not None:
        fixed.append(("Content-Length", str(len(request.body))))
    return [(name.encode(), value.encode()) for name, value in [*fixed, *added, *request.headers]]


def _headers(response: httpcore2.Response) -> list[Header]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers]


def _location(response: httpcore2.Response) -> str | None:
    """Where a redirect leads, as it says."""
    if response.status not in _REDIRECTS:
        return None
    values = [value for name, value in response.headers if name.lower() == b"location"]
    return values[0].decode("utf-8", "replace") if values else None


def redirected(request: Request, status: int, location: str) -> Request:
    """The next request. Raises Refused."""
    url = join(request.url, location)
    if request.url.scheme == "https" and url.scheme == "http":
        raise Refused(
            f"{request.url.shown} redirects to {url.shown}, from https to http; that is not followed."
        )
    moved = replace(request, url=url)
    if (status == 303 and request.method != "HEAD") or (status in (301, 302) and request.method == "POST"):
        moved = replace(moved, method="GET", body=None, headers=headers_of.without_body(request.headers))
    if url.origin != request.url.origin:
        moved = replace(moved, headers=headers_of.traveling(moved.headers))
    return moved


def _receive(
    request: Request, response: httpcore2.Response, max_bytes: int, sink: Path, told: Told
) -> tuple[int, str]:
    """The body into a file; returns its size and how it is still encoded."""
    fields = {name.lower(): value.decode("latin-1").strip().lower() for name, value in response.headers}
    coding = fields.get(b"content-encoding", "").replace("x-gzip", "gzip").replace("identity", "")
    length = fields.get(b"content-length", "")
    total = int(length) if length.isdigit() and coding != "gzip" else None
    gunzip = Gunzip() if coding == "gzip" else None
    size = 0
    with sink.open("wb") as file:
        for piece in _pieces(response, gunzip, request.url):
            size += len(piece)
            if size > max_bytes:
                raise Refused(
                    f"The body is larger than {max_bytes / 2**20:,.0f} MB, the limit here (HTTP_MAX_MB)."
                )
            file.write(piece)
            told(size, total)
    if gunzip and size and not gunzip.whole:
        raise Trouble(f"{request.url.shown} sent a gzip body without its end.", sent=True)
    return size, "" if gunzip else coding


def _pieces(response: httpcore2.Response, gunzip: Gunzip | None, url: ParsedUrl) -> Iterator[bytes]:
    try:
        for chunk in response.iter_stream():
            if gunzip is None:
                yield chunk
            else:
                yield from gunzip.feed(chunk)
    except zlib.error:
        raise Trouble(f"{url.shown} sent a body that says it is gzip and is not.", sent=True) from None
