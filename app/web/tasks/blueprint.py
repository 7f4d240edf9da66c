"""The blueprint of the list and of the page of a task, which their modules share."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("tasks", __name__)
