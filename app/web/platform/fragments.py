"""Parts of a page that are fetched again by themselves."""

from __future__ import annotations

from typing import Any

from flask import render_template


def region(template: str, **values: Any) -> str:
    """A template without the space around it: a morph would keep that space, and more with every poll."""
    return render_template(template, **values).strip()
