"""What the query string of a list holds, before its values are read: known names, each once, one place."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from app.core.errors import BadQuery, BadSearch
from app.core.listing.cursors import split

MAX_TEXT = 200
"""How many characters a filter takes."""
PLACES = ("after", "before", "last")
"""The names that say which page is shown; the first two take a cursor."""


def single_values(
    args: Mapping[str, Sequence[str]], known: Iterable[str], several: Collection[str] = ()
) -> dict[str, str]:
    """Return name to text, without empty ones; ``several`` are those that may be repeated, joined by commas.

    Raises BadQuery for an unknown or repeated name, BadSearch for a page that is to begin in two places.
    """
    names = list(known)
    for name, texts in args.items():
        if name not in names:
            raise BadQuery(f"There is no filter “{name[:MAX_TEXT]}”. There are: {', '.join(names)}.")
        if len(texts) != 1 and name not in several:
            raise BadQuery(f"The filter “{name}” may be given once.")
    found = {name: text for name, texts in args.items() if (text := ",".join(filter(None, texts)))}
    if len(found.keys() & set(PLACES)) > 1:
        raise BadSearch(f"Use only one of: {', '.join(PLACES)}.")
    return found


def check_text(name: str, text: str) -> None:
    """Check a value. Raises BadQuery where it is too long, or not a cursor where one belongs."""
    if len(text) > MAX_TEXT:
        raise BadQuery(f"Use {MAX_TEXT} characters or fewer for “{name}”.")
    if name in ("after", "before"):
        split(text)
