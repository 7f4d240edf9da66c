"""What has come of a request, before it has a thread: the same however its bytes arrive."""

from __future__ import annotations

import pytest
from gunicorn.workers.gthread import TConn, ThreadWorker
from hypothesis import given
from hypothesis import strategies as st

from app.gunicorn_worker import SMALL, Connection, Gathered, Worker

HEAD = b"POST /tasks HTTP/1.1\r\nHost: a\r\n"
# The head's end, then what must have come before a thread can do something with it.
REQUESTS = [
    (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0, False),
    (HEAD + b"Content-Length: 0\r\n\r\n", 0, False),
    (HEAD + b"content-LENGTH:\t 12 \r\nX: y\r\n\r\n", 12, False),
    (HEAD + b"X-Content-Length: 99999\r\nContent-Length: 5\r\n\r\n", 5, False),
    (HEAD + b"Content-Length: %d\r\n\r\n" % (SMALL * 2), 0, True),
    (HEAD + b"Content-Length: 999999999999999999\r\n\r\n", 0, True),
    (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", 0, True),
    (HEAD + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n", 0, True),
    (HEAD + b"Content-Length: x\r\n\r\n", 0, False),
    (HEAD + b"Content-Length: -5\r\n\r\n", 0, False),
]


@pytest.mark.parametrize(("head", "body", "large"), REQUESTS)
@given(cuts=st.lists(st.integers(1, 40), max_size=30))
def test_it_is_ready_when_it_is_whole_and_not_before(head, body, large, cuts):
    rest = head + b"x" * body
    gathered, came = Gathered(), 0
    for cut in [*cuts, len(rest)]:
        assert not gathered.ready()
        gathered.add(rest[:cut])
        came += len(rest[:cut])
        rest = rest[cut:]
        if came >= len(head) + body:
            break
        assert gathered.ready() is (large and came >= len(head))
        if gathered.ready():
            break
    assert gathered.ready()
    assert gathered.large is large


def test_a_request_behind_another_is_gathered_from_what_is_left():
    assert Gathered(b"GET / HTTP/1.1\r\n\r\n").ready()
    assert not Gathered(b"GET / HTTP/1.1\r\n").ready()


def test_a_head_without_end_is_known_as_such():
    gathered = Gathered(b"GET / HTTP/1.1\r\nX: ")
    assert not gathered.endless
    gathered.add(b"y" * SMALL)
    assert not gathered.ready() and gathered.endless


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (
            ThreadWorker,
            ["accept", "enqueue_req", "finish_request", "murder_pending", "init_process", "handle"],
        ),
        (TConn, ["init", "close"]),
    ],
)
def test_what_is_overridden_or_called_is_there(kind, names):
    """A gunicorn that renames one of these would pass ours over without a word."""
    assert all(callable(getattr(kind, name)) for name in names)
    assert issubclass(Worker, ThreadWorker) and issubclass(Connection, TConn)
