"""Events are read from bytes that come in any pieces."""

from __future__ import annotations

import pytest

from dtq.client.errors import BadAnswer
from dtq.client.following import EventReader

SENT = (
    'retry: 3000\n\nid: 1-9\nevent: log\ndata: {"text":"é"}\n\n: \n\n'
    'event: end\r\ndata: {"a":\r\ndata: 1}\r\n\r\nid: x\ndata: {'
)


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_any_pieces_are_the_same_events(size: int) -> None:
    reader, content, events = EventReader(), SENT.encode(), []
    for at in range(0, len(content), size):
        events += reader.take(content[at : at + size])
    assert [(event.name, event.data, event.id) for event in events] == [
        ("log", {"text": "é"}, "1-9"),
        ("end", {"a": 1}, "1-9"),
    ]


@pytest.mark.parametrize("sent", [b"data: <html>\n\n", b"data: [1]\n\n"])
def test_what_is_no_event_of_ours_is_refused(sent: bytes) -> None:
    with pytest.raises(BadAnswer):
        EventReader().take(sent)
