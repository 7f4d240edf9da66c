"""The steps that every task type on tables has, with their progress: reading, and what columns hold."""

from __future__ import annotations

from collections.abc import Sequence

from dtq import Context, File
from dtq_library.tables.io.read import read_table
from dtq_library.tables.model import CellOptions, Pulse, ReadOptions, Table
from dtq_library.tables.names import tidy_names
from dtq_library.tables.opened import Opened, open_typed
from dtq_library.tables.values.column import Recipe, agree, decide


def pulse(ctx: Context, done: float, total: float, message: str) -> Pulse:
    """Progress within one step of several, of which ``done`` are over; only long steps tell it."""

    def tell(share: float | None) -> None:
        if share is None:
            ctx.check_canceled()
        else:
            ctx.progress(done + share, total, message)

    return tell


def read_source(ctx: Context, source: File, options: ReadOptions) -> Table:
    """Read a file. For the progress, it is a task of its own: how many steps follow is not known before."""
    ctx.progress(0, 1, f"Reading {source.name}")
    table = read_table(source.path, source.name, options, pulse(ctx, 0, 1, f"Reading {source.name}"))
    ctx.log(f"Read {table.height:,} rows in {len(table.columns):,} columns.")
    return table


def decide_columns(
    ctx: Context, table: Table, names: Sequence[str], options: CellOptions, verb: str, steps: int
) -> list[Recipe]:
    """Look at the columns one by one. For the progress, each is a step, and reading was the first."""
    recipes: list[Recipe] = []
    for column, name in zip(table.columns, names, strict=True):
        ctx.progress(len(recipes) + 1, steps, f"{verb} {name}")
        recipes.append(decide(column, name, options))
    return agree(recipes, table.detected.delimiter)


def open_source(
    ctx: Context,
    source: File,
    reading: ReadOptions,
    options: CellOptions,
    more_steps: int,
    *,
    written: bool = False,
) -> Opened:
    """Read a file and type its columns; ``more_steps`` follow. Columns keep their names.

    ``written``: as `open_typed` has it.
    """
    table = read_source(ctx, source, reading)
    names = tidy_names([column.header for column in table.columns], snake_case=False)
    steps = len(names) + 2 + more_steps
    recipes = decide_columns(ctx, table, names, options, "Looking at", steps)
    ctx.progress(len(names) + 1, steps, "Typing the values")
    typing = pulse(ctx, len(names) + 1, steps, "Typing the values")
    return open_typed(table, recipes, typing, written=written)
