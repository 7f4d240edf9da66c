"""*Analyze a table*: figures of small tables that can be told by looking, charts, and the report."""

from __future__ import annotations

import datetime as dt
import io
import math
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import polars as pl
import pytest

from dtq._types.task_type import registered
from dtq_library.tables import stage
from dtq_library.tables.analyze import correlation, frequent
from dtq_library.tables.analyze.histogram import bin_edges
from dtq_library.tables.analyze.page import shown
from dtq_library.tables.analyze.task import analyse_table
from tests.library.reading import parquet
from workers.testing import Ran, Upload, run

TABLE = """n,x,town,day,yes
1,1.5,Oslo,2024-01-01,true
2,2.5,Rome,2024-01-03,true
3,,Oslo,2024-01-05,false
4,4.5,N/A,,true
"""

Analyze = Callable[..., Ran]


@pytest.fixture
def analyze() -> Analyze:
    """Analyze a small table, or another one."""

    def go(content: str | bytes = TABLE, name: str = "table.csv", **params: Any) -> Ran:
        data = content.encode() if isinstance(content, str) else content
        return run(analyse_table, source=Upload(name, data), **params)

    return go


def page(ran: Ran) -> str:
    return next(iter(ran.files.values())).decode()


def row(ran: Ran, column: str, table: str = "table") -> dict[str, Any]:
    return next(each for each in ran.result[table] if each["column"] == column)


def test_the_figures_of_each_column(analyze: Analyze) -> None:
    ran = analyze()

    assert ran.result["rows"] == 4
    assert row(ran, "n") == {
        "column": "n",
        "type": "integer",
        "missing": 0,
        "distinct": 4,
        "min": 1,
        "max": 4,
        "mean": 2.5,
        "median": 2.5,
        "std": pytest.approx(1.2909944487358056),
    }
    assert row(ran, "town") == {
        "column": "town",
        "type": "text",
        "missing": 1,
        "distinct": 2,
        "min": "Oslo",
        "max": "Rome",
        "mean": None,
        "median": None,
        "std": None,
    }
    assert (row(ran, "day")["min"], row(ran, "day")["type"]) == ("2024-01-01", "date")


def test_quantiles_lie_between_values_in_proportion(analyze: Analyze) -> None:
    assert row(analyze(), "n", "quantiles") == {
        "column": "n",
        "p5": pytest.approx(1.15),
        "p25": 1.75,
        "p50": 2.5,
        "p75": 3.25,
        "p95": pytest.approx(3.85),
    }


def test_the_commonest_values_and_the_smaller_of_equally_common_ones(analyze: Analyze) -> None:
    found = [(each["value"], each["count"], each["percent"]) for each in analyze().result["common"]]

    assert found[:2] == [(1, 1, 25.0), (2, 1, 25.0)]
    assert ("Oslo", 2, 66.67) in found
    assert ("true", 3, 75.0) in found


def test_as_many_common_values_as_asked_for(analyze: Analyze) -> None:
    assert [each["value"] for each in analyze(common=1, columns=["n"]).result["common"]] == [1]


def test_values_counted_in_parts_are_the_same(analyze: Analyze, monkeypatch: pytest.MonkeyPatch) -> None:
    content = "a\n" + "".join(f"v{at % 37}\n" for at in range(1_000))
    whole = analyze(content).result
    monkeypatch.setattr(frequent, "_PART_ROWS", 10)
    monkeypatch.setattr(stage, "MEMORY_BYTES", 0)
    parts = analyze(content).result

    assert parts["common"] == whole["common"]
    assert parts["table"] == whole["table"]


def test_correlations_are_over_rows_that_have_both(analyze: Analyze) -> None:
    ran = analyze("a,b,c\n1,2,9\n2,4,7\n3,,5\n4,8,6\n")

    assert [(each["column"], each["other"], each["rows"]) for each in ran.result["correlations"]] == [
        ("a", "b", 3),
        ("b", "c", 3),
        ("a", "c", 4),
    ]
    assert ran.result["correlations"][0]["correlation"] == pytest.approx(1)


def test_a_column_that_never_changes_correlates_with_none(analyze: Analyze) -> None:
    ran = analyze("a,b\n0.1,1\n0.1,2\n0.1,3\n")

    assert [each["correlation"] for each in ran.result["correlations"]] == [None]


def test_correlations_can_be_left_out_and_have_a_limit(
    analyze: Analyze, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = "a,b,c\n1,2,3\n2,1,3\n"
    monkeypatch.setattr("dtq_library.tables.analyze.task.MOST_COLUMNS", 2)
    monkeypatch.setattr(correlation, "MOST_COLUMNS", 2)

    assert analyze(content, correlations=False).result["correlations"] == []
    assert len(analyze(content).result["correlations"]) == 1
    assert (
        "Correlations are those of the first 2 of 3 columns of numbers." in analyze(content).result["notes"]
    )


def test_charts_are_histograms_of_numbers_and_dates_and_bars_of_the_rest(analyze: Analyze) -> None:
    drawn = analyze().result["charts"]
    charts = {each["column"]: each for each in drawn if "column" in each}

    assert charts["n"] == {"kind": "histogram", "column": "n", "edges": [1, 3, 5], "counts": [2, 2]}
    assert charts["town"] == {"kind": "bars", "column": "town", "labels": ["Oslo", "Rome"], "counts": [2, 1]}
    assert charts["day"]["edges"][0] == "2024-01-01"
    assert sum(charts["day"]["counts"]) == 3
    assert (drawn[-1]["title"], drawn[-1]["labels"]) == ("Correlations", ["n × x"])
    assert drawn[-1]["values"] == [pytest.approx(1)]


@pytest.mark.parametrize(
    ("low", "high", "count", "iqr", "whole", "edges"),
    [
        (0, 8, 8, None, False, [0, 2, 4, 6, 8]),  # Sturges: ceil(log2 8 + 1) = 4
        (0, 8, 8, 1.0, False, [0, 1, 2, 3, 4, 5, 6, 7, 8]),  # Freedman-Diaconis: 2 * 1 / 8^(1/3) = 1 wide
        (1, 12, 1_000, None, True, [1, 3, 5, 7, 9, 11, 13]),
        (0.0, 1.6e308, 8, None, False, [0.0, 0.4e308, 0.8e308, 1.2e308, 1.6e308]),
        (5, 5, 3, 0.0, False, [5, 5]),
        (5, 5, 3, 0.0, True, [5, 6]),
    ],
)
def test_bins(
    low: float, high: float, count: int, iqr: float | None, whole: bool, edges: list[float]
) -> None:
    assert bin_edges(low, high, count, iqr, whole=whole) == edges


def test_there_are_60_bins_at_the_most() -> None:
    assert len(bin_edges(0, 1e9, 1_000_000, 1e-6, whole=False)) == 61


@pytest.mark.parametrize("clock", [("", ""), (" 00:00:00", " 23:59:59.999999")])
def test_the_last_edge_is_no_day_after_the_last_one(analyze: Analyze, clock: tuple[str, str]) -> None:
    """Many tables say "forever" with this date."""
    first, last = f"2024-01-01{clock[0]}", f"9999-12-31{clock[1]}"
    histogram = analyze(f"until\n{first}\n{last}\n").result["charts"][0]

    assert histogram["edges"][-1] == last[:16]
    assert sum(histogram["counts"]) == 2


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_moments_of_any_unit_are_where_they_are(analyze: Analyze, unit: Any) -> None:
    moments = pl.Series("at", [dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 3)]).dt.cast_time_unit(unit)
    histogram = analyze(parquet(moments.to_frame()), "t.parquet").result["charts"][0]

    assert (histogram["edges"][0], histogram["edges"][-1][:10]) == ("2024-01-01 00:00", "2024-01-03")


def test_columns_of_every_type_are_told(analyze: Analyze) -> None:
    made = io.BytesIO()
    pl.DataFrame(
        {
            "list": [[1], [1], None],
            "far": [1.0, float("inf"), None],
            "raw": [b"\x00a", b"\x00a", None],
            "span": pl.Series([1, 2, None]).cast(pl.Duration("ms")),
            "none": pl.Series([None, None, None], dtype=pl.String),
        }
    ).write_parquet(made)
    ran = analyze(made.getvalue(), "t.parquet")

    assert [(each["type"], each["missing"], each["distinct"]) for each in ran.result["table"]] == [
        ("nested", 1, 1),
        ("number", 1, 2),
        ("binary", 1, 1),
        ("duration", 1, 2),
        ("text", 3, 0),
    ]
    assert row(ran, "far")["max"] == "inf"
    assert "0061" in page(ran)


def test_a_table_without_rows_has_figures_of_nothing(analyze: Analyze) -> None:
    ran = analyze("a,b\n")

    assert row(ran, "a")["missing"] == row(ran, "a")["distinct"] == 0
    assert ran.result["charts"] == []
    assert "0 rows, 2 columns" in page(ran)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}


def test_the_report_is_one_page_without_scripts_and_everything_is_escaped(analyze: Analyze) -> None:
    evil = "<script>alert(1)</script>"
    ran = analyze(f'"{evil}",b\n"{evil}",1\n"{{{{ 7 * 7 }}}}",2\n', name="<img src=x>.csv")
    tags = _Tags()
    tags.feed(page(ran))

    assert list(ran.files) == ["<img src=x>-analysis.html"]
    assert not tags.names & {"script", "img", "link", "iframe", "a"}
    assert not any(name.startswith("on") or name in ("src", "href") for name in tags.attributes)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page(ran)
    assert "{{ 7 * 7 }}" in page(ran)


def test_the_report_holds_figures_bars_and_correlations(analyze: Analyze) -> None:
    shown = page(analyze())

    for expected in ("4 rows, 5 columns", "1.29099", 'aria-label="Histogram of n"', ">Oslo<", "Correlations"):
        assert expected in shown


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        (2024, "2024"),
        (-0.0, "0"),
        (1.290994448, "1.29099"),
        (0.00001234567, "1.23457e-05"),
        (123456.789, "123,456.79"),
        (9_999_999.001, "9,999,999"),
        (123456789012.0, "123,456,789,012"),
        (2**63, "9,223,372,036,854,775,808"),
        (1.5e15, "1.5e+15"),
        (math.inf, "inf"),
        (True, "true"),
        (None, "–"),
    ],
)
def test_numbers_are_shown_as_a_person_reads_them(value: object, seen: str) -> None:
    assert shown(value) == seen


def test_the_help_defines_every_figure(analyze: Analyze) -> None:
    told = registered(analyse_table).document()["help"]

    assert [figure for figure in analyze().result if f"`{figure}`" not in told] == []
