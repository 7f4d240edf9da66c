"""Counts of a text, line by line."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from dtq_library.text.source import split_end
from dtq_library.text.words import count_sentences, unspaced_letters, words

DISTINCT_MAX = 1_000_000
_LONGEST = 10
_PARAGRAPH_CHARS = 200_000
WORDS_PER_MINUTE = 238
"""Silent reading of English non-fiction by adults, over 190 studies; most are between 175 and 300.

Marc Brysbaert, How many words do we read per minute? Journal of Memory and Language 109 (2019), 104047.
"""
READING_SOURCE = (
    "238 words a minute: adults reading English non-fiction silently, over 190 studies (Brysbaert 2019, "
    "doi 10.1016/j.jml.2019.104047); most read 175 to 300."
)


@dataclass
class Analysis:
    """What was counted so far. ``characters`` are Unicode's, without line ends."""

    ignored: frozenset[str] = frozenset()
    counts: Counter[str] = field(default_factory=Counter)
    frequency: Counter[str] = field(default_factory=Counter)
    _paragraph: list[str] = field(default_factory=list)
    _held: int = 0

    def read(self, lines: Iterable[str]) -> Analysis:
        for line in lines:
            self._line(split_end(line)[0])
        self._close()
        return self

    def _line(self, body: str) -> None:
        found = words(body)
        blank = not body.strip()
        self.counts.update(
            lines=1,
            blank_lines=int(blank),
            characters=len(body),
            characters_without_spaces=len("".join(body.split())),
            words=len(found),
            letters_of_words=sum(map(len, found)),
            unspaced=unspaced_letters(body),
        )
        self._count_words(found)
        if blank or self._held > _PARAGRAPH_CHARS:
            self._close(whole=blank)
        if not blank:
            self.counts["paragraphs"] += not self._paragraph and not self._held
            self._paragraph.append(body)
            self._held += len(body) + 1

    def _count_words(self, found: list[str]) -> None:
        for word in found:
            key = (word if word.isascii() else unicodedata.normalize("NFC", word)).lower()
            if key in self.frequency or len(self.frequency) < DISTINCT_MAX:
                self.frequency[key] += 1
            else:
                self.counts["uncounted"] += 1

    def _close(self, whole: bool = True) -> None:
        """A paragraph has ended, or is too long to be held any further."""
        self.counts["sentences"] += count_sentences(" ".join(self._paragraph))
        self._paragraph, self._held = [], 0 if whole else 1

    def commonest(self, number: int) -> list[dict[str, Any]]:
        """The most frequent words that are not ignored; equally frequent ones by the alphabet."""
        kept = [(word, count) for word, count in self.frequency.items() if word not in self.ignored]
        kept.sort(key=lambda counted: (-counted[1], counted[0]))
        total = self.counts["words"]
        return [
            {"word": word, "count": count, "percent": round(100 * count / total, 2)}
            for word, count in kept[:number]
        ]

    def longest(self) -> list[dict[str, Any]]:
        """The longest different words."""
        found = sorted(self.frequency, key=lambda word: (-len(word), word))[:_LONGEST]
        return [{"word": word, "characters": len(word)} for word in found]

    def notes(self) -> list[str]:
        """What a person should know about the figures."""
        notes = []
        if self._runs_together():
            notes.append(
                "Much of the text is in a script without spaces between words; so words are too few."
            )
        if self.counts["uncounted"]:
            notes.append(f"Only the first {DISTINCT_MAX:,} different words are in the lists of words.")
        return notes

    def _runs_together(self) -> bool:
        return self.counts["unspaced"] > 0.2 * max(1, self.counts["characters_without_spaces"])

    def report(self, commonest: int, words_per_minute: int) -> dict[str, Any]:
        """The figures, as a person sees them."""
        count = self.counts
        minutes = round(count["words"] / words_per_minute, 1)
        usual = words_per_minute == WORDS_PER_MINUTE
        return {
            "characters": count["characters"],
            "characters_without_spaces": count["characters_without_spaces"],
            "words": count["words"],
            "different_words": len(self.frequency),
            "sentences": count["sentences"],
            "paragraphs": count["paragraphs"],
            "lines": count["lines"],
            "blank_lines": count["blank_lines"],
            "mean_word_length": _ratio(count["letters_of_words"], count["words"]),
            "mean_sentence_length": _ratio(count["words"], count["sentences"]),
            "reading_time": None
            if self._runs_together()
            else {
                "minutes": minutes,
                "words_per_minute": words_per_minute,
                "source": READING_SOURCE if usual else "The rate that was asked for.",
            },
            "commonest_words": self.commonest(commonest),
            "longest_words": self.longest(),
        }


def _ratio(one: int, other: int) -> float | None:
    return round(one / other, 2) if other else None
