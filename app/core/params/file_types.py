"""Which files a parameter takes: by the end of their name or their type, as HTML's `accept` has it."""

from __future__ import annotations

from app.core.errors import Invalid
from app.core.params.fields import Field


def accepted(field: Field, name: str, content_type: str) -> bool:
    """Whether a file is of a kind that the field takes."""
    return not field.accept or any(
        _matches(kind.lower(), name.lower(), content_type.lower()) for kind in field.accept
    )


def _matches(kind: str, name: str, content_type: str) -> bool:
    if kind.startswith("."):
        return name.endswith(kind)
    return content_type.startswith(kind[:-1]) if kind.endswith("/*") else content_type == kind


def not_accepted(field: Field, name: str) -> str:
    """The sentence for a file that is not."""
    return f"{name} isn't an accepted file type. Accepted: {', '.join(field.accept)}."


def require_accepted(field: Field, name: str, content_type: str) -> None:
    """Raises Invalid for a file that the field does not take."""
    if not accepted(field, name, content_type):
        raise Invalid(not_accepted(field, name))
