"""*Analyze a table*: the order of its steps. How each is done is in `dtq_library.tables.analyze`."""

from dataclasses import asdict
from pathlib import PurePath
from typing import Any

from dtq import Context, File, task
from dtq.filenames import extended
from dtq_library.tables import parameters as ask
from dtq_library.tables.analyze import parameters as want
from dtq_library.tables.analyze import result
from dtq_library.tables.analyze.correlation import MOST_COLUMNS, Correlation, correlate
from dtq_library.tables.analyze.page import render_page
from dtq_library.tables.analyze.profile import Profile, profile_column
from dtq_library.tables.model import CellOptions, ReadOptions
from dtq_library.tables.names import find_columns
from dtq_library.tables.opened import Opened
from dtq_library.tables.preview import RESULT, head_of_stage, lead
from dtq_library.tables.steps import open_source, pulse

ANALYZING = """\
Format, encoding and delimiter are found out. Spaces around cells are left out, and columns of numbers and
dates are recognized as in *Clean a table*. Missing values are left out of every figure but their own:

- `table`: for each column what it holds, how many values are missing, how many different ones there are
  (`distinct`), the smallest and the largest, and of numbers `mean`, `median` and standard deviation
  (`std`, that of a sample: divided by n - 1). Of texts the smallest is the first by alphabet, by the
  numbers of their characters.
- `quantiles`: of numbers, the values below which 5, 25, 50, 75 and 95 % of the others are; between the
  two nearest values in proportion (what numpy, pandas and spreadsheets do).
- `common`: the commonest values of each column, how often they occur, and in how many percent of the
  values that are not missing. Of equally frequent ones the smaller comes first.
- `correlations`: Pearson's coefficient for each pair of columns of numbers (the first 40), over the rows
  in which neither is missing; none where one of them never changes. The strongest come first.
- `charts`: histograms of numbers and dates, bars of the commonest values of other columns (the first 40), and
  of the 20 strongest correlations.
  A histogram has as many bins as Sturges' rule asks for, ceil(log2 n + 1), or as Freedman and Diaconis'
  does, whose bins are 2 IQR / n^(1/3) wide, whichever are more, but 60 at the most (by Sturges alone for
  dates). Whole numbers and dates have bins of a whole width. A bin holds its lower edge and not its upper
  one; the last one of numbers that are not whole holds both.

All of it is in the report, a page of HTML. The other figures:

- `notes`: what a person should know. `first_rows`: the beginning of the table as it was read.
- `rows`: of the table, without its header. `detected`: format, encoding, delimiter or sheet. `file`: the
  report.
"""


@task(
    title="Analyze a table",
    category="Data",
    timeout_s=3600,
    max_attempts=3,
    priority="medium",
    help=ANALYZING,
    result=RESULT
    | {
        "table": "table",
        "quantiles": "table",
        "common": "table",
        "correlations": "table",
        "charts": "chart",
    },
)
def analyse_table(
    ctx: Context,
    source: ask.Source,
    columns: want.Columns = want.EVERY,
    common: want.Common = 10,
    correlations: want.Correlations = True,
    missing: ask.Missing = ask.MISSING,
    missing_in_numbers: ask.MissingInNumbers = ask.MISSING_IN_NUMBERS,
    numbers: ask.Numbers = "auto",
    dates: ask.Dates = "auto",
    broken_rows: ask.BrokenRows = "stop",
    sheet: ask.Sheet = "",
    delimiter: ask.Delimiter = "auto",
    encoding: ask.Encoding = "auto",
    undecodable: ask.Undecodable = "stop",
    layout: ask.Layout = ask.AS_FOUND,
) -> dict[str, Any]:
    """Find out what a CSV, JSON, Parquet or XLSX table holds: figures, charts, correlations."""
    reading = ReadOptions(encoding, delimiter, sheet, broken_rows, undecodable, layout)
    opened = open_source(
        ctx,
        source,
        reading,
        CellOptions.typed(missing, missing_in_numbers, numbers, dates),
        0,
    )
    names = list(opened.kinds)
    wanted = find_columns(columns, names, names) or names
    steps = len(wanted) + 2
    profiles = _profiles(ctx, opened, wanted, common, steps)
    ctx.progress(steps - 2, steps, "Comparing columns")
    pairs = (
        correlate(opened.stage, profiles, pulse(ctx, steps - 2, steps, "Comparing columns"))
        if correlations
        else []
    )
    ctx.progress(steps - 1, steps, "Writing")
    found = _result(opened, profiles, pairs)
    file = _write(ctx, source, profiles, found)
    ctx.progress(steps, steps, f"Wrote {file['name']}")
    return found | {"file": file}


def _profiles(ctx: Context, opened: Opened, names: list[str], common: int, steps: int) -> list[Profile]:
    profiles: list[Profile] = []
    for name in names:
        ctx.progress(len(profiles), steps, f"Analyzing {name}")
        profiles.append(profile_column(opened.stage, name, opened.kinds[name], common))
    return profiles


def _result(opened: Opened, profiles: list[Profile], pairs: list[Correlation]) -> dict[str, Any]:
    detected = asdict(opened.table.detected)
    report = {
        "rows": opened.stage.height,
        "table": result.overview(profiles),
        "quantiles": result.quantiles(profiles),
        "common": result.commonest(profiles),
        "correlations": result.correlations(pairs),
        "charts": result.charts(profiles, pairs),
        "detected": {key: value for key, value in detected.items() if value is not None},
        "notes": opened.notes + _limits(profiles),
    }
    return lead(report, head_of_stage(opened.stage).preview(opened.kinds))


def _limits(profiles: list[Profile]) -> list[str]:
    numbers = sum(profile.numeric for profile in profiles)
    if numbers <= MOST_COLUMNS:
        return []
    return [f"Correlations are those of the first {MOST_COLUMNS} of {numbers} columns of numbers."]


def _write(ctx: Context, source: File, profiles: list[Profile], found: dict[str, Any]) -> dict[str, Any]:
    path = ctx.work_dir / "analysis.html"
    path.write_text(render_page(source.name, profiles, found), encoding="utf-8")
    name = extended(PurePath(source.name).stem, "-analysis.html")
    return ctx.save_file(path, name, "text/html; charset=utf-8")
