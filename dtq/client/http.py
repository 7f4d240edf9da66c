"""Steps taken over HTTP, in threads or coroutines: token, retries, errors as exceptions. It knows no task."""

from __future__ import annotations

import asyncio
import json as json_text
import random
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, closing, contextmanager
from datetime import timezone
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2

from dtq.client.errors import (
    BY_STATUS,
    BadSetting,
    ConnectionFailed,
    FieldProblem,
    ProblemError,
    Unavailable,
)
from dtq.client.steps import Call, Chunk, Download, Item, Open, Opened, Pause, Request, Step, Steps
from dtq.clock import utcnow
from dtq.trace_context import trace_headers

API = "/api/v1"
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 10.0
UNTOUCHED = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
REPEATABLE = frozenset({502, 503, 504})

T = TypeVar("T")


class Http:
    """What both transports share: where requests go, what is in them, and errors as exceptions."""

    def __init__(self, url: str, token: str, timeout_s: float, user_agent: str) -> None:
        self.url = checked_url(url)
        self._timeout_s = timeout_s
        self.options: dict[str, Any] = {
            # As Headers, which do not show the token where somebody prints them.
            "headers": httpx2.Headers(
                {"Authorization": f"Bearer {checked_token(token)}", "User-Agent": user_agent}
            ),
            "follow_redirects": False,  # Another host must not get the token.
        }

    def sent(self, request: Request) -> dict[str, Any]:
        """Return the arguments of `stream` but for content."""
        headers = dict(request.headers or {})
        if request.method == "POST":
            headers |= trace_headers()
        if request.json is not None:
            headers["Content-Type"] = "application/json"
        return {
            "method": request.method,
            "url": f"{self.url}{API}{request.path}",
            "params": request.query,
            "headers": headers,
            "timeout": httpx2.Timeout(self._timeout_s, read=self._timeout_s + request.held_s),
        }

    @contextmanager
    def failing(self) -> Iterator[None]:
        """Raise ConnectionFailed for an exchange that breaks off."""
        try:
            yield
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            raise self.failed(error) from None  # Its frames hold the headers that were sent.

    def failed(self, error: Exception) -> ConnectionFailed:
        failed = ConnectionFailed(f"The server at {self.url} did not answer: {_reason(error)}.")
        failed.untouched = isinstance(error, UNTOUCHED)
        failed.lasting = any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(error))
        return failed


class Course:
    """The steps of an operation one after another; each goes on with what came of the one before."""

    def __init__(self, steps: Steps[Any], ended: list[Any] | None) -> None:
        self._steps, self._ended = steps, ended
        self._resume: Callable[[], Step] = partial(next, steps)

    def __iter__(self) -> Course:
        return self

    def __next__(self) -> Step:
        """Return the next step; what the operation returns is added to ``ended``. Raises what it raises."""
        resume, self._resume = self._resume, partial(next, self._steps)
        try:
            return resume()
        except StopIteration as stop:
            if self._ended is not None:
                self._ended.append(stop.value)
            raise

    def answer(self, found: Any) -> None:
        """Go on with what a step gave."""
        self._resume = partial(self._steps.send, found)

    def fail(self, error: Exception) -> None:
        """Go on with the error of a step; the operation decides what it means."""
        self._resume = partial(self._steps.throw, error)


class Transport:
    """Takes the steps of operations in a thread. Safe to share by threads."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._client = httpx2.Client(**http.options)

    def close(self) -> None:
        self._client.close()

    def run(self, steps: Steps[T]) -> T:
        """Return what an operation returns. Raises what it raises."""
        ended: list[T] = []
        for _ in self.iterate(steps, ended):
            raise AssertionError("An operation that is not iterated over gave an item.")
        return ended[0]

    def iterate(self, steps: Steps[Any], ended: list[Any] | None = None) -> Iterator[Any]:
        """Yield the items of an operation; what it returns is added to ``ended``."""
        with closing(steps), ExitStack() as opened:
            course = Course(steps, ended)
            for step in course:
                if isinstance(step, Item):
                    yield step.value
                    continue
                try:
                    course.answer(self._take(step, opened))
                except Exception as error:
                    course.fail(error)

    def _take(self, step: Step, opened: ExitStack) -> Any:
        match step:
            case Request():
                with self._exchange(step) as answer:
                    answer.read()
                    return answer
            case Download():
                with self._exchange(step.request) as answer:
                    step.begin(answer)
                    for chunk in answer.iter_bytes():
                        step.take(chunk)
            case Open():
                opened.close()
                answer = opened.enter_context(self._exchange(step.request))
                return Opened(answer.headers.get("Content-Type", ""), answer.iter_bytes())
            case Chunk():
                with self._http.failing():
                    return next(step.of.chunks, None)
            case Pause():
                time.sleep(step.seconds)
            case Call():
                return step.function()
        return None

    @contextmanager
    def _exchange(self, request: Request) -> Iterator[httpx2.Response]:
        content: Any = request.content() if request.content else _body(request)
        with (
            self._http.failing(),
            self._client.stream(**self._http.sent(request), content=content) as answer,
        ):
            if not answer.is_success:
                answer.read()
                raise problem_of(answer)
            yield answer


class AsyncTransport:
    """Takes the steps of operations in coroutines of one event loop."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._client = httpx2.AsyncClient(**http.options)

    async def close(self) -> None:
        await self._client.aclose()

    async def run(self, steps: Steps[T]) -> T:
        """Return what an operation returns. Raises what it raises."""
        ended: list[T] = []
        async for _ in self.iterate(steps, ended):
            raise AssertionError("An operation that is not iterated over gave an item.")
        return ended[0]

    async def iterate(self, steps: Steps[Any], ended: list[Any] | None = None) -> AsyncGenerator[Any]:
        """Yield the items of an operation; what it returns is added to ``ended``."""
        with closing(steps):
            async with AsyncExitStack() as opened:
                course = Course(steps, ended)
                for step in course:
                    if isinstance(step, Item):
                        yield step.value
                        continue
                    try:
                        course.answer(await self._take(step, opened))
                    except Exception as error:
                        course.fail(error)

    async def _take(self, step: Step, opened: AsyncExitStack) -> Any:
        match step:
            case Request():
                async with self._exchange(step) as answer:
                    await answer.aread()
                    return answer
            case Download():
                async with self._exchange(step.request) as answer:
                    step.begin(answer)
                    async for chunk in answer.aiter_bytes():
                        await asyncio.to_thread(step.take, chunk)
            case Open():
                await opened.aclose()
                answer = await opened.enter_async_context(self._exchange(step.request))
                return Opened(answer.headers.get("Content-Type", ""), answer.aiter_bytes())
            case Chunk():
                with self._http.failing():
                    return await anext(step.of.chunks, None)
            case Pause():
                await asyncio.sleep(step.seconds)
            case Call():
                return await asyncio.to_thread(step.function)
        return None

    @asynccontextmanager
    async def _exchange(self, request: Request) -> AsyncIterator[httpx2.Response]:
        content: Any = _in_threads(request.content()) if request.content else _body(request)
        with self._http.failing():
            async with self._client.stream(**self._http.sent(request), content=content) as answer:
                if not answer.is_success:
                    await answer.aread()
                    raise problem_of(answer)
                yield answer


async def _in_threads(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Yield chunks that are read from a disk without holding up other coroutines."""
    reading = iter(chunks)
    while (chunk := await asyncio.to_thread(next, reading, None)) is not None:
        yield chunk


def _body(request: Request) -> bytes | None:
    return None if request.json is None else json_text.dumps(request.json, allow_nan=False).encode()


def retried(
    step: Callable[[], Step],
    repeatable: bool,
    retry_s: float,
    final: Callable[[Exception], bool] = lambda error: False,
) -> Steps[Any]:
    """Take a step until it works, with growing random pauses, for ``retry_s`` from the first failure at most.

    ``repeatable`` says that it has the same effect when it is taken twice. What certainly did nothing is
    always taken again: where no connection came about, and 429; but not after an error that is ``final``.
    Full jitter:
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    until = float("inf")
    longest_s = FIRST_PAUSE_S
    while True:
        try:
            return (yield step())
        except (ConnectionFailed, ProblemError) as error:
            if final(error):
                raise
            pause_s = random.uniform(0, longest_s)  # noqa: S311  # a pause is no secret
            pause_s += getattr(error, "retry_after_s", None) or 0
            until = min(until, time.monotonic() + retry_s)
            if not _again(error, repeatable) or time.monotonic() + pause_s > until:
                raise
        yield Pause(pause_s)
        longest_s = min(LONGEST_PAUSE_S, longest_s * 2)


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
    """Return the token of a text. Raises BadSetting, which does not repeat the text."""
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
