"""What is answered when something is refused."""

from __future__ import annotations

from pydantic import BaseModel


class FieldProblem(BaseModel):
    """What is wrong with a part of the body: a JSON pointer (RFC 6901) and a sentence."""

    pointer: str
    detail: str


class Problem(BaseModel):
    """A problem (RFC 9457); ``type`` is stable, ``detail`` is for people."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    errors: list[FieldProblem] = []
