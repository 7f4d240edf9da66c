"""JSON that a person typed, read with a sentence that says where it is wrong; the text of a long string."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from app.core.params.formats.plain_values import unkeepable

MOST = 100_000
DEEPEST = 32
_HEX = "[0-9a-fA-F]"
_WHOLE = re.compile(
    r'(?:[^"\\]+|\\["\\/bfnrt]'
    rf"|\\u[dD][89abAB]{_HEX}{{2}}\\u[dD][c-fC-F]{_HEX}{{2}}"  # one character as a pair of two
    rf"|\\u(?![dD][89abAB]){_HEX}{{4}}"
    rf"|\\u{_HEX}{{4}}(?=[^\\]|\\[^u]|\\u{_HEX}{{4}}))*"  # half a pair, and what follows is no other half
)
"""What of a JSON string is complete, whatever comes after it."""
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)


def read(text: str) -> Any:
    """The value. Raises ValueError with the line and the column, or what else is not taken."""
    if len(text) > MOST:
        raise ValueError(f"Use {MOST:,} characters or fewer.")
    if depth(text) > DEEPEST:
        raise ValueError(f"This is nested too deeply. Use {DEEPEST} levels or fewer.")
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_int=_whole)
    except json.JSONDecodeError as error:
        wrong = error.msg[0].lower() + error.msg[1:]
        raise ValueError(f"This is not JSON: line {error.lineno}, column {error.colno}: {wrong}.") from None
    if why := unkeepable(value):
        raise ValueError(why)
    return value


def write(value: Any) -> str:
    """The text that :func:`read` turns into this value again."""
    return json.dumps(value, ensure_ascii=False, indent=2)


def depth(text: str) -> int:
    """How deeply the brackets of a text are nested, those in strings left out."""
    deepest = now = 0
    for char in re.findall(r"[\[\]{}]", _STRING.sub("", text)):
        now += 1 if char in "[{" else -1
        deepest = max(deepest, now)
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key in made:
            raise ValueError(f"The key “{key[:40]}” stands twice in one object.")
        made[key] = value
    return made


def _constant(name: str) -> Any:
    raise ValueError(f"JSON has no {name}.")


def _whole(digits: str) -> int:
    if len(digits) > 20:
        raise ValueError("This holds a number that is too large: at most 64 bits are kept.")
    return int(digits)


def text_in(content: Iterable[bytes]) -> Iterator[bytes]:
    """The text that a JSON string is, in UTF-8, piece by piece, however long it is.

    Raises ValueError for what is no JSON string. A lone surrogate, which UTF-8 has not, stays its escape.
    """
    decoder, left, begun = codecs.getincrementaldecoder("utf-8")(), "", False
    for piece in content:
        left += decoder.decode(piece)
        if not begun and left:
            if left[0] != '"':
                raise ValueError("This is no JSON string.")
            left, begun = left[1:], True
        whole = _WHOLE.match(left)
        end = whole.end() if whole else 0
        told, left = left[:end], left[end:]
        yield json.loads(f'"{told}"', strict=False).encode("utf-8", "backslashreplace")
        if left.startswith('"'):
            return
    raise ValueError("This JSON string does not end.")
