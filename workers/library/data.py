"""Task types that work on people's data: what a form asks and what happens in which order.

How it is done is in the package beside this module, `workers.library.tables`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from workers import Context, File, task
from workers.library.tables import parameters as ask
from workers.library.tables.clean import Recipe, decide
from workers.library.tables.cleaned import clean_frames, nested_columns, nested_notes
from workers.library.tables.model import CleanOptions, Pulse, ReadOptions, Table
from workers.library.tables.names import find_columns, tidy_names
from workers.library.tables.read import read_table
from workers.library.tables.report import Tally, build_report
from workers.library.tables.rows import Kept, choose_rows, with_values
from workers.library.tables.write import CONTENT_TYPES, WriteOptions, clean_name, write_frames, write_options

CLEANING = """\
Format, encoding and delimiter are found out. Then, in this order:

- Names of columns are made tidy, unique and never empty.
- Whitespace is trimmed and collapsed; spellings of missing become missing.
- A column of which every value is a number gets plain numbers: 1,234.50 and 1.234,50 become 1234.50.
  Codes with leading zeros such as 00501, amounts with a currency or a percent sign, numbers of more than
  15 digits and columns that also hold words stay text.
- A column of which every value is a date in one form gets ISO 8601: 25.12.2024 becomes 2024-12-25.
  What can be read in two ways stays text, and the notes say so.
- Empty rows, empty columns and duplicates are dropped. A row whose columns to compare are all missing is
  never a duplicate.

The clean file is listed on this page; text formats are written in UTF-8. A table with a header and no
rows is cleaned to the same. The figures:

- `rows_in`: rows of the source after its header, blank lines and skipped rows included. `rows_out`: rows
  of the clean file. `rows_in` is `rows_out` and all removed rows.
- `columns_in`, `columns_out`: columns of the source and of the clean file.
- `removed`: `broken_rows` that were skipped; `empty_rows`, in which every cell is missing; `duplicates`,
  rows that equal an earlier one; and the names of `empty_columns`, in which every cell is missing.
- `cells_changed`: cells of the clean file whose text is not what it was in the source, or that held
  something and are missing now (an empty text of JSON, Parquet or XLSX is something); cells of removed
  rows and columns are not counted. `total` counts each cell once. A cell that became missing is counted
  under `missing` only, any other one under each of `trimmed`, `number`, `date` and `case` that changed
  it. That a number is stored as one (1.50 as 1.5) is no change.
- `columns`: for each column of the clean file its name before and after, what it holds, how many cells
  are missing, how many were changed and why.
- `detected`: format, encoding, delimiter or sheet. `notes`: what a person should know. `file`: the clean
  file.
"""


@task(title="Clean a table", category="Data", timeout_s=600, max_attempts=3, priority="medium", help=CLEANING)
def clean_table(
    ctx: Context,
    source: ask.Source,
    output: ask.Output = "same",
    names: ask.ColumnNames = "snake_case",
    whitespace: ask.Whitespace = "collapse",
    missing: ask.Missing = ask.MISSING,
    write_missing_as: ask.WriteMissingAs = "",
    numbers: ask.Numbers = "auto",
    dates: ask.Dates = "auto",
    case: ask.Case = "keep",
    drop_empty: ask.DropEmpty = True,
    drop_duplicates: ask.DropDuplicates = True,
    duplicate_columns: ask.DuplicateColumns = ask.EVERY_COLUMN,
    broken_rows: ask.BrokenRows = "stop",
    sheet: ask.Sheet = "",
    delimiter: ask.Delimiter = "auto",
    encoding: ask.Encoding = "auto",
) -> dict[str, Any]:
    """Tidy a CSV, JSON, Parquet or XLSX table: names, spaces, missing values, numbers, dates, duplicates."""
    table = _read(ctx, source, ReadOptions(encoding, delimiter, sheet.strip(), broken_rows))
    headers = [column.header for column in table.columns]
    tidy = tidy_names(headers, snake_case=names == "snake_case")
    keys = find_columns(duplicate_columns, tidy, headers)
    recipes = _decide(ctx, table, tidy, CleanOptions(whitespace, tuple(missing), numbers, dates, case))
    pulse, steps = _pulse(ctx, len(recipes) + 1, len(recipes) + 2, "Comparing rows"), len(recipes) + 2
    kept = choose_rows(
        table, recipes, pulse, drop_empty=drop_empty, drop_duplicates=drop_duplicates, keys=keys
    )
    written = {recipe: Tally() for recipe in (with_values(recipes) if drop_empty else recipes)}
    target = write_options(table.detected, output, write_missing_as)
    ctx.progress(steps - 1, steps, "Writing")
    file = _write(ctx, source, table, written, kept, target)
    ctx.progress(steps, steps, f"Wrote {file['name']}")
    return build_report(table, recipes, written, kept, nested_notes(list(written), target.format)) | {
        "file": file
    }


def _read(ctx: Context, source: File, options: ReadOptions) -> Table:
    ctx.progress(0, 1, f"Reading {source.name}")
    pulse = _pulse(ctx, 0, 1, f"Reading {source.name}")
    table = read_table(source.path, source.name, options, pulse)
    ctx.log(f"Read {table.height:,} rows in {len(table.columns):,} columns.")
    return table


def _pulse(ctx: Context, done: int, total: int, message: str) -> Pulse:
    """Progress within one step of several; only a step that takes long tells it."""

    def tell(share: float | None) -> None:
        if share is None:
            ctx.check_canceled()
        else:
            ctx.progress(done + share, total, message)

    return tell


def _decide(ctx: Context, table: Table, names: Sequence[str], options: CleanOptions) -> list[Recipe]:
    """Look at the columns one by one. For the progress, reading and writing are a step each, too."""
    recipes: list[Recipe] = []
    for column, name in zip(table.columns, names, strict=True):
        ctx.progress(len(recipes) + 1, len(names) + 2, f"Cleaning {name}")
        recipes.append(decide(column, name, options))
    return recipes


def _write(
    ctx: Context,
    source: File,
    table: Table,
    written: dict[Recipe, Tally],
    kept: Kept,
    options: WriteOptions,
) -> dict[str, Any]:
    path, done = ctx.work_dir / "clean", len(table.columns) + 1
    pulse = _pulse(ctx, done, done + 1, "Writing")
    options = replace(options, nested=nested_columns(list(written)), what="clean table")
    write_frames(clean_frames(table, written, kept, options.format, pulse), path, options, pulse)
    return ctx.save_file(path, clean_name(source.name, options.format), CONTENT_TYPES[options.format])
