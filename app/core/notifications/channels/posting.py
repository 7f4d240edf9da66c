"""One POST of JSON through the gate of outgoing HTTP, without following redirects."""

from __future__ import annotations

import time
from collections.abc import Sequence

import httpcore2

from app.core.notifications.deliveries import RECEIVER_GONE, Attempt, Why
from config import VERSION, Settings
from dtq.outgoing import url
from dtq.outgoing.deadline import Deadline, TimeOver
from dtq.outgoing.errors import Refused, Trouble
from dtq.outgoing.gate import Gate, Policy
from dtq.outgoing.trust import trust

WITHIN_S = 15.0
"""For everything together, so far below the lease of a delivery."""
EXCERPT = 1_000
MOST_READ = 16 * 1024
LONGEST_RETRY_S = 24 * 3600.0

Headers = Sequence[tuple[str, str]]


def post(settings: Settings, address: str, body: bytes, headers: Headers = ()) -> Attempt:
    """Post JSON; never raises for what a receiver, its name server or the network does."""
    began = time.monotonic()
    try:
        status, excerpt, retry_after_s = _exchange(settings, address, body, headers)
    except Refused as error:
        return Attempt(Why.NOT_ALLOWED, None, _since(began), str(error)[:EXCERPT])
    except (Trouble, httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException) as error:
        return Attempt(Why.NO_ANSWER, None, _since(began), _plain(str(error) or type(error).__name__))
    except TimeOver:
        said = f"There was no complete answer within {WITHIN_S:.0f} seconds."
        return Attempt(Why.NO_ANSWER, None, _since(began), said)
    why = Why.ACCEPTED if 200 <= status <= 299 else Why.REFUSED
    return Attempt(why, status, _since(began), excerpt, status == RECEIVER_GONE, retry_after_s)


def _exchange(settings: Settings, address: str, body: bytes, more: Headers) -> tuple[int, str, float | None]:
    """Return the status, the beginning of the answer, and seconds after which to try again if it says so."""
    target = url.parse(address)
    gate = Gate(Policy.of(settings.http_allow, settings.http_ports), Deadline(WITHIN_S))
    headers = [
        ("Host", target.authority),
        ("User-Agent", f"distributed-task-queue/{VERSION}"),
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
        *more,
    ]
    where = httpcore2.URL(
        scheme=target.scheme.encode(),
        host=target.host.encode(),
        port=target.port,
        target=target.target.encode(),
    )
    with (
        httpcore2.ConnectionPool(
            trust() if target.scheme == "https" else None, network_backend=gate, max_connections=1
        ) as pool,
        pool.stream(
            "POST", where, headers=[(name.encode(), value.encode()) for name, value in headers], content=body
        ) as response,
    ):
        return response.status, _beginning(response), _retry_after_s(response)


def _beginning(response: httpcore2.Response) -> str:
    """Return the first signs of an answer; nobody sends more than is read."""
    read = b""
    for piece in response.iter_stream():
        read += piece
        if len(read) >= MOST_READ:
            break
    return _plain(read.decode("utf-8", "replace"))


def _retry_after_s(response: httpcore2.Response) -> float | None:
    value = next((value for name, value in response.headers if name.lower() == b"retry-after"), b"").strip()
    return min(float(value[:9]), LONGEST_RETRY_S) if value.isdigit() else None


def _plain(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text[:MOST_READ]).split())[
        :EXCERPT
    ]


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
