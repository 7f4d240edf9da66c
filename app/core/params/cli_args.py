"""Parameters as words of a command line: `name=value`, `name=@file`, `name:=JSON`, `model.part=value`.

A value is read exactly as from a form (`validate`), a repeated name is a list. A model is JSON, or one word
for each of its parts; rows are JSON, a list or an object for each. What a command line has and a form has
not: yes and no in words, a parameter that is left out (its default is meant), and JSON for what cannot be
written in a word. Uploading is the caller's business, and so is the environment: a secret is better read from
there (`name=@VARIABLE`), or asked for, than written where process lists and histories show it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from app.core.errors import Invalid, TaskQueueError
from app.core.params.fields import Field
from app.core.params.formats import json_text
from app.core.params.paths import gathered, laid_out, rows_among, with_groups
from app.core.params.validate import from_form

WRONG = "The parameters need another look."

Upload = Callable[[Field, Path], str]
"""Takes a file for a parameter and returns its id. Raises TaskQueueError where it cannot be taken."""

Tell = Callable[[Field, str], str]
"""Takes the name of a variable, or nothing to ask a person; returns the secret. Raises Invalid."""


def _no_environment(field: Field, name: str) -> str:
    raise Invalid("There is no environment here to read a secret from.")


def parse(
    fields: Sequence[Field], words: Sequence[str], upload: Upload, tell: Tell = _no_environment
) -> dict[str, Any]:
    """The values that words give to parameters; whether they are right is for `validate.validate` to say.

    Raises Invalid with a sentence for each word that cannot be read. No file is uploaded before every
    other word could be.
    """
    rows = rows_among({word.partition("=")[0].rstrip(":"): () for word in words})
    known = {field.name: field for field in laid_out(fields, rows)}
    texts, values = _split(words, known)
    given = [known[name] for name in texts]
    files = [field for field in given if field.kind.takes_files]
    others = [field for field in given if not field.kind.takes_files]
    read = _read(others, texts, lambda field, said: _as_form(field, said, tell))
    sent = _read(files, texts, lambda field, paths: _uploaded(field, paths, upload))
    return gathered(fields, with_groups({**read, **sent, **values}), rows)


def _read(
    fields: Sequence[Field],
    texts: Mapping[str, list[str]],
    as_form: Callable[[Field, list[str]], list[str]],
) -> dict[str, Any]:
    """The values of some fields. Raises Invalid with everything that is wrong with them."""
    sent: dict[str, list[str]] = {}
    problems: dict[str, str] = {}
    for field in fields:
        try:
            sent[field.name] = as_form(field, texts[field.name])
        except (TaskQueueError, ValueError) as error:
            problems[field.name] = str(error)
    values, unread = from_form([field for field in fields if field.name in sent], sent)
    _raise(problems | unread)
    return values


def explained(error: TaskQueueError) -> str:
    """An error for a terminal: its sentence, and one on a line for each parameter that is wrong."""
    fields = error.fields if isinstance(error, Invalid) else {}
    return "\n  ".join([str(error), *(f"{name}: {why}" for name, why in fields.items())])


def _raise(problems: dict[str, str]) -> None:
    if problems:
        raise Invalid(WRONG, problems)


def _split(words: Sequence[str], known: Mapping[str, Field]) -> tuple[dict[str, list[str]], dict[str, Any]]:
    """The texts by name, and the values that came as JSON. Raises Invalid."""
    texts: dict[str, list[str]] = {}
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for word in words:
        match = re.match(r"([^=:]+)(:?=)(.*)\Z", word, re.DOTALL)
        if match is None:
            problems[word[:40]] = "Expected name=value, name=@file or name:=JSON."
        elif match[1] not in known:
            problems[match[1][:40]] = _unknown(match[1], known)
        elif match[2] == ":=":
            values[match[1]] = _read_or_note(match[1], match[3], problems)
        elif known[match[1]].kind.is_group:
            _add_group(known[match[1]], match[3], values, problems)
        else:
            texts.setdefault(match[1], []).append(match[3])
    for name in texts.keys() & values.keys():
        problems[name] = "Give it as name=value or as name:=JSON, not as both."
    for name in values:
        if known[name].kind.is_group and any(other.startswith(f"{name}.") for other in (*texts, *values)):
            problems[name] = "Give it whole, as JSON, or in its parts, not as both."
    _raise(problems)
    return texts, values


def _add_group(field: Field, text: str, values: dict[str, Any], problems: dict[str, str]) -> None:
    """A model or rows as JSON; a row may stand alone, and is one more."""
    value = None if field.nullable and not text.strip() else _read_or_note(field.name, text, problems)
    if field.kind.several and isinstance(value, dict):
        value = [*(values.get(field.name) or []), value]
    values[field.name] = value


def _unknown(name: str, known: Mapping[str, Field]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"There is no parameter of this name. Did you mean {near[0]}?"
    names = ", ".join(known) or "none"
    return f"There is no parameter of this name. There are: {names}."


def _read_or_note(name: str, text: str, problems: dict[str, str]) -> Any:
    try:
        return json_text.read(text)
    except ValueError as error:
        problems[name] = str(error)
        return None


def _as_form(field: Field, texts: list[str], tell: Tell) -> list[str]:
    """The texts as a browser would have sent them. Raises Invalid and ValueError."""
    if field.kind.is_secret:
        return [tell(field, text[1:]) if text.startswith("@") else text for text in texts]
    return field.kind.from_words(field, texts)


def teller(env: Mapping[str, str], ask: Callable[[str], str]) -> Tell:
    """Reads secrets from an environment; ``ask`` asks a person for one, by its title, without showing it."""

    def tell(field: Field, name: str) -> str:
        if not name:
            return ask(field.title)
        if name not in env:
            raise Invalid(
                f"There is no environment variable {name[:100]}. Set it, or give {field.name}=@ to be asked."
            )
        return env[name]

    return tell


def _uploaded(field: Field, texts: list[str], upload: Upload) -> list[str]:
    """The ids of the files that `@` names; anything else is the id of a file that is there already."""
    return [upload(field, _path(text[1:])) if text.startswith("@") else text for text in texts]


def _path(text: str) -> Path:
    path = Path(text).expanduser()
    if not path.is_file():
        raise Invalid(f"There is no file {text}.")
    return path
