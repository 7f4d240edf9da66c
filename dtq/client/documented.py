"""Docstrings that are written once, for two classes with the same methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Class = TypeVar("Class", bound=type)


def documented(like: type) -> Callable[[Class], Class]:
    """Give the methods of a class the docstrings of those of ``like``, where they have none."""

    def document(kind: Class) -> Class:
        for name, method in vars(kind).items():
            if callable(method) and not method.__doc__ and hasattr(like, name):
                method.__doc__ = getattr(like, name).__doc__
        return kind

    return document
