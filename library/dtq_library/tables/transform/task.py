"""*Transform a table*: the order of its steps. How each is done is in `dtq_library.tables.transform`."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dtq import Context, File, task
from dtq.checks import Check, empty, given
from dtq_library.tables import parameters as ask
from dtq_library.tables.io.write import (
    CONTENT_TYPES,
    WriteOptions,
    derived_name,
    write_frames,
    write_options,
)
from dtq_library.tables.model import CellOptions, ReadOptions
from dtq_library.tables.names import find_columns
from dtq_library.tables.opened import Opened
from dtq_library.tables.preview import RESULT, Head, head_of_parquet, lead
from dtq_library.tables.steps import open_source, pulse
from dtq_library.tables.transform import parameters as want
from dtq_library.tables.transform.columns import choose_columns
from dtq_library.tables.transform.conditions import Conditions
from dtq_library.tables.transform.filling import fill_missing
from dtq_library.tables.transform.grouping import aggregate
from dtq_library.tables.transform.joining import How, join
from dtq_library.tables.transform.letters import change_letters
from dtq_library.tables.transform.report import StepLog, build_report, count
from dtq_library.tables.transform.shaping import shaped_frames
from dtq_library.tables.transform.sorting import sort_keys, sort_rows
from dtq_library.tables.values.written import beside, visible, without_written

if TYPE_CHECKING:
    import polars as pl

MORE_STEPS = 2


@dataclass
class _Work:
    """A table between two steps: ``nested`` columns hold JSON, ``remarks`` say why a column is text."""

    frame: "pl.LazyFrame"
    nested: set[str]
    remarks: dict[str, str]
    notes: list[str]
    log: StepLog


TRANSFORMING = """\
Format, encoding and delimiter are found out. Spaces around cells are left out, and columns of numbers and
dates are recognized as in *Clean a table*; they are written plainly: 1,234.50 as 1234.50, 25.12.2024 as
2024-12-25. CSV and TSV keep the zeros of numbers that are not computed. Then, in this order, as far as it is
asked for:

- **Join** with the second table. Its columns come after those of the first; a name that is taken gets _2.
- **Fill missing values**, line after line.
- **Letter case**.
- **Rows to keep**. After a column stand =, !=, <, <=, >, >=, `between 1 and 5`, `in A, B`, `not in A, B`,
  `contains`, `does not contain`, `starts with`, `ends with`, `is missing` or `is not missing`. Dates are
  written 2024-01-31. A missing value meets only `is missing`. Text is compared letter by letter, upper
  and lower case apart; a value with spaces at its ends, or a comma in a list, stands in double quotes.
- **Group by** columns and **compute**: one row for each group, in the order of the groups. Missing values
  are left out of everything computed; `sum` is exact for whole numbers, and a decimal where 64 bits cannot
  hold it; `std` is the standard deviation of a sample; `distinct` counts different values; `first` and
  `last` are in the order of the table. Without lines to compute, groups are counted.
- **Sort**. Missing values come last, rows that are equal stay in their order.
- **Columns** to keep, with their new names, in their new order.

In all of these, a column is called by its name; a line that begins with # is a remark. The figures:

- `notes`: what a person should know. `first_rows`: the beginning of the table that was written.
- `rows_in`, `columns_in`: of the table that was read; broken rows that were skipped are in the notes.
  `rows_out`, `columns_out`: of the table that was written.
- `steps`: what was done, and how many rows there were after it.
- `columns`: for each column that was written what it holds and how many of its cells are missing.
- `detected`: format, encoding, delimiter or sheet. `file`: the table.
"""


@task(
    title="Transform a table",
    category="Data",
    timeout_s=3600,
    max_attempts=3,
    priority="medium",
    help=TRANSFORMING,
    checks=[
        Check("join_on", "Name a column in which the two tables agree.", given("join_with"), empty("join_on"))
    ],
    result=RESULT,
)
def transform_table(
    ctx: Context,
    source: ask.Source,
    rows: want.Rows = want.NOTHING,
    match: want.Match = "all",
    group_by: want.GroupBy = want.NOTHING,
    compute: want.Compute = want.NOTHING,
    sort: want.Sort = want.NOTHING,
    columns: want.Columns = want.NOTHING,
    output: ask.Output = "same",
    join_with: want.JoinWith = None,
    join_on: want.JoinOn = want.NOTHING,
    join_kind: want.JoinKind = "left",
    fill: want.Fill = want.NOTHING,
    case: want.LetterCase = "keep",
    case_columns: want.CaseColumns = want.NOTHING,
    drop: want.Drop = want.NOTHING,
    missing: ask.Missing = ask.MISSING,
    missing_in_numbers: ask.MissingInNumbers = ask.MISSING_IN_NUMBERS,
    write_missing_as: ask.WriteMissingAs = "",
    numbers: ask.Numbers = "auto",
    dates: ask.Dates = "auto",
    broken_rows: ask.BrokenRows = "stop",
    sheet: ask.Sheet = "",
    delimiter: ask.Delimiter = "auto",
    encoding: ask.Encoding = "auto",
    undecodable: ask.Undecodable = "stop",
    layout: ask.Layout = ask.AS_FOUND,
) -> dict[str, Any]:
    """Choose rows and columns, sort, group, join and convert a CSV, JSON, Parquet or XLSX table."""
    reading = ReadOptions(encoding, delimiter, sheet, broken_rows, undecodable, layout)
    options = CellOptions.typed(missing, missing_in_numbers, numbers, dates)
    opened = open_source(ctx, source, reading, options, MORE_STEPS, written=True)
    target = write_options(opened.table.detected, output, write_missing_as)
    work = _Work(opened.stage.scan(), set(opened.nested), opened.remarks, list(opened.notes), StepLog())
    _begin(work, opened, keep_written=target.format in ("csv", "tsv") and not (group_by or compute))
    if join_with is not None:
        _join(ctx, work, join_with, join_on, join_kind, reading, options)
    work.frame = fill_missing(work.frame, fill, work.nested)
    work.frame = change_letters(work.frame, case, case_columns, work.nested)
    _keep_rows(work, rows, match)
    _group(work, group_by, compute)
    _sort(ctx, work, sort, len(opened.recipes) + 2)
    _choose(work, columns, drop)
    return _finish(ctx, source, opened, work, target)


def _begin(work: _Work, opened: Opened, *, keep_written: bool) -> None:
    """How numbers were written goes along to text files, unless they are computed anew; else that is told."""
    if not keep_written:
        work.frame = without_written(work.frame)
        work.notes += opened.respelled


def _join(
    ctx: Context,
    work: _Work,
    source: File,
    on: list[str],
    how: How,
    reading: ReadOptions,
    options: CellOptions,
) -> None:
    """Format, delimiter, sheet and encoding are the first table's; those of the second are found out."""
    second = open_source(
        ctx,
        source,
        ReadOptions(broken_rows=reading.broken_rows, undecodable=reading.undecodable),
        options,
        MORE_STEPS,
        written=True,
    )
    keys = set(work.frame.collect_schema().names())
    joined = join(work.frame, second.stage.scan(), on, how)
    work.frame = joined.frame
    if how != "anti":
        theirs = {joined.renamed[name] for name in second.nested}
        if how == "outer":  # A column that both tables fill holds JSON only where it does so in both.
            work.nested -= (keys & set(joined.renamed.values())) - theirs
        work.nested |= theirs - keys
        work.remarks |= {joined.renamed[name]: note for name, note in second.remarks.items()}
    work.notes += [f"{source.name}: {note}" for note in second.notes]
    work.log.add(f"Joined with {source.name}", count(work.frame))


def _keep_rows(work: _Work, lines: list[str], match: want.Match) -> None:
    wanted = Conditions(_schema(work), work.remarks).met(lines, match)
    if wanted is not None:
        work.frame = work.frame.filter(wanted)
        work.log.add("Kept the rows that meet the conditions", count(work.frame))


def _schema(work: _Work) -> "dict[str, pl.DataType]":
    """The columns that a person knows of."""
    schema = work.frame.collect_schema()
    return {name: schema[name] for name in visible(schema.names())}


def _group(work: _Work, by: list[str], compute: list[str]) -> None:
    if by or compute:
        work.frame = without_written(work.frame)
        names = work.frame.collect_schema().names()
        columns = find_columns(by, names, names)
        work.frame = aggregate(work.frame, columns, compute)
        work.nested &= set(columns)
        work.log.add("Computed one row for each group" if by else "Computed one row", count(work.frame))


def _sort(ctx: Context, work: _Work, lines: list[str], done: int) -> None:
    by = sort_keys(list(_schema(work)), lines)
    sorting = pulse(ctx, done, done + MORE_STEPS, "Sorting")
    work.frame = sort_rows(work.frame, by, ctx.work_dir, sorting)


def _choose(work: _Work, columns: list[str], drop: list[str]) -> None:
    chosen = choose_columns(list(_schema(work)), columns, drop)
    written = {beside(old): beside(new) for old, new in chosen.items()}
    there = work.frame.collect_schema().names()
    both = chosen | {old: new for old, new in written.items() if old in there}
    work.frame = work.frame.select(**{new: old for old, new in both.items()})
    work.nested = {new for old, new in chosen.items() if old in work.nested}


def _finish(ctx: Context, source: File, opened: Opened, work: _Work, target: WriteOptions) -> dict[str, Any]:
    """Carry the plan out, into a Parquet file first, and write that in the format that is wanted."""
    import polars as pl

    steps = len(opened.recipes) + 2 + MORE_STEPS
    ctx.progress(steps - 2, steps, "Computing")
    final = ctx.work_dir / "final.parquet"
    work.frame.sink_parquet(final)
    ctx.progress(steps - 1, steps, "Writing")
    report = build_report(opened, pl.scan_parquet(final, glob=False), work.log, work.notes)
    path, head = _written(ctx, final, replace(target, nested=frozenset(work.nested)), steps)
    name = derived_name(source.name, target.format, "transformed")
    file = ctx.save_file(path, name, CONTENT_TYPES[target.format])
    ctx.progress(steps, steps, f"Wrote {file['name']}")
    first_rows = head.preview({column["name"]: column["type"] for column in report["columns"]})
    return lead(report, first_rows) | {"file": file}


def _written(ctx: Context, final: Path, options: WriteOptions, steps: int) -> tuple[Path, Head]:
    writing = pulse(ctx, steps - 1, steps, "Writing")
    if options.format == "parquet":
        return final, head_of_parquet(final)
    path = ctx.work_dir / "transformed"
    return path, write_frames(shaped_frames(final, options.format, writing), path, options, writing)
