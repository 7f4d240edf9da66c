"""Requests to the server: the token, retries, and errors as exceptions. It knows no task."""

from __future__ import annotations

import json as json_text
import random
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2

from dtq.client.errors import (
    BY_STATUS,
    BadAnswer,
    BadSetting,
    ConnectionFailed,
    FieldProblem,
    ProblemError,
    Unavailable,
)
from dtq.clock import utcnow

API = "/api/v1"
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 10.0
UNTOUCHED = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
REPEATABLE = frozenset({502, 503, 504})

T = TypeVar("T")


class Http:
    """Sends requests as one token. Safe to share by threads."""

    def __init__(self, url: str, token: str, timeout_s: float, retry_s: float, user_agent: str) -> None:
        self.url = checked_url(url)
        self._timeout_s = timeout_s
        self._retry_s = retry_s
        self._client = httpx2.Client(
            headers={"Authorization": f"Bearer {checked_token(token)}", "User-Agent": user_agent},
            follow_redirects=False,  # Another host must not get the token.
        )

    def close(self) -> None:
        self._client.close()

    def json(self, method: str, path: str, **given: Any) -> Any:
        """Return the answer's JSON. Raises DTQError; takes what `request` takes."""
        answer = self.request(method, path, **given)
        try:
            return answer.json()
        except ValueError:
            raise BadAnswer(f"The server at {self.url} did not answer with JSON. Check the URL.") from None

    def request(self, method: str, path: str, *, repeatable: bool = False, **given: Any) -> httpx2.Response:
        """Return the whole answer; takes what `exchange` takes. Raises DTQError.

        ``repeatable`` says that a request other than GET has the same effect when it is sent twice.
        """

        def send() -> httpx2.Response:
            with self.exchange(method, path, **given) as answer:
                answer.read()
                return answer

        return self.retried(send, repeatable or method == "GET")

    @contextmanager
    def exchange(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        json: Any = None,
        content: Callable[[], Iterable[bytes]] | None = None,
        headers: Mapping[str, str] | None = None,
        held_s: float = 0,
    ) -> Iterator[httpx2.Response]:
        """Send one request once; the caller reads the answer. Raises DTQError.

        ``content`` makes the body, anew for each time it is sent. ``held_s`` is how long the server was asked
        to hold the answer back.
        """
        sent = dict(headers or {})
        body: Any = content and content()
        if json is not None:
            body = json_text.dumps(json, allow_nan=False).encode()
            sent["Content-Type"] = "application/json"
        timeout = httpx2.Timeout(self._timeout_s, read=self._timeout_s + held_s)
        address = f"{self.url}{API}{path}"
        try:
            with self._client.stream(
                method, address, params=query, content=body, headers=sent, timeout=timeout
            ) as answer:
                if not answer.is_success:
                    answer.read()
                    raise problem_of(answer)
                yield answer
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            raise self._failed(error) from None  # Its frames hold the headers that were sent.

    def retried(self, send: Callable[[], T], repeatable: bool) -> T:
        """Call until it works, with growing random pauses, for `retry_s` from the first failure at most.

        What certainly did nothing is always sent again: where no connection came about, and 429. Full jitter:
        https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
        """
        until = float("inf")
        longest_s = FIRST_PAUSE_S
        while True:
            try:
                return send()
            except (ConnectionFailed, ProblemError) as error:
                pause_s = random.uniform(0, longest_s)  # noqa: S311  # a pause is no secret
                pause_s += getattr(error, "retry_after_s", None) or 0
                until = min(until, time.monotonic() + self._retry_s)
                if not _again(error, repeatable) or time.monotonic() + pause_s > until:
                    raise
            time.sleep(pause_s)
            longest_s = min(LONGEST_PAUSE_S, longest_s * 2)

    def _failed(self, error: Exception) -> ConnectionFailed:
        failed = ConnectionFailed(f"The server at {self.url} did not answer: {_reason(error)}.")
        failed.untouched = isinstance(error, UNTOUCHED)
        failed.lasting = any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(error))
        return failed


def _again(error: ConnectionFailed | ProblemError, repeatable: bool) -> bool:
    if isinstance(error, ConnectionFailed):
        return not error.lasting and (error.untouched or repeatable)
    return error.status == 429 or (repeatable and error.status in REPEATABLE)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _reason(error: Exception) -> str:
    if isinstance(error, httpx2.TimeoutException):
        return "it took too long"
    return str(error).rstrip(". ") or type(error).__name__


def checked_url(text: str) -> str:
    """Return the URL of a server without a slash at its end. Raises BadSetting."""
    url = text.strip().rstrip("/").removesuffix(API)
    try:
        parts = urlsplit(url)
        wrong = parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0
    except ValueError:
        wrong = True
    if wrong or "@" in parts.netloc or parts.query or parts.fragment:
        raise BadSetting(
            "Enter the server's URL, such as https://tasks.example.org, without a user or a query: "
            "pass url=, or set DTQ_URL."
        )
    return url


def checked_token(text: str) -> str:
    """Raises BadSetting, which does not repeat what was given."""
    token = text.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise BadSetting("Enter a token, which the profile page makes: pass token=, or set DTQ_TOKEN.")
    return token


def problem_of(answer: httpx2.Response) -> ProblemError:
    """Return the exception for an answer that is no success, also for one that a proxy made."""
    if answer.is_redirect:
        target = urlsplit(answer.headers.get("Location", ""))
        where = f"{target.scheme}://{target.netloc.rpartition('@')[2]}" if target.netloc else target.path
        detail = f"The server redirects to {where}. If you trust it, use its address as the URL."
        return ProblemError(answer.status_code, title="Redirected", detail=detail)
    try:
        found = answer.json()
    except ValueError:
        found = None
    said = found if isinstance(found, dict) else {}
    status = answer.status_code
    kind = BY_STATUS.get(status, Unavailable if status in REPEATABLE else ProblemError)
    title = str(said.get("title") or answer.reason_phrase)
    return kind(
        status,
        str(said.get("type") or "about:blank"),
        title,
        str(said.get("detail") or f"The server answered {status} {title}.".replace(" .", ".")),
        _fields(said.get("errors")),
        str(said.get("request_id") or answer.headers.get("X-Request-Id", "")),
        _retry_after_s(answer.headers.get("Retry-After")),
    )


def _fields(found: Any) -> list[FieldProblem]:
    wrong = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    return [FieldProblem(str(each.get("pointer")), str(each.get("detail"))) for each in wrong]


def _retry_after_s(text: str | None) -> float | None:
    """Return the seconds of a header that has a number or a date (RFC 9110, 10.2.3)."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (until.replace(tzinfo=until.tzinfo or timezone.utc) - utcnow()).total_seconds())
