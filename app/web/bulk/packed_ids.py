"""Which tasks were ticked, as a part of an address: so the preview of a bulk action can be opened again."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Sequence

from bson import ObjectId

from app.core.errors import BadQuery

_ID_BYTES = 12
MOST_PACKED = 200 * _ID_BYTES


def pack(ids: Sequence[ObjectId]) -> str:
    """IDs as a part of an address, at most 16 characters for each."""
    joined = b"".join(one.binary for one in ids)
    short = zlib.compress(joined, 9)
    kept = b"z" + short if len(short) < len(joined) else b"r" + joined
    return base64.urlsafe_b64encode(kept).decode().rstrip("=")


def unpack(text: str) -> tuple[ObjectId, ...]:
    """Raises BadQuery for anything but what :func:`pack` made."""
    try:
        kept = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        joined = kept[1:]
        if kept[:1] == b"z":
            joined = zlib.decompressobj().decompress(kept[1:], MOST_PACKED + 1)
        if kept[:1] not in (b"z", b"r") or not 0 < len(joined) <= MOST_PACKED or len(joined) % _ID_BYTES:
            raise ValueError("length")
    except (binascii.Error, ValueError, zlib.error):
        raise BadQuery("This address of chosen tasks is not complete. Start again from the list.") from None
    return tuple(ObjectId(joined[at : at + _ID_BYTES]) for at in range(0, len(joined), _ID_BYTES))
