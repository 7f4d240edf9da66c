"""*Clean a table*: what its form asks, and the order of its steps."""

from dataclasses import replace
from typing import Any

from dtq import Context, File, task
from dtq_library.tables import parameters as ask
from dtq_library.tables.clean.cleaned import clean_frames, nested_columns, nested_notes
from dtq_library.tables.clean.report import Tally, build_report
from dtq_library.tables.io.write import (
    CONTENT_TYPES,
    WriteOptions,
    derived_name,
    write_frames,
    write_options,
)
from dtq_library.tables.model import CellOptions, ReadOptions, Table
from dtq_library.tables.names import find_columns, tidy_names
from dtq_library.tables.preview import RESULT, Head, lead
from dtq_library.tables.rows import RowSelection, choose_rows, with_values
from dtq_library.tables.steps import decide_columns, pulse, read_source
from dtq_library.tables.values.column import Recipe

CLEANING = """\
Format, encoding and delimiter are found out. Then, in this order:

- Names of columns are made tidy, unique and never empty.
- Whitespace is trimmed and collapsed; values that are treated as missing become missing. NA, none and - are
  such only in columns of numbers and dates.
- A column of which every value is a number gets plain numbers: 1,234.50 and 1.234,50 become 1234.50.
  Codes with leading zeros such as 00501, amounts with a currency or a percent sign, numbers of more than
  15 digits and columns that also hold words stay text. The decimal sign is one for the whole table: beside
  0,05 the 1.234 of another column is a thousand. Where no column shows it, doubt stays text with a note.
- A column of which every value is a date in one form gets ISO 8601: 25.12.2024 becomes 2024-12-25.
  What can be read in two ways stays text, and the notes say so.
- Empty rows, empty columns and duplicates are dropped. Rows are compared as they are written after
  cleaning: 1.1 and 1.10 differ. A row whose columns to compare are all missing is
  never a duplicate.

The clean file is listed on this page; text formats are written in UTF-8. A table with a header and no
rows is cleaned to the same. The figures:

- `notes`: what a person should know. `first_rows`: the beginning of the clean file.
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
- `detected`: format, encoding, delimiter or sheet. `file`: the clean file.
"""


@task(
    title="Clean a table",
    category="Data",
    timeout_s=3600,
    max_attempts=3,
    priority="medium",
    help=CLEANING,
    result=RESULT,
)
def clean_table(
    ctx: Context,
    source: ask.Source,
    output: ask.Output = "same",
    names: ask.ColumnNames = "snake_case",
    whitespace: ask.Whitespace = "collapse",
    missing: ask.Missing = ask.MISSING,
    missing_in_numbers: ask.MissingInNumbers = ask.MISSING_IN_NUMBERS,
    write_missing_as: ask.WriteMissingAs = "",
    numbers: ask.Numbers = "auto",
    dates: ask.Dates = "auto",
    case: ask.Case = "keep",
    drop_empty: ask.DropEmpty = True,
    drop_duplicates: ask.DropDuplicates = True,
    duplicate_columns: ask.DuplicateColumns = ask.EVERY_COLUMN,
    compare: ask.Compare = "written",
    broken_rows: ask.BrokenRows = "stop",
    sheet: ask.Sheet = "",
    delimiter: ask.Delimiter = "auto",
    encoding: ask.Encoding = "auto",
    undecodable: ask.Undecodable = "stop",
    layout: ask.Layout = ask.AS_FOUND,
) -> dict[str, Any]:
    """Tidy a CSV, JSON, Parquet or XLSX table: names, spaces, missing values, numbers, dates, duplicates."""
    table = read_source(
        ctx, source, ReadOptions(encoding, delimiter, sheet, broken_rows, undecodable, layout)
    )
    headers = [column.header for column in table.columns]
    tidy = tidy_names(headers, snake_case=names == "snake_case")
    keys = find_columns(duplicate_columns, tidy, headers)
    steps = len(tidy) + 2
    options = CellOptions(whitespace, tuple(missing), numbers, dates, case, tuple(missing_in_numbers))
    recipes = decide_columns(ctx, table, tidy, options, "Cleaning", steps)
    kept = choose_rows(
        table,
        recipes,
        pulse(ctx, steps - 1, steps, "Comparing rows"),
        drop_empty=drop_empty,
        drop_duplicates=drop_duplicates,
        keys=keys,
        compare=compare,
    )
    written = {recipe: Tally() for recipe in (with_values(recipes) if drop_empty else recipes)}
    target = write_options(table.detected, output, write_missing_as)
    ctx.progress(steps - 1, steps, "Writing")
    file, head = _write(ctx, source, table, written, kept, target)
    ctx.progress(steps, steps, f"Wrote {file['name']}")
    report = build_report(table, recipes, written, kept, nested_notes(list(written), target.format))
    first_rows = head.preview({recipe.name: recipe.kind for recipe in written})
    return lead(report, first_rows) | {"file": file}


def _write(
    ctx: Context,
    source: File,
    table: Table,
    written: dict[Recipe, Tally],
    kept: RowSelection,
    options: WriteOptions,
) -> tuple[dict[str, Any], Head]:
    path, steps = ctx.work_dir / "clean", len(table.columns) + 2
    writing = pulse(ctx, steps - 1, steps, "Writing")
    options = replace(options, nested=nested_columns(list(written)), what="clean table")
    head = write_frames(clean_frames(table, written, kept, options.format, writing), path, options, writing)
    name = derived_name(source.name, options.format, "clean")
    return ctx.save_file(path, name, CONTENT_TYPES[options.format]), head
