"""Grammars of lines: what a worker publishes about a parameter with one rule, condition or address per line.

A grammar is data, the value of `lines` in a JSON Schema (`dtq.lines` writes it), so that a form, a
program and a command line judge each line without task code, and whether a worker is there or not:

    rules      tried in their order, each with a pattern for the whole line: {"pattern", "parts"} accepts,
               if each part, a named group, passes its tests, which are [schema, sentence];
               {"pattern", "sentence"} refuses, whatever comes after it
    otherwise  the sentence for a line that no rule knows
    named      lines begin with a name, of a column for example, which may hold spaces or stand in double
               quotes; rules are about what follows. The names are not known here, so a line is right when
               some name makes it so: nothing is refused that could be right
    comment    lines that begin so say nothing
    least      the sentence where no line says anything; without it, that is right
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import regex

from app.core.params.formats.patterns import Undecided, backtracking

Fits = Callable[[Mapping[str, Any], str], bool]
"""Whether a text is one of a schema. Raises Undecided."""

LINE_S = 0.2
ALL_S = 0.5
LONGEST = 10_000
MOST_TOLD = 5
DAMAGED = "This field cannot be checked: the task type has a damaged grammar of lines."
_QUOTED = regex.compile(r'"(?:[^"]|"")*"')
_END_OF_NAME = regex.compile(r"(?<=\S)(?:(?=[\s=<>!,()])|$)")


def problems(
    grammar: Mapping[str, Any], lines: Iterable[tuple[int, str]], fits: Fits, *, limited: bool = True
) -> dict[int, str]:
    """Return a sentence for each line that is wrong, by its number; 0 stands for all lines together.

    A ``limited`` look ends after `ALL_S` of the processor, so that no text holds up the web; what it left is
    judged at run.
    Raises Undecided for a grammar that is damaged.
    """
    until = time.thread_time() + ALL_S
    found: dict[int, str] = {}
    said = False
    for number, text in lines:
        if not says_something(grammar, text):
            continue
        said = True
        if limited and time.thread_time() > until:
            break
        if why := _problem(grammar, text.strip(), fits):
            found[number] = why
    return found if said or not grammar.get("least") else {0: str(grammar["least"])}


def says_something(grammar: Mapping[str, Any], text: str) -> bool:
    """Return whether a line is neither blank nor a comment."""
    comment = grammar.get("comment")
    return bool(text.strip()) and not (comment and text.lstrip().startswith(comment))


def told(found: Mapping[int, str]) -> str:
    """Return what is wrong as one text, a sentence per line, with the first ones of many."""
    sentences = [f"Line {number}: {why}" if number else why for number, why in sorted(found.items())]
    if more := sentences[MOST_TOLD:]:
        sentences[MOST_TOLD:] = [f"{len(more):,} more {'line is' if len(more) == 1 else 'lines are'} wrong."]
    return "\n".join(sentences)


def _problem(grammar: Mapping[str, Any], text: str, fits: Fits) -> str:
    """Return the sentence for one line, or nothing."""
    if len(text) > LONGEST:
        return f"This line is too long. Use {LONGEST:,} characters or fewer."
    try:
        return _judged(grammar, text, fits)
    except TimeoutError:
        return "This line takes too long to check. Shorten it."
    except (AttributeError, LookupError, TypeError, ValueError, regex.error) as error:
        if isinstance(error, Undecided):
            return str(error)
        raise Undecided(DAMAGED) from error


def _judged(grammar: Mapping[str, Any], text: str, fits: Fits) -> str:
    first = ""
    if grammar.get("named") and text.startswith('"') and not _QUOTED.match(text):
        return "a quotation mark is never closed."
    for rest in _rests(text) if grammar.get("named") else (text,):
        for rule in grammar["rules"]:
            match = _compiled(rule["pattern"]).fullmatch(rest, timeout=LINE_S, concurrent=True)
            if match is None:
                continue
            why = rule.get("sentence") or _of_parts(rule.get("parts", {}), match, fits)
            if not why:
                return ""
            first = first or why
            if "sentence" in rule:
                break
    return first or str(grammar["otherwise"])


def _rests(text: str) -> Iterator[str]:
    """What may follow the name at the beginning of a line, the shortest name first."""
    if quoted := _QUOTED.match(text):
        yield text[quoted.end() :].strip()
        return
    for end in _END_OF_NAME.finditer(text):
        yield text[end.start() :].strip()


def _of_parts(parts: Mapping[str, Any], match: Any, fits: Fits) -> str:
    """The sentence of the first test that a part does not pass."""
    for name, tests in parts.items():
        part = match[name]
        for schema, sentence in tests if part is not None else ():
            if not fits(schema, part.strip()):
                return str(sentence)
    return ""


@lru_cache(maxsize=1_000)
def _compiled(pattern: str) -> Any:
    return backtracking(pattern, regex.DOTALL)
