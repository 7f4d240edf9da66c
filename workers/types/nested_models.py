"""Models as parameters: how deep they may stand in each other, and what they take."""

from __future__ import annotations

from typing import Any

from app.core.params.fields import DEEPEST, Field


def unfit(path: str, each: Field) -> str:
    """Why a model, or a list of one, cannot be part of a form, or nothing."""
    if each.children:
        return ""
    if path.count(".") < DEEPEST:
        return "this model has no fields"
    return f"here models stand in each other more than {DEEPEST} deep, or one holds itself"


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with models that take no names but their own; pydantic passes others over in silence."""
    models = {
        name: {**about, "additionalProperties": False} if "properties" in about else about
        for name, about in schema.get("$defs", {}).items()
    }
    return {**schema, "$defs": models} if models else schema
