"""Parameters as words, `name=value`, `name=@file`, `name:=JSON`, read by the JSON Schema of their type.

Whether the values are right is for the server to say; here a text only becomes the JSON that is meant, and
the other way round.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

YES = ("yes", "true", "on", "y", "1")
NO = ("no", "false", "off", "n", "0")

Schema = dict[str, Any]
Tell = Callable[[str, str], str]
"""Takes the title of a secret and the name of a variable, or nothing to ask; returns the secret."""


class WrongWords(Exception):
    """Words that cannot be read, each with a sentence."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(f"{name}: {why}" for name, why in self.problems.items())


def read(schema: Schema, words: Sequence[str], tell: Tell) -> dict[str, Any]:
    """Return the parameters that words give; a file is a `Path`. Raises WrongWords with all problems."""
    texts: dict[str, list[tuple[str, bool]]] = {}
    problems: dict[str, str] = {}
    for word in words:
        match = re.match(r"([^=:]+)(:?=)(.*)\Z", word, re.DOTALL)
        if match is None:
            problems[word[:40]] = "Write name=value, name=@file or name:=JSON."
        else:
            texts.setdefault(match[1], []).append((match[3], match[2] == ":="))
    params: dict[str, Any] = {}
    for name, given in texts.items():
        try:
            _put(params, name, _value(schema, part_of(schema, name), given, tell))
        except ValueError as error:
            problems[name[:40]] = str(error)
    if problems:
        raise WrongWords(problems)
    return params


@dataclass(frozen=True)
class Variable:
    """The name of an environment variable that holds a secret."""

    name: str


def written(schema: Schema, name: str, value: Any) -> list[str]:
    """Return printable words that `read` reads as this value of a parameter; a `Variable` is a secret.

    Raises ValueError where words cannot say it: for a secret within the rows of a table.
    """
    if isinstance(value, Variable):
        return [f"{name}=@{value.name}"]
    if isinstance(value, dict) and _has_variable(value):
        return [word for part, inner in value.items() for word in written(schema, f"{name}.{part}", inner)]
    if isinstance(value, list) and value and all(isinstance(item, Variable) for item in value):
        return [f"{name}=@{item.name}" for item in value]
    if _has_variable(value):
        raise ValueError("A secret within rows cannot be given in words.")
    items = value if isinstance(value, list) and value else [value]
    for words in ([f"{name}={_text(item)}" for item in items], [f"{name}:={printable_json(value)}"]):
        if all(word.isprintable() for word in words) and _said(schema, name, words) == json.dumps(value):
            return words
    raise ValueError("Words cannot say this value.")


def printable_json(value: Any) -> str:
    """Return JSON of one line without characters that command a terminal, or that nobody sees."""
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else json.dumps(value)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value)


def _said(schema: Schema, name: str, words: Sequence[str]) -> str | None:
    """Return the JSON that words are read as; None where they are not read."""
    try:
        found: Any = read(schema, words, lambda title, variable: "")
        for part in name.split("."):
            found = found[part]
        return json.dumps(found)
    except (WrongWords, TypeError, KeyError):
        return None


def _has_variable(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(map(_has_variable, value.values() if isinstance(value, dict) else value))
    return isinstance(value, Variable)


def part_of(schema: Schema, name: str) -> Schema:
    """Return the schema of a parameter, or of a part of a model as `model.part`. Raises ValueError."""
    found = schema
    for part in name.split("."):
        known = resolved(schema, found)[0].get("properties", {})
        if part not in known:
            near = difflib.get_close_matches(part, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(known) or 'none'}."
            raise ValueError(f"There is no parameter of this name. {hint}")
        found = known[part]
    return found


def resolved(root: Schema, part: Schema) -> tuple[Schema, bool]:
    """Return a schema without references and without null, and whether null is allowed."""
    while "$ref" in part:
        rest = {name: value for name, value in part.items() if name != "$ref"}
        part = {**root.get("$defs", {}).get(part["$ref"].rpartition("/")[2], {}), **rest}
    options = part.get("anyOf") or part.get("oneOf") or []
    others = [option for option in options if option.get("type") != "null"]
    nullable = len(others) < len(options)
    if len(others) == 1:
        outside = {name: value for name, value in part.items() if name not in ("anyOf", "oneOf")}
        found, deeper = resolved(root, others[0])
        return {**outside, **found}, nullable or deeper
    return part, nullable


def _put(params: dict[str, Any], name: str, value: Any) -> None:
    *models, last = name.split(".")
    for model in models:
        params = params.setdefault(model, {})
        if not isinstance(params, dict):
            raise ValueError("Give the model whole, as JSON, or in its parts, not as both.")
    if last in params:
        raise ValueError("Give the model whole, as JSON, or in its parts, not as both.")
    params[last] = value


def _value(root: Schema, schema: Schema, given: list[tuple[str, bool]], tell: Tell) -> Any:
    found, nullable = resolved(root, schema)
    if found.get("type") == "array":
        return _items(root, found, given, nullable, tell)
    if len(given) > 1:
        raise ValueError("Give this parameter once.")
    text, is_json = given[0]
    return _json(text) if is_json else _one(root, found, text, nullable, tell)


def _items(root: Schema, schema: Schema, given: list[tuple[str, bool]], nullable: bool, tell: Tell) -> Any:
    if len(given) == 1 and given[0][1]:
        return _json(given[0][0])
    if any(is_json for _, is_json in given):
        raise ValueError("Give it as name=value or as name:=JSON, not as both.")
    if [text for text, _ in given] == [""]:
        return None if nullable else []
    part, part_nullable = resolved(root, schema.get("items", {}))
    return [_one(root, part, text, part_nullable, tell) for text, _ in given]


def _one(root: Schema, schema: Schema, text: str, nullable: bool, tell: Tell) -> Any:
    """Return the JSON that a text means. Raises ValueError."""
    if schema.get("writeOnly") or schema.get("format") == "password":
        return tell(str(schema.get("title", "Secret")), text[1:]) if text.startswith("@") else text
    if schema.get("format") == "file-id":
        return _file(text) if text.startswith("@") else (text or None if nullable else text)
    if nullable and not text:
        return None
    for choice in schema.get("enum", [schema["const"]] if "const" in schema else []):
        if not isinstance(choice, str) and text == json.dumps(choice):
            return choice
    kinds = schema.get("type") or [option.get("type") for option in schema.get("anyOf", [])]
    reading = next((_READ[kind] for kind in _READ if kind == kinds), None)
    if reading:
        return reading(text)
    if isinstance(kinds, list) and "string" not in kinds:
        return _json(text)
    return text


def _file(text: str) -> Path:
    path = Path(text[1:]).expanduser()
    if not path.is_file():
        raise ValueError(f"There is no file {text[1:]}.")
    return path


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("Enter a whole number.") from None


def _number(text: str) -> float | int:
    try:
        number = float(text)
        if number - number == 0:  # neither infinite nor no number
            return int(text) if text.strip().lstrip("+-").isdecimal() else number
    except ValueError:
        pass
    raise ValueError("Enter a number.")


def _yes_or_no(text: str) -> bool:
    if (word := text.strip().lower()) in YES + NO:
        return word in YES
    raise ValueError("Enter yes or no.")


def _json(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refused)
    except (ValueError, RecursionError):
        raise ValueError("Enter valid JSON.") from None


def _refused(word: str) -> None:
    raise ValueError(word)


_READ: dict[str, Callable[[str], Any]] = {
    "integer": _whole,
    "number": _number,
    "boolean": _yes_or_no,
    "object": _json,
}
