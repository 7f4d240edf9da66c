"""The rows that break rules: found chunk after chunk, written to a report as they are found, and counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dtq_library.tables.check.rules import Rule
from dtq_library.tables.model import Pulse, Table
from dtq_library.tables.preview import Head
from dtq_library.tables.repeats import Repeats
from dtq_library.tables.values.column import blank_missing, tidy_whitespace
from dtq_library.tables.values.typed import as_text

if TYPE_CHECKING:
    import polars as pl

_FIRST = " first "  # A name that no column has: names of columns have no whitespace at their ends.


@dataclass
class Broken:
    """How often one rule is broken, and where first: the number of the row, and what stands there."""

    cells: int = 0
    checked: int = 0
    first_row: int | None = None
    example: str | None = None


@dataclass
class Findings:
    """``rows`` is the number of rows that break some rule, ``listed`` that of lines in the report.

    ``head`` has the first of these lines.
    """

    by_rule: list[Broken]
    rows: int = 0
    listed: int = 0
    head: Head = field(default_factory=Head)


@dataclass(frozen=True)
class Checker:
    """Checks a table whose columns are called ``names``; ``missing`` are spellings of missing."""

    table: Table
    names: Sequence[str]
    rules: Sequence[Rule]
    missing: tuple[str, ...]
    trim: bool

    def check(self, path: Path, most: int, pulse: Pulse) -> Findings:
        """Write at most so many lines to the report; everything is counted."""
        import polars as pl

        findings = Findings([Broken() for _ in self.rules])
        firsts = self._first_ones(pulse)
        done = 0
        with path.open("wb") as report:
            _no_lines().write_csv(report)
            for source, cells in self._chunks(pulse):
                rows = {at: first.slice(done, cells.height) for at, first in firsts.items()}
                broken = pl.DataFrame(
                    [self._broken(at, cells, rows.get(at)) for at in range(len(self.rules))]
                )
                lines = self._lines(broken, source, done)
                _count(findings, lines, broken, [self._checked(rule, cells) for rule in self.rules])
                shown = lines.head(max(0, most - findings.listed)).drop("at")
                findings.listed += shown.height
                findings.head.see(shown)
                shown.write_csv(report, include_header=False)
                done += cells.height
        return findings

    def _chunks(self, pulse: Pulse) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        """Cells as they stand in the source, and as they are judged."""
        import polars as pl

        keys = {name: column.key for name, column in zip(self.names, self.table.columns, strict=True)}
        wanted = list(dict.fromkeys(name for rule in self.rules for name in rule.columns))
        done = 0
        for chunk in self.table.stage.chunks(*(keys[name] for name in wanted)):
            if done:
                pulse(done / self.table.height)
            source = pl.DataFrame([as_text(chunk[keys[name]]).alias(name) for name in wanted])
            yield source, pl.DataFrame([self._judged(source[name]) for name in wanted])
            done += chunk.height

    def _judged(self, cells: pl.Series) -> pl.Series:
        trimmed = tidy_whitespace(cells, "trim" if self.trim else "keep")
        return blank_missing(trimmed, self.missing).alias(cells.name)

    def _first_ones(self, pulse: Pulse) -> dict[int, pl.Series]:
        """For each rule of unique columns, by its place: whether a row is the first with its values."""
        seen = {at: Repeats(self.table) for at, rule in enumerate(self.rules) if rule.met is None}
        if not seen:
            return {}
        for _, cells in self._chunks(pulse):
            for at, repeats in seen.items():
                repeats.add(cells.select(self.rules[at].columns))
        return {at: repeats.first_ones() for at, repeats in seen.items()}

    def _broken(self, at: int, cells: pl.DataFrame, first: pl.Series | None) -> pl.Series:
        import polars as pl

        rule = self.rules[at]
        met = pl.col(_FIRST) if rule.met is None else rule.met.fill_null(False)
        known = pl.all_horizontal(pl.col(rule.columns).is_not_null())
        asked = cells if first is None else cells.with_columns(first.alias(_FIRST))
        found = asked.select(~met if rule.about_missing else ~met & known)
        return found.to_series().alias(f"{at}")

    def _checked(self, rule: Rule, cells: pl.DataFrame) -> int:
        import polars as pl

        if rule.about_missing:
            return cells.height
        return int(cells.select(pl.all_horizontal(pl.col(rule.columns).is_not_null()).sum()).item())

    def _lines(self, broken: pl.DataFrame, source: pl.DataFrame, done: int) -> pl.DataFrame:
        """A line for each cell and rule, in the order of rows and then of rules."""
        import polars as pl

        parts = [_no_lines().with_columns(at=pl.lit(0, pl.Int32))]
        for at, rule in enumerate(self.rules):
            rows = broken[f"{at}"].arg_true()
            values = source.select(pl.concat_str(pl.col(rule.columns).fill_null(""), separator=", "))[rows]
            parts.append(
                pl.DataFrame(
                    {
                        "row": self.table.row_numbers(rows + done),
                        "column": [", ".join(rule.columns)] * len(rows),
                        "value": values.to_series(),
                        "rule": [rule.text] * len(rows),
                        "at": pl.repeat(at, len(rows), dtype=pl.Int32, eager=True),
                    },
                    schema_overrides={"column": pl.String, "rule": pl.String},
                )
            )
        return pl.concat(parts).sort(["row", "at"])


def _no_lines() -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame(schema={"row": pl.Int64, "column": pl.String, "value": pl.String, "rule": pl.String})


def _count(findings: Findings, lines: pl.DataFrame, broken: pl.DataFrame, checked: list[int]) -> None:
    import polars as pl

    findings.rows += int(broken.select(pl.any_horizontal(pl.all()).sum()).item())
    for at, (rule, cells) in enumerate(zip(findings.by_rule, checked, strict=True)):
        count = int(broken[f"{at}"].sum())
        if count and rule.first_row is None:
            first = lines.filter(pl.col("at") == at).row(0, named=True)
            rule.first_row, rule.example = first["row"], first["value"]
        rule.cells += count
        rule.checked += cells
