"""Secrets of a form on their way through it: taken once, never shown, kept for a while as a token.

When a form comes back with something to put right, or is filled in with the inputs of a past run, the page
holds each secret sealed. Only the same parameter of the same person's form of the same type opens it, in
whichever row it stands; it needs no script and no session. Fields are by path (`app.core.params.paths`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from werkzeug.datastructures import MultiDict

from app.core.catalog import TaskType
from app.core.params.fields import Field
from app.core.params.paths import flattened, laid_out
from app.core.secrets.secret import Secret
from app.core.secrets.vault import NO_KEY, CannotOpen, Vault
from app.core.tasks.task import Task
from app.extensions import access, services
from app.web.create.repeatable import without_numbers
from app.web.create.uploads import DROP, Texts

KEEP = "keep-"
MAX_AGE = timedelta(hours=24)
PAST = "The secret of that run is used unless another one is typed."
NOT_YOURS = "The secret of that run cannot be used here. Please type one."
TYPED = "Kept. Leave it empty to use what was typed."
AGAIN = "What was kept here cannot be used any more. Please type it again."


@dataclass(frozen=True)
class Kept:
    """What a page holds instead of a secret: its token, if there is one, and what is said about it."""

    token: str = ""
    note: str = ""


NOTHING = Kept()


@dataclass(frozen=True)
class Keeper:
    """The secrets of ``owner`` in forms of the type ``type``."""

    vault: Vault
    owner: str
    type: str

    @classmethod
    def of(cls, task_type: TaskType) -> Keeper:
        """For whom this request comes from."""
        return cls(services().vault, access().person.id, task_type.name)

    def keep(self, each: Field, text: str, note: str = TYPED) -> Kept:
        """Nothing where there is no key to seal it with."""
        with contextlib.suppress(CannotOpen):
            return Kept(self.vault.seal(text, self._place(each)), note)
        return NOTHING

    def find(self, each: Field, token: str) -> str:
        """The secret of a token. Raises CannotOpen."""
        return self.vault.open(token, self._place(each), MAX_AGE)

    def _place(self, each: Field) -> str:
        return "\n".join(("form", self.owner, self.type, without_numbers(each.name)))

    def of_past(self, task: Task, fields: Sequence[Field]) -> dict[str, Kept]:
        """The secrets of a past task, by parameter; somebody else's can only be seen to have been there."""
        values = flattened(fields, task.params)
        laid = laid_out(fields, lambda path: values.get(path, ()))
        secrets = [each for each in laid if each.kind.is_secret and values.get(each.name)]
        return {each.name: self._of_past(task, each, values[each.name]) for each in secrets}

    def _of_past(self, task: Task, each: Field, sealed: Any) -> Kept:
        if task.owner == self.owner:
            with contextlib.suppress(CannotOpen):
                found = self.vault.opened(sealed, task.id)
                if isinstance(found, Secret):
                    return self.keep(each, found.reveal(), PAST)
        return Kept(note=NOT_YOURS)


def fill_in_kept(
    fields: Sequence[Field], texts: Texts, sent: MultiDict[str, str], keeper: Keeper
) -> dict[str, str]:
    """Put the kept secret in the place of each one that was left empty; returns what cannot be used."""
    problems = {}
    for each in fields:
        token = sent.get(KEEP + each.name, "")
        if not each.kind.is_secret:
            continue
        if any(texts[each.name]):
            if not keeper.vault.usable:
                problems[each.name] = NO_KEY
        elif token and DROP + each.name not in sent:
            try:
                texts[each.name] = [keeper.find(each, token)]
            except CannotOpen:
                problems[each.name] = AGAIN
    return problems


def take_out(
    fields: Sequence[Field], texts: Texts, problems: Mapping[str, str], keeper: Keeper
) -> dict[str, Kept]:
    """Take every secret out of the texts; returns each that was right, as it is kept."""
    tokens = {}
    for each in fields:
        if each.kind.is_secret:
            given = "".join(texts.get(each.name, ())[:1])
            texts[each.name] = []
            if given and each.name not in problems:
                tokens[each.name] = keeper.keep(each, given)
    return tokens
