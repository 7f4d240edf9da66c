"""Task types that work on texts: what a form asks and what happens in which order.

How it is done is in the package beside this module, `dtq_library.text`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from dtq import Context, Fail, task
from dtq.checks import Check, empty, given
from dtq_library.text import parameters as ask
from dtq_library.text.analyze import WORDS_PER_MINUTE, Analysis
from dtq_library.text.clean import ENDS, Cleaner, CleanOptions
from dtq_library.text.source import lines, open_source, split_end
from dtq_library.text.target import write
from dtq_library.text.transform import TransformOptions, transform

NOTHING_GIVEN = "Type a text or choose a file."
BOTH_GIVEN = "Give the text or the file, not both."
ONE_SOURCE = [
    Check("text", NOTHING_GIVEN, empty("text", "source")),
    Check("text", BOTH_GIVEN, given("text", "source")),
]
_STEPS = ("invisible", "unicode", "spaces", "quotes", "tabs", "trailing", "line_ends")


@task(title="Clean a text", category="Text", timeout_s=1_800, max_attempts=3, checks=ONE_SOURCE)
def clean_text(
    ctx: Context,
    text: ask.Text = "",
    source: ask.Source = None,
    invisible: ask.Invisible = True,
    unicode: ask.Unicode = "NFC",
    spaces: ask.Spaces = "collapse",
    quotes: ask.Quotes = "keep",
    tabs: ask.Tabs = "keep",
    trailing: ask.Trailing = True,
    blank_lines: ask.BlankLines = "one",
    line_ends: ask.LineEnds = "lf",
    encoding: ask.Encoding = "auto",
    undecodable: ask.Undecodable = "stop",
) -> dict[str, Any]:
    """Tidy a text: invisible characters, Unicode, spaces, quotation marks, tabs, blank lines, ends of lines.

    Type a text or choose a file. What is done is done in the order of the form, line by line.
    A file comes back as a file in UTF-8; a typed text is shown, or stored as a file when it is long.

    - `lines_in`, `lines_out`; `characters_in`, `characters_out`, without the ends of lines.
    - `lines_changed`: for each step, the lines that it changed.
    - `blank_lines_removed`: blank lines that are not there any more.
    - `encoding`: the one that was read. `notes`: what a person should know.
    """
    given = open_source(ctx, text, source, encoding, undecodable)
    options = CleanOptions(invisible, unicode, spaces, quotes, tabs, trailing, blank_lines, line_ends)
    cleaner = Cleaner(options)
    written = write(ctx, cleaner.clean(lines(ctx, given, "Cleaning")), given, "clean")
    counts = cleaner.counts
    return {
        "lines_in": counts["lines_in"],
        "lines_out": counts["lines_out"],
        "characters_in": counts["characters_in"],
        "characters_out": counts["characters_out"],
        "lines_changed": {step: counts[step] for step in _STEPS},
        "blank_lines_removed": counts["blank_lines"],
        "encoding": given.encoding,
        "notes": given.notes,
        **written,
    }


@task(title="Transform a text", category="Text", timeout_s=1_800, max_attempts=3, checks=ONE_SOURCE)
def transform_text(
    ctx: Context,
    text: ask.Text = "",
    source: ask.Source = None,
    keep_lines: ask.KeepLines = "",
    drop_lines: ask.DropLines = "",
    find: ask.Find = "",
    replace_with: ask.ReplaceWith = "",
    ignore_case: ask.IgnoreCase = False,
    case: ask.Case = "keep",
    unique: ask.Unique = False,
    sort: ask.Sort = "keep",
    prefix: ask.Prefix = "",
    suffix: ask.Suffix = "",
    number_lines: ask.NumberLines = False,
    wrap_at: ask.WrapAt = None,
    patterns: ask.Patterns = False,
    line_ends: ask.OutputEnds = "same",
    output_encoding: ask.OutputEncoding = "utf-8",
    lossy: ask.Lossy = False,
    encoding: ask.Encoding = "auto",
    undecodable: ask.Undecodable = "stop",
) -> dict[str, Any]:
    """Change the lines of a text: filter, find and replace, case, duplicates, order, numbers, encoding.

    Type a text or choose a file. What is chosen is done in the order of the form: first lines
    are kept and dropped, then texts are replaced, and so on; wrapping comes last. Only sorting has to hold
    the whole text, and takes 64 million characters. Regular expressions are matched against one line at a
    time, as Python's `regex` module has them. In the replacement, \\1 is the first group.

    - `lines_in`, `lines_out`: before and after.
    - `filtered`: lines that were not kept, or dropped; `replaced`: occurrences that were replaced;
      `duplicates`: lines that were dropped as equal to an earlier one.
    - `encoding`: the one that was read. `notes`: what a person should know.
    """
    given = open_source(ctx, text, source, encoding, undecodable)
    options = TransformOptions(
        ignore_case, patterns, keep_lines, drop_lines, find, replace_with, case, unique, sort, prefix, suffix,
        number_lines, wrap_at,
    )  # fmt: skip
    counts: Counter[str] = Counter()
    ended = _StrippedLines(lines(ctx, given, "Transforming"), ENDS.get(line_ends, ""))
    changed = (line + ended.end for line in transform(ended, options, counts))
    written = write(ctx, changed, given, "changed", output_encoding, lossy)
    return {
        **{name: counts[name] for name in ("lines_in", "lines_out", "filtered", "replaced", "duplicates")},
        "encoding": given.encoding,
        "notes": given.notes,
        **written,
    }


class _StrippedLines:
    """Lines without their ends; ``end`` is the one to write: as asked, else that of the first line."""

    def __init__(self, lines: Iterator[str], end: str) -> None:
        self._lines = lines
        self.end = end

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            body, end = split_end(line)
            self.end = self.end or end or "\n"
            yield body


@task(title="Analyze a text", category="Text", timeout_s=1_800, max_attempts=3, checks=ONE_SOURCE)
def analyse_text(
    ctx: Context,
    text: ask.Text = "",
    source: ask.Source = None,
    commonest: ask.Commonest = 20,
    stop_words: ask.StopWords = ask.NO_WORDS,
    words_per_minute: ask.WordsPerMinute = WORDS_PER_MINUTE,
    encoding: ask.Encoding = "auto",
    undecodable: ask.Undecodable = "stop",
) -> dict[str, Any]:
    """Count the characters, words, sentences and lines of a text, and find its most common words.

    Type a text or choose a file.

    - `characters` are those of Unicode, without ends of lines.
    - `words` are runs of letters and digits; don't and well-known are one each, 3.14 as well. Upper and lower
      case count as the same in `different_words`, `commonest_words` and `longest_words`.
    - `sentences` end with a point, an exclamation or question mark before a space; after an abbreviation such
      as Dr. and before a small letter they go on. A heading without such an end is one. A rule of thumb.
    - `paragraphs` are lines between blank lines.
    - `reading_time` has its rate and where that comes from. It is missing for scripts without spaces between
      words, in which words cannot be counted so.
    """
    given = open_source(ctx, text, source, encoding, undecodable)
    ignored = frozenset(word.strip().lower() for word in stop_words)
    analysis = Analysis(ignored).read(lines(ctx, given, "Counting"))
    if not analysis.counts["words"] and not analysis.counts["characters_without_spaces"]:
        raise Fail("The text holds nothing but blank space.")
    report = analysis.report(commonest, words_per_minute)
    return {**report, "encoding": given.encoding, "notes": [*given.notes, *analysis.notes()]}
