"""`dtq views`: saved views of the list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import click
from click.shell_completion import CompletionItem

from dtq.cli.login import connect
from dtq.cli.options import json_option
from dtq.cli.tasks import view_of, with_filters_and_sorts
from dtq.cli.terminal import say, when, write, write_json, write_pairs, write_table
from dtq.client import Client, DTQError, View
from dtq.client.records import Density


def complete_views(ctx: click.Context, param: click.Parameter, begun: str) -> list[CompletionItem]:
    """Return the names of views that begin so; none where the server does not answer at once."""
    try:
        known = connect(timeout_s=2, retry_s=0).views()
    except (DTQError, OSError):
        return []
    return [CompletionItem(view.name) for view in known if view.name.startswith(begun)]


def words_of(view: View) -> str:
    """Return a filter as words."""
    return " ".join(f"{name}={value}" for name, value in view.filter.items())


view_argument = click.argument("view_name", metavar="VIEW", shell_complete=complete_views)


@click.group("views")
def views_group() -> None:
    """Save, change and delete views of the list. VIEW is a name or an ID. `dtq list --view` shows one."""


@views_group.command("list")
@json_option
def list_views(as_json: bool) -> None:
    """List your saved views by name, then those that others share."""
    found = connect().views()
    if as_json:
        write_json(found)
        return
    rows = [
        (view.id, view.name, view.owner_name, "shared" if view.shared else "own", words_of(view))
        for view in found
    ]
    write_table(("ID", "NAME", "OWNER", "FOR", "FILTER"), rows, ("OWNER",))


@views_group.command("show")
@view_argument
@json_option
def show_view(view_name: str, as_json: bool) -> None:
    """Show a view: its filter, its columns, and whether it is shared."""
    view = view_of(connect(), view_name)
    if as_json:
        write_json(view)
        return
    write_pairs(
        [
            ("ID", view.id),
            ("Name", view.name),
            ("Filter", words_of(view)),
            ("Columns", ", ".join(view.columns)),
            ("Density", view.density),
            ("Shared", "yes" if view.shared else "no"),
            ("Owner", view.owner_name),
            ("Changed", when(view.changed_at)),
        ]
    )


@views_group.command("save")
@click.argument("name", metavar="VIEW")
@click.argument("search", metavar="[WORD]...", nargs=-1)
@with_filters_and_sorts
@click.option("--column", "columns", multiple=True, help="A column of the list; may be repeated.")
@click.option("--density", type=click.Choice(get_args(Density)), help="How high rows are.")
@click.option("--share/--no-share", default=None, help="Everybody sees it, or only you.")
@click.option("--over", is_flag=True, help="In the place of your view of this name: filter and sort.")
@json_option
def save_view(
    name: str,
    search: tuple[str, ...],
    statuses: Sequence[str],
    columns: tuple[str, ...],
    density: Any,
    share: bool | None,
    over: bool,
    as_json: bool,
    **filters: Any,
) -> None:
    """Save filters and a sort as a view, and write its ID."""
    wanted = {each: str(value) for each, value in filters.items() if value}
    wanted |= {"status": ",".join(statuses)} if statuses else {}
    wanted |= {"q": " ".join(search)} if search else {}
    look: dict[str, Any] = {"columns": list(columns)} if columns else {}
    look |= {"density": density} if density else {}
    look |= {} if share is None else {"shared": share}
    client = connect()
    known = _own(client, name) if over else None
    view = (
        client.change_view(known, filter=wanted, **look) if known else client.save_view(name, wanted, **look)
    )
    write_json(view) if as_json else write(view.id)


def _own(client: Client, name: str) -> View | None:
    me, wanted = client.me().id, " ".join(name.split()).casefold()
    return next((v for v in client.views() if v.owner == me and v.name.casefold() == wanted), None)


@views_group.command("delete")
@view_argument
def delete_view(view_name: str) -> None:
    """Delete a view; the tasks that it shows stay."""
    client = connect()
    view = view_of(client, view_name)
    client.delete_view(view.id)
    say(f"{view.name}: deleted.")
