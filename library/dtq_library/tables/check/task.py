"""*Check a table*: the order of its steps. How each is done is in `dtq_library.tables.check`."""

from dataclasses import asdict
from pathlib import PurePath
from typing import Any

from dtq import Context, Fail, task
from dtq.filenames import extended
from dtq_library.tables import parameters as ask
from dtq_library.tables.check import parameters as want
from dtq_library.tables.check.check import Checker, Findings
from dtq_library.tables.check.rules import Rule, Rules
from dtq_library.tables.model import ReadOptions, Table
from dtq_library.tables.names import tidy_names
from dtq_library.tables.preview import RESULT, head_of_stage, lead
from dtq_library.tables.steps import pulse, read_source
from dtq_library.tables.values.column import kind_of

_TOLD = 3
_LONG = 80


CHECKING = """\
A rule is a line that begins with a column:

- `unique`: no value stands there twice; each row after the first breaks it. `first name, last name
  unique`: the columns together; a row in which one of them is missing breaks nothing.
- `not missing`: no other rule is broken by a missing cell.
- `matches email`, `url`, `number`, `integer` or `date` (2024-01-31, a time may follow).
- `between 0 and 120`, with both ends, or =, !=, <, <=, >, >= and a number or a date.
- `in CA, NY` or `not in CA, NY`: one of these, letter by letter. What holds a comma stands in double
  quotes.
- `length 3`, `length 1 to 5`, `length at least 2` or `length at most 5` characters.
- `date format %d.%m.%Y`: a date, or a time, that exists and is written exactly so. There are %Y, %y, %m,
  %b, %B, %d, %H, %I, %M, %S and %p.
- `regex ^[A-Z]+$`: a regular expression that is found in the cell; from its beginning with ^, to its end
  with $.

Every cell is judged by itself. A line that begins with # is a remark. The figures:

- `notes`: what a person should know. `first_rows`: the beginning of the table as it was read.
  `first_broken`: the beginning of the report.
- `rows`: rows of the table that were checked. `rows_broken`: those that break some rule.
- `rules`: for each rule how many cells were `checked` (missing ones are not), how many have `broken` it,
  and the first of them: its row and what stands there.
- `listed`: lines of the report, a CSV file with row, column, value and rule. Rows are counted as in a
  spreadsheet: the first line of a file is row 1; in JSON and Parquet the first record is.
- `detected`: format, encoding, delimiter or sheet. `file`: the report.
"""


@task(
    title="Check a table",
    category="Data",
    timeout_s=3600,
    max_attempts=3,
    priority="medium",
    help=CHECKING,
    result=RESULT | {"first_broken": "preview"},
)
def check_table(
    ctx: Context,
    source: ask.Source,
    rules: want.RuleLines,
    when_broken: want.WhenBroken = "report",
    spaces: want.Spaces = "ignore",
    missing: ask.Missing = ask.EVERY_MISSING,
    numbers: want.Decimal = "point",
    most: want.Most = 100_000,
    broken_rows: ask.BrokenRows = "stop",
    sheet: ask.Sheet = "",
    delimiter: ask.Delimiter = "auto",
    encoding: ask.Encoding = "auto",
    undecodable: ask.Undecodable = "stop",
    layout: ask.Layout = ask.AS_FOUND,
) -> dict[str, Any]:
    """Validate a table against rules and list the rows that violate them."""
    table = read_source(
        ctx, source, ReadOptions(encoding, delimiter, sheet, broken_rows, undecodable, layout)
    )
    names = tidy_names([column.header for column in table.columns], snake_case=False)
    wanted = Rules(names, numbers).read(rules)
    ctx.progress(1, 2, "Checking")
    checker = Checker(table, names, wanted, tuple(missing), spaces == "ignore")
    path = ctx.work_dir / "broken.csv"
    findings = checker.check(path, most, pulse(ctx, 1, 2, "Checking"))
    file = ctx.save_file(path, extended(PurePath(source.name).stem, "-broken.csv"), "text/csv; charset=utf-8")
    ctx.progress(2, 2, f"Wrote {file['name']}")
    if when_broken == "fail" and findings.rows:
        raise Fail(_sentence(wanted, findings))
    return _report(table, names, wanted, findings) | {"file": file}


def _report(table: Table, names: list[str], wanted: list[Rule], findings: Findings) -> dict[str, Any]:
    detected = asdict(table.detected)
    keys = {column.key: name for column, name in zip(table.columns, names, strict=True)}
    known = {
        name: kind_of(column.dtype)
        for column, name in zip(table.columns, names, strict=True)
        if kind_of(column.dtype) != "text"
    }
    report = {
        "first_broken": findings.head.preview({"row": "integer"}),
        "rows": table.height,
        "rows_broken": findings.rows,
        "rules": _summary(wanted, findings),
        "listed": findings.listed,
        "detected": {key: value for key, value in detected.items() if value is not None},
        "notes": table.notes + _cut(findings),
    }
    return lead(report, head_of_stage(table.stage, keys).preview(known))


def _summary(rules: list[Rule], findings: Findings) -> list[dict[str, Any]]:
    return [
        {
            "rule": rule.text,
            "checked": broken.checked,
            "broken": broken.cells,
            "first_row": broken.first_row,
            "value": broken.example if broken.example is None else broken.example[:_LONG],
        }
        for rule, broken in zip(rules, findings.by_rule, strict=True)
    ]


def _cut(findings: Findings) -> list[str]:
    all_lines = sum(broken.cells for broken in findings.by_rule)
    if all_lines == findings.listed:
        return []
    return [f"The report holds the first {findings.listed:,} of {all_lines:,} lines."]


def _sentence(rules: list[Rule], findings: Findings) -> str:
    """Which rules were broken, the ones that were broken most first."""
    counts = zip(rules, findings.by_rule, strict=True)
    broken = sorted(((count.cells, rule.text) for rule, count in counts if count.cells), reverse=True)
    told = "; ".join(f"{text} ({count:,})" for count, text in broken[:_TOLD])
    more = f"; and {len(broken) - _TOLD} more" if len(broken) > _TOLD else ""
    return (
        f"{findings.rows:,} rows break {len(broken)} of {len(rules)} rules: {told}{more}. "
        "The report lists them."
    )
