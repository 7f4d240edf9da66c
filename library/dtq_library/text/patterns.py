"""Regular expressions that a person writes, on lines of any length, in bounded time.

They run on the `regex` module: it knows what people expect of a pattern (groups and their names in the
replacement, look-around, back references), can be interrupted, and takes a time limit for each call. A linear
engine such as RE2 or Rust's would need no limit, but has neither look-around nor back references. So a
pattern that takes more than `LINE_S` on a line is refused with the line; the task's own limit bounds all.
"""

from __future__ import annotations

import regex

from dtq import Fail

LINE_S = 2.0


class Pattern:
    """A pattern of a parameter, which ``where`` names in sentences. Raises Fail for one that is none."""

    def __init__(self, where: str, text: str, *, ignore_case: bool) -> None:
        self._where = where
        try:
            self._compiled = regex.compile(text, regex.IGNORECASE if ignore_case else 0)
        except regex.error as error:
            raise Fail(f"{where}: this is not a regular expression: {error}.") from None
        except RecursionError:
            raise Fail(f"{where}: this regular expression is nested too deeply.") from None

    def require_template(self, where: str, template: str) -> None:
        """Raises Fail for a replacement that refers to a group that the pattern does not have."""
        try:
            regex.compile(f"(?:{self._compiled.pattern})?", self._compiled.flags).sub(template, "")
        except (regex.error, IndexError) as error:
            raise Fail(
                f"{where}: {error}. Refer to groups of the pattern as \\1 or \\g<name>, and write \\\\ for a "
                "backslash."
            ) from None

    def found(self, line: str, number: int) -> bool:
        """Whether the pattern is found in a line. Raises Fail when that takes too long."""
        try:
            return self._compiled.search(line, timeout=LINE_S) is not None
        except TimeoutError:
            raise self._slow(number) from None

    def replaced(self, line: str, template: str, number: int) -> tuple[str, int]:
        """Return the line with every match replaced, and how many there were. Raises Fail as `found` does."""
        try:
            changed, times = self._compiled.subn(template, line, timeout=LINE_S)
        except TimeoutError:
            raise self._slow(number) from None
        return changed, times

    def _slow(self, number: int) -> Fail:
        return Fail(
            f"{self._where}: the pattern takes more than {LINE_S:g} s on line {number:,}. Repetitions inside "
            "of repetitions, such as (a+)+, try too many ways; write the pattern without them."
        )
