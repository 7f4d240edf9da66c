"""*Query tables with SQL*: the order of its steps. How each is done is in `dtq_library.tables.query`."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from dtq import Context, Fail, task
from dtq_library.tables import parameters as ask
from dtq_library.tables.io.write import CONTENT_TYPES, WriteOptions, write_frames, write_options
from dtq_library.tables.model import CellOptions, Detected, ReadOptions
from dtq_library.tables.preview import RESULT, Head, head_of_parquet, lead
from dtq_library.tables.query import parameters as want
from dtq_library.tables.query.loading import LoadedTable, load
from dtq_library.tables.query.names import LETTERS, aliases
from dtq_library.tables.query.outcome import Outcome, chart, settle, table
from dtq_library.tables.query.problems import Asked, excerpt, sentence
from dtq_library.tables.query.process import Order, memory_mb, run, temp_mb
from dtq_library.tables.steps import open_source, pulse
from dtq_library.tables.transform.shaping import shaped_frames

STEPS = 4
NAME = "query"

QUERYING = """\
The files are read as in *Clean a table*: format, encoding, delimiter and decimal sign are found out, and
columns of numbers and dates are recognized. Then one query runs over them, in
[DuckDB's SQL](https://duckdb.org/docs/sql/introduction):

- The tables are `a`, `b`, `c` and so on, in the order of the files. `people.csv` is also `people`, where that
  is a plain name and no other file has it. Columns keep their names; upper and lower case do not matter.
- One query that reads: `SELECT`, `FROM`, `WITH ... SELECT`, `VALUES`, `PIVOT`, `UNPIVOT`, `SUMMARIZE a`,
  `DESCRIBE a`.
- Lists and objects of JSON and Parquet are JSON: `tags->>'$[0]'`. Moments with an offset are in UTC.
- Sums of whole numbers are exact. Columns of the result that have one name get `_1`, `_2`.

A query sees its tables and nothing else: no files, no network, no other database. It runs in a process
of its own with limits of memory (1 GB, less where the task's own limit is lower) and disk; what does not
fit into memory is kept on disk. It ends with the task: canceled, or at its time limit.

- `notes`: what a person should know. `first_rows`: the beginning of the result, or the `table` or the `chart`
  that was asked for.
- `rows`: of the result. `columns`: what each holds. `tables`: what was read. `file`: the result.
"""


@task(
    title="Query tables with SQL",
    category="Data",
    timeout_s=3600,
    max_attempts=3,
    priority="medium",
    help=QUERYING,
    result=RESULT | {"table": "table", "chart": "chart"},
)
def query_tables(
    ctx: Context,
    tables: want.Tables,
    sql: want.Sql,
    show: want.Show = "rows",
    output: want.Output = "csv",
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
    """Run one SQL query over several CSV, JSON, Parquet or XLSX tables: join, filter, group, chart."""
    sql = sql.replace("\r\n", "\n").replace("\r", "\n")
    reading = ReadOptions(encoding, delimiter, sheet, broken_rows, undecodable, layout)
    options = CellOptions.typed(missing, missing_in_numbers, numbers, dates)
    loaded: list[LoadedTable] = []
    for letter, source in zip(LETTERS, tables, strict=False):
        opened = open_source(ctx, source, reading, options, STEPS)
        writing = pulse(ctx, 0, STEPS, f"Preparing {source.name}")
        loaded.append(load(opened, letter, source.name, ctx.work_dir, writing))
    others = aliases([source.name for source in tables])
    outcome = _queried(ctx, sql, loaded, others)
    shown = _shown(outcome, show)
    path, head = _written(ctx, outcome, write_options(Detected(output), output, write_missing_as))
    file = ctx.save_file(path, f"{NAME}.{output}", CONTENT_TYPES[output])
    ctx.progress(STEPS, STEPS, f"Wrote {file['name']}")
    report = _report(outcome, loaded, others) | {"file": file}
    if shown:
        return {"notes": report["notes"]} | shown | report
    return lead(report, head.preview(outcome.kinds))


def _queried(ctx: Context, sql: str, loaded: list[LoadedTable], others: dict[str, str]) -> Outcome:
    def tell(stage: str, share: float | None) -> None:
        done, message = (0, "Loading the tables") if stage == "loading" else (1, "Running the query")
        ctx.progress(done + (share or 0), STEPS, message)

    memory, temp = memory_mb(ctx.settings.task_memory_mb), temp_mb(ctx.work_dir)
    order = Order(ctx.work_dir, loaded, others, sql, memory, temp)
    answer = run(order, tell)
    if problem := answer.get("problem"):
        if place := excerpt(problem, sql):
            ctx.log(place)
        raise Fail(sentence(problem, Asked(sql, loaded, others, memory, temp)))
    ctx.progress(2, STEPS, "Typing the values")
    outcome = settle(order.result, answer["done"], ctx.work_dir / "final.parquet")
    order.result.unlink()
    return outcome


def _shown(outcome: Outcome, show: str) -> dict[str, Any]:
    """What is shown in place of the first rows; nothing where these are."""
    if show == "table":
        return {"table": table(outcome)}
    drawn = None if show == "rows" else chart(outcome, show)
    return {"chart": drawn} if drawn else {}


def _written(ctx: Context, outcome: Outcome, target: WriteOptions) -> tuple[Path, Head]:
    ctx.progress(STEPS - 1, STEPS, "Writing")
    if target.format == "parquet":
        return outcome.path, head_of_parquet(outcome.path)
    writing = pulse(ctx, STEPS - 1, STEPS, "Writing")
    path, options = ctx.work_dir / "written", replace(target, nested=outcome.nested, what="result")
    return path, write_frames(shaped_frames(outcome.path, target.format, writing), path, options, writing)


def _report(outcome: Outcome, loaded: list[LoadedTable], others: dict[str, str]) -> dict[str, Any]:
    named = {letter: name for name, letter in others.items()}
    return {
        "rows": outcome.rows,
        "columns": [{"name": name, "type": kind} for name, kind in outcome.kinds.items()],
        "tables": [
            {
                "table": table.letter,
                "also": named.get(table.letter),
                "file": table.file,
                "rows": table.rows,
                "columns": len(table.columns),
                **table.detected,
            }
            for table in loaded
        ],
        "notes": [*(note for table in loaded for note in table.notes), *outcome.notes],
    }
