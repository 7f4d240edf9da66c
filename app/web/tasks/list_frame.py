"""What frames a list: the view that it shows or was made of, how it looks, and the links that keep both.

In an address, `view` is the ID of a saved view, beside which only the place in the list may stand, or `all`
for every task where the person's list begins with a view. `based_on` is the ID of the view that a list was
made of: the list looks as the view does, and has the filters of the address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import url_for

from app.core.errors import BadQuery, NotFound
from app.core.listing.filter import TaskFilter
from app.core.listing.query_string import PLACES
from app.core.tasks.task import parse_task_id
from app.core.views.look import COLUMNS, DENSITIES, Look
from app.core.views.preferences import Preference
from app.core.views.saved_views import LONGEST_NAME, SavedView
from app.extensions import access

VIEW, BASED_ON, ALL = "view", "based_on", "all"
Args = Mapping[str, Any]


@dataclass(frozen=True)
class Frame:
    """The view of a list, if any; ``changed`` where the list is only based on it."""

    preference: Preference = Preference()
    view: SavedView | None = None
    changed: bool = False

    @property
    def look(self) -> Look:
        return self.view.look if self.view else self.preference.look

    @property
    def kept(self) -> dict[str, str]:
        """What every link and form of the list has besides its filters."""
        if self.view:
            return {BASED_ON: str(self.view.id)}
        return {VIEW: ALL} if self.preference.first else {}

    def url(self, args: Args) -> str:
        """Return the address of a list in this frame."""
        return url_for("tasks.index", **{**args, **self.kept})

    def page_url(self, args: Args) -> str:
        """Return the address of another page of this very list."""
        if self.view is None or self.changed:
            return self.url(args)
        places = {name: value for name, value in args.items() if name in PLACES}
        return url_for("tasks.index", **places, view=str(self.view.id))

    def _look_url(self, wanted: TaskFilter) -> str:
        """Return where the columns of this list are chosen."""
        if self.view and not self.changed:
            return url_for("saved_views.set_look", view=str(self.view.id))
        return url_for("saved_views.set_look", **{**wanted.args(), **self.kept})

    def values(self, wanted: TaskFilter) -> dict[str, Any]:
        """Return what the templates of a list need of its frame."""
        differs = self.view is not None and self.changed and wanted.args() != self.view.filter
        views = access().views
        return {
            "frame": self,
            "kept": self.kept,
            "list_url": self.url,
            "page_url": self.page_url,
            "all_url": url_for("tasks.index", view=ALL if self.preference.first else None),
            "look_url": self._look_url(wanted),
            "view_differs": differs,
            "view_mine": self.view is not None and views.may_change(self.view),
            "may_share": views.may_share,
            "longest_view_name": LONGEST_NAME,
            "all_columns": COLUMNS,
            "densities": DENSITIES,
        }


def frame_of(args: Mapping[str, list[str]]) -> tuple[Frame, dict[str, list[str]]]:
    """Return the frame that a query string asks for, and the rest of it, with the filter of a view.

    Raises BadQuery, and NotFound for a view that there is not, or not for this person.
    """
    rest = dict(args)
    asked = {name: rest.pop(name) for name in (VIEW, BASED_ON) if name in rest}
    if len(asked) > 1 or any(len(texts) != 1 for texts in asked.values()):
        raise BadQuery(f"Use “{VIEW}” or “{BASED_ON}” once.")
    preference = access().views.preference()
    name, text = next(((name, texts[0]) for name, texts in asked.items()), ("", ""))
    if not text or text == ALL:
        return Frame(preference), rest
    if name == VIEW and (filters := sorted(rest.keys() - {*PLACES})):
        raise BadQuery(f"A view has filters of its own. Leave “{filters[0][:60]}” out, or use “{BASED_ON}”.")
    view = access().views.get(parse_task_id(text))
    if name == VIEW:
        rest = {**{name: [str(value)] for name, value in view.filter.items()}, **rest}
    return Frame(preference, view, changed=name == BASED_ON), rest


def part_frame(args: Mapping[str, list[str]]) -> tuple[Frame, dict[str, list[str]]]:
    """Return the same for a part of a page, which outlives the view that the page began with."""
    try:
        return frame_of(args)
    except NotFound:
        left = {name: texts for name, texts in args.items() if name not in (VIEW, BASED_ON)}
        return Frame(access().views.preference()), left
