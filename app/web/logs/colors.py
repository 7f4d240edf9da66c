"""Colors of an output, as HTML: the sequences of ECMA-48 (SGR) that programs use, as classes of `log.css`.

By hand because libraries write colors into `style`, which the pages' policy forbids.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from app.core.excerpts import settled

_SGR = re.compile("\x1b\\[([0-9;:]{0,100})m")
_OTHER = re.compile("[\r\b]|\x1b(?!\\[[0-9;:]{0,100}m)")
_ON = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 9: "struck"}
_OFF = {
    22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 27: ("inverse",), 29: ("struck",),
}  # fmt: skip
_DARK, _BRIGHT = 64, 192


@dataclass
class Colors:
    """What is on: a color goes on over the ends of lines."""

    text: int | None = None
    ground: int | None = None
    looks: set[str] = field(default_factory=set)

    def html(self, line: str) -> Markup:
        """Return a line in its colors; one that was written over as it was last, without any."""
        if "\x1b" not in line and "\r" not in line and "\b" not in line:
            return self._piece(line)
        if _OTHER.search(line.rstrip("\r")):
            return escape(settled(line))
        shown: list[Markup] = []
        for index, piece in enumerate(_SGR.split(line.rstrip("\r"))):
            if index % 2:
                numbers = re.split(
                    "[;:]", piece.replace(":2::", ":2:")
                )  # without the color space of ISO 8613-6
                self._set([int(number[:9] or 0) for number in numbers])
            elif piece:
                shown.append(self._piece(piece))
        return Markup().join(shown)

    def _piece(self, text: str) -> Markup:
        classes = [f"log-{look}" for look in sorted(self.looks)]
        classes += [f"log-text-{self.text}"] if self.text is not None else []
        classes += [f"log-ground-{self.ground}"] if self.ground is not None else []
        if not classes or not text:
            return escape(text)
        return Markup('<span class="{}">{}</span>').format(" ".join(classes), text)

    def _set(self, numbers: list[int]) -> None:
        """Take the numbers of one sequence; those that are not known change nothing."""
        while numbers:
            number = numbers.pop(0)
            if number == 0:
                self.text, self.ground, self.looks = None, None, set()
            elif number in _ON:
                self.looks.add(_ON[number])
            elif number in _OFF:
                self.looks -= set(_OFF[number])
            elif number in (38, 48):
                self._choose(number == 38, _taken(numbers))
            elif number in (39, 49):
                self._choose(number == 39, None)
            elif number // 10 in (3, 4) and number % 10 < 8:
                self._choose(number < 40, number % 10)
            elif number // 10 in (9, 10) and number % 10 < 8:
                self._choose(number < 100, number % 10 + 8)

    def _choose(self, text: bool, color: int | None) -> None:
        if text:
            self.text = color
        else:
            self.ground = color


def _taken(numbers: list[int]) -> int | None:
    """Take a color of 256, or of red, green and blue, off the numbers; return the nearest of the sixteen."""
    kind = numbers.pop(0) if numbers else 0
    if kind == 5 and numbers:
        return _of_256(numbers.pop(0))
    if kind == 2 and len(numbers) >= 3:
        red, green, blue = numbers.pop(0), numbers.pop(0), numbers.pop(0)
        return _nearest(red, green, blue)
    numbers.clear()  # What follows belonged to a color.
    return None


def _of_256(number: int) -> int | None:
    """Return the nearest of the sixteen: after them come a cube of 6 levels each, and 24 grays."""
    if number < 16:
        return number
    if number < 232:
        cube = number - 16
        return _nearest(*(51 * level for level in (cube // 36, cube // 6 % 6, cube % 6)))
    return _nearest(*[8 + 10 * (number - 232)] * 3) if number < 256 else None


def _nearest(red: int, green: int, blue: int) -> int:
    most = max(red, green, blue)
    if most < _DARK:
        return 0
    bits = sum(1 << place for place, level in enumerate((red, green, blue)) if level > 0.6 * most)
    return bits + 8 if most >= _BRIGHT else bits
