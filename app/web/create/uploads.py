"""Files that come with a form: stored at once, and held against what their field takes and who may use them.

A field of one file has the id of it as its text, a field of several has many; a form that comes back sends
them again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from werkzeug.datastructures import FileStorage, MultiDict

from app.core.access.files import FileAccess
from app.core.errors import Invalid, QuotaExceeded, TooLarge
from app.core.files.store import StoredFile
from app.core.params.fields import Field
from app.core.params.file_types import accepted, not_accepted, require_accepted
from dtq.filenames import safe_name

PREFIX = "p-"
DROP = "drop-"
GONE = "This file is no longer here. Please choose it again."

Texts = dict[str, list[str]]
"""What came for each field, by its path."""


def _taking(fields: Iterable[Field]) -> list[Field]:
    return [each for each in fields if each.kind.takes_files]


def store_all(
    fields: Iterable[Field],
    texts: Texts,
    sent: MultiDict[str, str],
    uploads: MultiDict[str, FileStorage],
    files: FileAccess,
) -> dict[str, str]:
    """Put the id of each stored upload among the texts of its field; take out what is not wanted any more.

    A new file takes the place of one, and is one more of several. Returns what was refused.
    """
    refused = {}
    for each in _taking(fields):
        chosen = [upload for upload in uploads.getlist(PREFIX + each.name) if upload.filename]
        dropped = sent.getlist(DROP + each.name)
        several = each.kind.several
        kept = [one for one in texts[each.name] if one] if several else texts[each.name]
        if dropped:
            kept = [one for one in kept if one not in dropped] if several else []
        try:
            if chosen and not several:
                kept = [str(store(each, chosen, files).id)]
            else:
                for upload in chosen:
                    kept = [*kept, str(store(each, [upload], files).id)]
        except (Invalid, QuotaExceeded, TooLarge) as error:
            refused[each.name] = str(error)
        texts[each.name] = kept
    return refused


def store(each: Field, chosen: Sequence[FileStorage], files: FileAccess) -> StoredFile:
    """Stream one upload into the store.

    Raises Invalid for several files or one of a kind that is not taken, TooLarge, QuotaExceeded.
    """
    if len(chosen) != 1:
        raise Invalid("Choose one file.")
    name, content_type = safe_name(chosen[0].filename or ""), chosen[0].mimetype or "application/octet-stream"
    require_accepted(each, name, content_type)
    return files.save(chosen[0].stream, name, content_type, chosen[0].content_length)


def usable(
    fields: Iterable[Field], texts: Mapping[str, Sequence[str]], files: FileAccess
) -> dict[str, StoredFile]:
    """The files by their ids that are there and that the person may use."""
    ids = {text for each in _taking(fields) for text in texts[each.name] if text}
    return files.usable(ids) if ids else {}


def drop_gone(fields: Iterable[Field], texts: Texts, known: Mapping[str, StoredFile]) -> dict[str, str]:
    """Take out ids that are unknown or somebody else's; returns a sentence for each field that had one."""
    problems = {}
    for each in _taking(fields):
        given = [text for text in texts[each.name] if text]
        there = [one for one in given if one in known]
        if len(there) < len(given):
            texts[each.name] = there
            problems[each.name] = gone(len(given) - len(there))
    return problems


def not_taken(fields: Iterable[Field], texts: Texts, known: Mapping[str, StoredFile]) -> dict[str, str]:
    """A sentence for each field that holds a file of a kind that it does not take."""
    problems = {}
    for each in _taking(fields):
        for file in (known[one] for one in texts[each.name] if one in known):
            if not accepted(each, file.name, file.content_type):
                problems[each.name] = not_accepted(each, file.name)
    return problems


def gone(number: int) -> str:
    return GONE if number == 1 else f"{number:,} files are no longer here. Please choose them again."
