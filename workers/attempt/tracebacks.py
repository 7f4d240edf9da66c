"""The traceback of a task as it is kept: bounded, with the root cause, the author's own frames and the end.

What is small reads as Python prints it. Of what is large, a message gives way before frames do, a library's
frames before the author's, and of a long chain or group the middle; each cut says what it left out.
"""

from __future__ import annotations

import asyncio
import os
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType

from app.core.excerpts import left_out, shortened
from app.core.params.formats.plain_values import keepable

TRACEBACK_LIMIT = 20_000
"""In characters."""
MESSAGE_MOST = 4_000
LINE_MOST = 400
FIRST_CHAINED, LAST_CHAINED = 4, 6
FIRST_INNER, LAST_INNER = 6, 2
GROUPS_DEEP = 4
FRAMES_MOST = 1_000
FIRST_FRAMES, LAST_FRAMES = 3, 6
REPEATED = 3
TRIES = 4

_WORKERS = Path(__file__).parents[1]
_OURS = frozenset(
    str(_WORKERS / name)
    for name in (
        "attempt/attempt.py",
        "attempt/coroutines.py",
        "attempt/signals.py",
        "in_process.py",
        "run_local.py",
    )
)
_LIBRARY = os.path.dirname(os.__file__)
_LOOP = os.path.dirname(asyncio.__file__)
_CAUSED = "\nThe above exception was the direct cause of the following exception:\n\n"
_DURING = "\nDuring handling of the above exception, another exception occurred:\n\n"

Hide = Callable[[str], str]
"""Takes the secrets out of a text: before it is cut, as half a secret is not found any more."""


def is_group(error: BaseException) -> bool:
    """Return whether an exception is a group of others."""
    return isinstance(error, BaseExceptionGroup)


def inner_of(error: BaseException) -> Sequence[BaseException]:
    """Return the exceptions in a group, and none of what is none."""
    found: Sequence[BaseException] = getattr(error, "exceptions", ()) if is_group(error) else ()
    return found


def traceback_of(error: BaseException, hide: Hide = str, most: int = TRACEBACK_LIMIT) -> str:
    """Return the traceback of an exception with at most ``most`` characters, from the task's own code on."""
    text, share = "", most
    for _ in range(TRIES):
        writer = _TracebackWriter(hide)
        writer.chain(error, share)
        text = hide("".join(writer.lines))
        if (over := len(text) - most) <= 0:
            return text
        share = max(0, share - over)  # what stands between exceptions comes on top of their shares
    return shortened(text, most)


def _linked(error: BaseException) -> list[tuple[BaseException, str]]:
    """Exceptions from the root cause on, each with how it came from the one before."""
    found: list[tuple[BaseException, str]] = []
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        found.append((one, _CAUSED if one.__cause__ is not None else _DURING))
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return found[::-1]


class _TracebackWriter:
    """Writes exceptions as Python does: a group's below it, one level deeper each."""

    def __init__(self, hide: Hide) -> None:
        self.lines: list[str] = []
        self._hide = hide
        self._depth = 0
        self._open = False

    def _emit(self, text: str, margin: str = "|") -> None:
        before = f"{'  ' * self._depth}{margin} " if self._depth else ""
        self.lines += [before + line for line in text.splitlines(keepends=True)]

    def _missing(self, count: int, what: str) -> None:
        self._emit(f"{left_out(count, what).strip()}\n")

    def chain(self, error: BaseException, most: int) -> None:
        """Write an exception after those that led to it, the root cause first."""
        linked = _linked(error)
        missing = max(0, len(linked) - FIRST_CHAINED - LAST_CHAINED)
        kept = [*linked[:FIRST_CHAINED], *linked[FIRST_CHAINED + missing :]]
        shares = self._shares([one for one, _ in kept], most)
        for at, (one, link) in enumerate(kept):
            if at:
                self._emit(link)
            if missing and at == FIRST_CHAINED:
                self._missing(missing, "exception")
                self._emit(link)
            self._exception(one, shares[at])

    def _shares(self, errors: Sequence[BaseException], most: int) -> list[int]:
        """How many characters each may take: what the ends of a chain do not need is for those between."""
        shares, left = [0] * len(errors), most
        order = sorted(range(len(errors)), key=lambda at: min(at, len(errors) - 1 - at))
        for done, at in enumerate(order):
            shares[at] = left // (len(errors) - done)
            if not inner_of(errors[at]):
                shares[at] = min(shares[at], sum(map(len, self._parts(errors[at], shares[at]))))
            left -= shares[at]
        return shares

    def _parts(self, error: BaseException, most: int) -> list[str]:
        """The frames of an exception and, last, its message; a message is cut rather than frames."""
        said = self._hide(keepable("".join(traceback.format_exception_only(type(error), error))))
        frames = _Frames(error.__traceback__, self._hide)
        wanted = frames.size(most - min(len(said), most // 2))
        said = shortened(said.rstrip("\n"), min(MESSAGE_MOST, max(LINE_MOST, most - wanted))) + "\n"
        return [*frames.lines(max(LINE_MOST, most - len(said))), said]

    def _exception(self, error: BaseException, most: int) -> None:
        inner, outermost = inner_of(error), False
        if inner and not self._depth:
            outermost, self._depth = True, 1
        *frames, said = self._parts(error, most // 3 if inner else most)
        if frames:
            group = "Exception Group " if inner else ""
            self._emit(f"{group}Traceback (most recent call last):\n", "+" if outermost else "|")
        for text in [*frames, said]:
            self._emit(text)
        if inner:
            self._group(inner, most - sum(map(len, [*frames, said])))
        if outermost:
            self._depth = 0

    def _group(self, inner: Sequence[BaseException], most: int) -> None:
        if self._depth > GROUPS_DEEP:
            self._missing(len(inner), "exception")
            return
        missing = max(0, len(inner) - FIRST_INNER - LAST_INNER)
        numbers = [*range(min(len(inner), FIRST_INNER)), *range(FIRST_INNER + missing, len(inner))]
        self._open = False
        for done, number in enumerate(numbers):
            if missing and done == FIRST_INNER:
                self._depth += 1
                self._missing(missing, "exception")
                self._depth -= 1
            indent, corner = "  " * self._depth, "  " if done else "+-"
            self.lines.append(f"{indent}{corner}+---------------- {number + 1} ----------------\n")
            self._depth += 1
            self._open = number == len(inner) - 1
            self.chain(inner[number], max(LINE_MOST, most // len(numbers)))
            if self._open:
                self.lines.append(f"{'  ' * self._depth}+------------------------------------\n")
                self._open = False
            self._depth -= 1


@dataclass(frozen=True)
class _FrameGroup:
    """Frames that are shown as one: ``own`` is whether they are of the author's code."""

    text: str
    own: bool
    frames: int = 1


class _Frames:
    """The frames of a traceback, without ours and without those of the loop above the author's."""

    def __init__(self, trace: TracebackType | None, hide: Hide) -> None:
        self._hide = hide
        found, self._passed = _extracted(trace)
        at = next((at for at, frame in enumerate(found) if not _above(frame)), len(found))
        self._entries = list(self._made([frame for frame in found[at:] if frame.filename not in _OURS]))

    def _made(self, frames: list[traceback.FrameSummary]) -> Iterator[_FrameGroup]:
        """Entries; a frame that comes again and again is shown `REPEATED` times, then counted."""
        at = 0
        while at < len(frames):
            place = (frames[at].filename, frames[at].lineno, frames[at].name)
            end = at
            while end < len(frames) and place == (frames[end].filename, frames[end].lineno, frames[end].name):
                end += 1
            own = _own(frames[at].filename)
            for frame in frames[at : min(end, at + REPEATED)]:
                yield _FrameGroup(self._text(frame), own)
            if (more := end - at - REPEATED) > 0:
                times = "time" if more == 1 else "times"
                yield _FrameGroup(f"  [Previous line repeated {more} more {times}]\n", own, more)
            at = end

    def _text(self, frame: traceback.FrameSummary) -> str:
        text = keepable(traceback.StackSummary.from_list([frame]).format()[0])
        lines = self._hide(text).splitlines(keepends=True)
        if all(len(line) <= LINE_MOST for line in lines):
            return "".join(lines)
        # A line of marks below one that is cut would point at nothing.
        return "".join(shortened(line.rstrip("\n"), LINE_MOST) + "\n" for line in lines[:2])

    def size(self, most: int) -> int:
        """Return how many characters the frames take, at most ``most``."""
        return min(most, sum(len(entry.text) for entry in self._entries))

    def lines(self, most: int) -> list[str]:
        """Return the frames that fit into ``most`` characters, and what is left out between them."""
        chosen: set[int] = set()
        for at in self._by_importance():
            most -= len(self._entries[at].text)
            if most < 0 and len(chosen) >= 2:
                break
            chosen.add(at)
        shown: list[str] = []
        missing = 0
        middle = min(FRAMES_MOST, len(self._entries) - 1)
        for at, entry in enumerate(self._entries):
            missing += self._passed if at == middle and self._passed else 0
            if at not in chosen:
                missing += entry.frames
                continue
            if missing:
                shown.append(f"  {left_out(missing, 'frame').strip()}\n")
            missing = 0
            shown.append(entry.text)
        return [*shown, f"  {left_out(missing, 'frame').strip()}\n"] if missing else shown

    def _by_importance(self) -> Iterator[int]:
        """The places of the last and first entries, then of the author's own, then of the rest."""
        count = len(self._entries)
        ends = [*range(count - 1, max(-1, count - 1 - LAST_FRAMES), -1), *range(min(FIRST_FRAMES, count))]
        own = [at for at in range(count - 1, -1, -1) if self._entries[at].own]
        seen: set[int] = set()
        for at in [*ends, *own, *range(count - 1, -1, -1)]:
            if at not in seen:
                seen.add(at)
                yield at


def _extracted(trace: TracebackType | None) -> tuple[list[traceback.FrameSummary], int]:
    """The frames, of very many only the first and last `FRAMES_MOST`, and how many are between them."""
    count = sum(1 for _ in _steps(trace))
    if count <= 2 * FRAMES_MOST:
        return list(traceback.extract_tb(trace)), 0
    last = next(islice(_steps(trace), count - FRAMES_MOST, None))
    frames = [*traceback.extract_tb(trace, FRAMES_MOST), *traceback.extract_tb(last)]
    return frames, count - 2 * FRAMES_MOST


def _steps(trace: TracebackType | None) -> Iterator[TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next


def _above(frame: traceback.FrameSummary) -> bool:
    return frame.filename in _OURS or frame.filename.startswith(_LOOP)


def _own(file: str) -> bool:
    """Return whether a file is the author's: neither installed nor of Python itself."""
    return not file.startswith((_LIBRARY, "<frozen")) and "site-packages" not in file
