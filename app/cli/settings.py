"""`flask settings`: the table of settings with the values in force."""

from __future__ import annotations

import os

import click

from config import describe
from environment import effective


@click.command("settings")
def settings_command() -> None:
    """Print every setting with its value, where that comes from, and what it is for; secrets are hidden."""
    found = effective(os.environ)
    rows = describe(found.values, found.sources)
    name_width = max(len(row.name) for row in rows)
    value_width = max(len(row.value) for row in rows)
    for row in rows:
        click.echo(f"{row.name:<{name_width}}  {row.value:<{value_width}}  {row.source:<11}  {row.help}")
