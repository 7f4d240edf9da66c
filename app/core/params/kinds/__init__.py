"""Kinds of fields: one class for each, with everything that differs between them.

A new kind is a module here (the class, and an instance), a line in the registry below or, if it is stored as
text, in `judge`, and a test.
"""

from __future__ import annotations

from app.core.params.kinds import choices, files, json_values, numbers, parts, texts
from app.core.params.kinds.judge import STORED
from app.core.params.kinds.kind import Kind
from app.core.params.schema_parts import Schema

KINDS: tuple[Kind, ...] = (
    files.FILE,
    texts.SECRET,
    parts.MODEL,
    choices.CHOICE,
    json_values.JSON,
    parts.ROWS,
    files.FILES,
    choices.CHOICES,
    parts.LIST,
    numbers.INT,
    numbers.FLOAT,
    choices.BOOL,
    texts.TEXT_AREA,
    *STORED,
    texts.TEXT,
)
"""Every kind, in the order of recognition: the first that recognizes a schema has it."""


def recognize(about: Schema, schema: Schema) -> Kind:
    """Return the kind of a part of a ``schema``."""
    return next(kind for kind in KINDS if kind.recognizes(about, schema))
