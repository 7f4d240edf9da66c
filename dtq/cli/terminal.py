"""What is written, and how: cleaned texts, tables, JSON, progress. It knows no task.

Standard output is for what was asked for, so that it can be piped; everything else goes to standard error.
Titles and logs are written by others: no control sequence of theirs reaches a terminal.
"""

from __future__ import annotations

import codecs
import dataclasses
import io
import json
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from typing import IO, Any, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table
from rich.text import Text

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Controls, and what reorders or hides text. Line feeds and tabs are none of these."""
_PLAIN = {"“": '"', "”": '"', "‘": "'", "’": "'", "…": "...", "–": "-", "—": "-", "•": "*", "·": "-"}
_STYLES = {"succeeded": "green", "failed": "red", "canceled": "yellow", "running": "cyan"}
ENDLESS = 2**63


def clean(text: str) -> str:
    """Return a text without what a terminal would obey; each such character becomes U+FFFD."""
    return _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n").replace("\r", "\n"))


def one_line(value: Any) -> str:
    """Return a value for a cell or a sentence."""
    return " ".join(clean(str(value)).split())


def _replaced(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)  # noqa: S101  # the streams only encode
    return "".join(_PLAIN.get(char, "?") for char in error.object[error.start : error.end]), error.end


def prepare_streams() -> None:
    """Let both streams take every character, also where the terminal is not of UTF-8."""
    codecs.register_error("dtq", _replaced)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="dtq")


def is_terminal(stream: IO[Any]) -> bool:
    return stream.isatty()


def _put(text: str, stream: TextIO | None = None) -> None:
    # Not click.echo: it writes UTF-8 to a stream of ASCII.
    print(text, end="", file=stream, flush=True)


def say(text: str) -> None:
    """Write a sentence to standard error."""
    _put(f"{clean(text)}\n", sys.stderr)


def write(text: str, end: str = "\n") -> None:
    """Write what was asked for to standard output."""
    _put(clean(text) + end)


def write_json(value: Any) -> None:
    """Write records as JSON in ASCII, with the names of the REST API."""
    _put(json.dumps(_plain(value), indent=2) + "\n")


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
    if isinstance(value, dict):
        return {str(name): _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value


def write_table(head: Sequence[str], rows: Iterable[Sequence[Any]], wide: Sequence[str] = ()) -> None:
    """Write a table, or lines of cells with tabs between them where a program reads.

    The columns named by ``wide`` are shown where a terminal has 110 columns or more; the last column is cut
    where the room ends. Programs get all of both.
    """
    cells = [[one_line(cell) for cell in row] for row in rows]
    if not is_terminal(sys.stdout):
        for row in cells:
            _put("\t".join(row) + "\n")
        return
    console = Console(highlight=False, markup=False, emoji=False)
    shown = [at for at, name in enumerate(head) if name not in wide or console.width >= 110]
    widths = [max(cell_len(text) for text in (head[at], *(row[at] for row in cells))) for at in shown]
    widths[-1] = max(1, min(widths[-1], console.width - sum(widths[:-1]) - 2 * len(widths)))
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for at, width in zip(shown, widths, strict=True):
        table.add_column(Text(head[at]), no_wrap=True, overflow="ellipsis", width=width)
    for row in cells:
        table.add_row(*(Text(row[at], style=_STYLES.get(row[at], "")) for at in shown))
    console.print(table)


def write_pairs(pairs: Iterable[tuple[str, Any]]) -> None:
    """Write names and values, a line for each pair whose value is not empty."""
    known = [(name, one_line(value)) for name, value in pairs if value not in (None, "", [])]
    if not is_terminal(sys.stdout):
        for name, value in known:
            _put(f"{name}\t{value}\n")
        return
    console = Console(highlight=False, markup=False, emoji=False)
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in known:
        table.add_row(Text(name), Text(value, style=_STYLES.get(value, "")))
    console.print(table)


def when(moment: datetime | None) -> str:
    """Return a time of this computer's zone on a terminal, and RFC 3339 in UTC for programs."""
    if moment is None:
        return ""
    if is_terminal(sys.stdout):
        return moment.astimezone().strftime("%Y-%m-%d %H:%M")
    return str(_plain(moment))


def progress_bar(*, bytes: bool = False) -> Progress:
    """Return a bar on standard error; nothing is drawn where that is no terminal."""
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    counts = DownloadColumn() if bytes else TaskProgressColumn()
    return Progress(
        TextColumn("{task.description}", markup=False), BarColumn(bar_width=20), counts,
        console=console, transient=True, disable=not is_terminal(sys.stderr),
    )  # fmt: skip
