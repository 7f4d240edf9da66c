"""Task types that ask other servers: what a form asks, what becomes of the answer, when to try again.

How it is done, and what is refused, is in the package beside this module, `dtq_library.http`.
"""

from __future__ import annotations

import json
import mimetypes
import re
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from dtq import Context, Fail, Retry, task
from dtq.checks import Check, chosen, given
from dtq.filenames import extended, safe_name
from dtq.outgoing.errors import Trouble
from dtq.outgoing.url import parse
from dtq_library.http import headers as headers_of
from dtq_library.http import parameters as ask
from dtq_library.http import retries
from dtq_library.http.body import as_text

if TYPE_CHECKING:
    from dtq_library.http.fetch import Answer, Request

INLINE_BYTES = 64 * 1024
_BODILESS = {"GET", "HEAD", "OPTIONS"}
_CONTENT_TYPE = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,100}", re.ASCII)


_BODY = Check(
    "body",
    "This method has no body. Choose POST or another one, or remove the body.",
    given("body"),
    chosen(method=sorted(_BODILESS)),
)
_BASIC = Check(
    "credentials",
    "For Basic, write user:password.",
    chosen(scheme="basic"),
    {"required": ["credentials"], "properties": {"credentials": {"type": "string", "pattern": "^[^:]+$"}}},
)
_ONE_AUTHORIZATION = Check(
    "credentials",
    "Authorization is among the headers already. Give it there or as credentials, not both.",
    given("credentials"),
    {"properties": {"headers": {"pattern": r"(?im)^ *authorization[ \t]*:"}}},
)


@task(
    title="HTTP request",
    category="Web",
    timeout_s=3_600,
    max_attempts=5,
    checks=[_BODY, _BASIC, _ONE_AUTHORIZATION],
)
def http_request(
    ctx: Context,
    url: ask.Address,
    method: ask.Method = "GET",
    headers: ask.Headers = "",
    credentials: ask.Credentials = None,
    scheme: ask.Scheme = "bearer",
    body: ask.Body = "",
    expected_status: ask.Expected = "200-299",
    timeout_s: ask.Timeout = 30.0,
    follow_redirects: ask.Redirects = True,
    retry: ask.Again = "safe",
    keep_body: ask.Keep = "auto",
) -> dict[str, Any]:
    """Call an address of the web and keep its answer: status, headers and body.

    **What is refused.** Only `http` and `https`, and only ports that an operator allows. Each address that
    the host has is looked at before it is connected to: private, local, reserved and disguised ones are
    refused, and so are odd spellings of them. Redirects are looked at in the same way and never lead from
    https to http. Certificates are always checked. An operator can allow a host by name.

    **Credentials** are encrypted as soon as the form is sent. They go to the host of the address alone, never
    along with a redirect to another one, and are hidden in the log, the result and a body that repeats them.

    **Headers.** One per line. To another host, a redirect takes along only `Accept`, `Accept-Language`,
    `Content-Type` and `User-Agent`. Values of headers that may be secrets are hidden in the result and the
    log; what you write in this field stays visible to those who may see the task.

    **Trying again.** After 429, after most statuses from 500 on, and when the network fails, the task is run
    again: after the time that the server names in `Retry-After`, else after a growing while. By default,
    `POST` and `PATCH` are sent again only when the server cannot have done them (no connection, 429, 503).
    Any other unexpected status fails the task; the beginning of the body is in its log.

    **The result:**

    - `status`, `reason`; `url`, where the answer came from, without its query; `address`, the server's.
    - `redirects`: status and address of each.
    - `seconds`, all in all; `size` of the body in bytes, unpacked.
    - `headers` of the answer, `content_type` and `encoding`.
    - `body` as text when it is text of 64 KB or less, `file` otherwise. `notes`: what a person should know.
    """
    request = _authorized(_request(method, url, headers, body), scheme, credentials)
    expected = statuses(expected_status)
    sink = ctx.work_dir / "body"
    answer = _fetch(ctx, request, sink, timeout_s=timeout_s, redirects=follow_redirects, retry=retry)
    ctx.redact_file(sink)  # it may repeat the credentials
    ctx.log(f"{answer.status} {_phrase(answer.status)}: {answer.size:,} bytes in {answer.seconds:.2f} s")
    if answer.status not in expected:
        _unexpected(ctx, answer, sink, request.method, expected_status, retry)
    return _result(ctx, answer, sink, keep_body)


def _request(method: ask.Method, url: str, headers: str, body: str) -> Request:
    from dtq_library.http.fetch import Request

    sent = headers_of.parse(headers)
    if body and method in _BODILESS:
        raise Fail(f"A {method} request has no body; choose POST or another method, or remove the body.")
    if body and not headers_of.has(sent, "content-type"):
        sent.append(("Content-Type", "application/json" if _is_json(body) else "text/plain; charset=utf-8"))
    content = None if method in _BODILESS else body.encode("utf-8", "surrogatepass")
    return Request(method, parse(url.strip()), sent, content)


def _authorized(request: Request, scheme: str, credentials: ask.Credentials) -> Request:
    """The request with its credentials. Raises Fail."""
    if credentials is None:
        return request
    if headers_of.has(request.headers, "authorization"):
        raise Fail("Authorization is among the headers already; give it there or as credentials, not both.")
    request.headers.append(headers_of.authorization(scheme, credentials.get_secret_value()))
    return request


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def statuses(text: str) -> frozenset[int]:
    """``200-299, 404`` as numbers. Raises Fail for a range that runs backwards."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        numbers = range(int(first), int(last or first) + 1)
        if not numbers:
            raise Fail(f"The expected status {part.strip()} runs backwards; write the lower number first.")
        found.update(numbers)
    return frozenset(found)


def _fetch(
    ctx: Context, request: Request, sink: Path, *, timeout_s: float, redirects: bool, retry: retries.When
) -> Answer:
    from dtq.outgoing.gate import Policy
    from dtq_library.http.fetch import FetchLimits, fetch

    settings = ctx.settings
    policy = Policy.of(settings.http_allow, settings.http_ports)
    limits = FetchLimits(timeout_s, settings.http_max_mb * 2**20, redirects)
    ctx.log(f"{request.method} {request.url.shown}")
    for header in headers_of.shown(request.headers):
        ctx.log(f"  {header['name']}: {header['value']}")
    ctx.progress(0, None, f"Asking {request.url.host}")
    try:
        return fetch(
            request, policy, limits, sink, lambda done, total: ctx.progress(done, total, "Reading the body")
        )
    except Trouble as trouble:
        if retries.may_repeat(retry, request.method, done=trouble.sent):
            raise Retry(str(trouble)) from trouble
        may_be = " The server may have done what was asked, so it is not sent again." if trouble.sent else ""
        raise Fail(f"{trouble}{may_be}") from trouble


def _unexpected(
    ctx: Context, answer: Answer, sink: Path, method: str, expected: str, retry: retries.When
) -> None:
    """Raises Retry or Fail."""
    said = f"The server answered {answer.status} {_phrase(answer.status)}; {expected} was expected."
    with sink.open("rb") as file:
        beginning = file.read(2_000).decode("utf-8", "replace")
    if beginning and "\x00" not in beginning:
        ctx.log(
            "The body begins:\n" + "".join(c if c.isprintable() or c in "\n\t" else "?" for c in beginning)
        )
    done = retries.may_be_done(answer.status)
    if retries.passing(answer.status) and retries.may_repeat(retry, method, done=done):
        raise Retry(said, retries.after_s(answer.headers))
    raise Fail(said)


def _phrase(status: int) -> str:
    """The standard's words for a status, not the server's."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "(no status of the standard)"


def _result(ctx: Context, answer: Answer, sink: Path, keep: str) -> dict[str, Any]:
    content_type = answer.header("content-type")
    text, encoding, notes = None, None, []
    if answer.coding and answer.size:
        notes = [
            f"The body is packed in a way that is not known here ({answer.coding[:40]}); it was kept so."
        ]
    elif keep == "auto" and 0 < answer.size <= INLINE_BYTES:
        text, encoding, notes = as_text(sink, content_type)
    file = None
    if answer.size and text is None and keep != "nothing":
        kind = _CONTENT_TYPE.match(content_type)
        file = ctx.save_file(sink, file_name(answer.url.target, kind[0] if kind else ""), kind and kind[0])
    return {
        "status": answer.status,
        "reason": _phrase(answer.status),
        "url": answer.url.shown,
        "address": answer.address,
        "redirects": [{"status": status, "url": url.shown} for status, url in answer.hops],
        "seconds": round(answer.seconds, 3),
        "size": answer.size,
        "content_type": headers_of.shown([("content-type", content_type)])[0]["value"] or None,
        "encoding": encoding,
        "headers": headers_of.shown((name, ctx.redact(value)) for name, value in answer.headers),
        "body": text,
        "file": file,
        "notes": notes,
    }


def file_name(target: str, content_type: str) -> str:
    """A name for a body, from the end of its path and its type."""
    name = safe_name(PurePosixPath(unquote(target.partition("?")[0])).name or "body")
    if PurePosixPath(name).suffix:
        return name
    return extended(name, mimetypes.guess_extension(content_type) or "")
