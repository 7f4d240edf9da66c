"""`flask tasks types`: what workers have published, and what each type asks for."""

from __future__ import annotations

import shutil
import textwrap

import click
from flask.cli import with_appcontext

from app.cli.show import problems
from app.core.catalog import TaskType
from app.core.mongo import translated
from app.core.params.fields import Field
from app.core.params.paths import every
from app.core.schema import version
from app.extensions import services

HEADS = ("NAME", "TITLE", "CATEGORY", "SERVED", "PARAMETERS")
LEGEND = "* required, ? optional. More about one type: flask tasks types NAME"
LEAST_WIDTH = 30


@click.command("types")
@click.argument("name", required=False)
@with_appcontext
def types_command(name: str | None) -> None:
    """List the task types that workers have published, or the parameters of one of them."""
    with problems(), translated("reading the task types"):
        version.require(services().db)
        if name:
            click.echo("\n".join(_about(services().catalog.get(name))))
        else:
            click.echo("\n".join(_table(services().catalog.types())))


def _table(types: list[TaskType]) -> list[str]:
    if not types:
        return ["No worker has published a task type yet. Start one: python -m workers"]
    rows = [
        (each.name, each.title, each.category, "yes" if each.served else "no", _parameters(each))
        for each in types
    ]
    widths = [max(len(row[column]) for row in (HEADS, *rows)) for column in range(4)]
    return [line for row in (HEADS, *rows) for line in _lines(row, widths)] + ["", LEGEND]


def _lines(row: tuple[str, ...], widths: list[int]) -> list[str]:
    """A row whose last column is folded into what is left of the terminal."""
    start = "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=False)) + "  "
    room = max(LEAST_WIDTH, shutil.get_terminal_size((120, 24)).columns - len(start))
    first, *rest = textwrap.wrap(row[-1], room, break_on_hyphens=False) or ["-"]
    return [start + first, *(" " * len(start) + line for line in rest)]


def _parameters(task_type: TaskType) -> str:
    return " ".join(f"{each.name}:{each.kind}{_mark(each)}" for each in task_type.fields)


def _mark(each: Field) -> str:
    return "*" if each.required else "?" if each.nullable else ""


def _about(task_type: TaskType) -> list[str]:
    served = "" if task_type.served else " No living worker serves it."
    lines = [f"{task_type.name}: {task_type.title} ({task_type.category}). {task_type.summary}{served}"]
    for path, each in every(task_type.fields):
        lines += ["", f"  {path}: {each.kind}{_mark(each)}  {_values(each)}".rstrip()]
        lines += textwrap.wrap(each.help, 100, initial_indent="    ", subsequent_indent="    ")
    return lines


def _values(each: Field) -> str:
    number = each.kind.words(each).rstrip(".") if each.kind.item else ""
    parts = [" | ".join(value for value, _ in each.choices), each.bounds, number]
    if not each.required and each.default is not None:
        parts.append(f"default {each.kind.format(each, each.default)}")
    return "; ".join(part for part in parts if part)
