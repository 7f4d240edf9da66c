"""By which texts a new task is found, besides its title, type and tags: who owns it, its files, its inputs.

Inputs are those that differ from the defaults of its type: what every task has finds none. A secret is masked
here before anything is looked at, sealed or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from app.core.files.store import StoredFile
from app.core.secrets.secret import masked
from app.core.tasks.task import words_of

MOST_VALUES = 100
MOST_OF_VALUE = 6
"""How many words of one value count, so that a long text leaves room for the other inputs."""
MOST_READ = 400
"""How many characters of a value are looked at."""


def found_by(
    owner: str, files: Mapping[str, StoredFile], schema: Mapping[str, Any], params: Mapping[str, Any]
) -> tuple[str, ...]:
    """Return the texts, the most telling first, for the room there is for words is limited."""
    names = [file.name for file in files.values()]
    values = (text for text in _chosen(schema, masked(dict(params))) if text not in files)
    inputs = [" ".join(words_of(text[:MOST_READ], most=MOST_OF_VALUE)) for text in _first(values)]
    return tuple(text for text in (owner, *names, *inputs) if text)


def _chosen(schema: Mapping[str, Any], params: Mapping[str, Any]) -> Iterator[str]:
    """Yield the inputs that differ from their defaults, as texts."""
    known = schema.get("properties", {})
    for name, value in params.items():
        if value != known.get(name, {}).get("default"):
            yield from _texts(value)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str) or (isinstance(value, int | float) and not isinstance(value, bool)):
        yield str(value)


def _first(texts: Iterable[str]) -> Iterator[str]:
    for _, text in zip(range(MOST_VALUES), texts, strict=False):
        yield text
