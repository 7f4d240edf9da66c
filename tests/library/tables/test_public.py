"""Three public tables through every task type on tables, against pandas or the standard library."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dtq_library.tables.analyze.task import analyse_table
from dtq_library.tables.check.task import check_table
from dtq_library.tables.clean.task import clean_table
from dtq_library.tables.transform.task import transform_table
from tests.library.public import AIRPORTS, ALL, COUNTRIES, MISSING, WEATHER, records
from workers.testing import Ran, run

pytestmark = pytest.mark.slow


def rows(ran: Ran, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(next(iter(ran.files.values())).decode()), delimiter=delimiter))


@cache
def frame(path: Path) -> pd.DataFrame:
    """As pandas reads it, with empty cells and NA for missing ones, as given to our types, too."""
    separator = "\t" if path.suffix == ".tsv" else ","
    return pd.read_csv(
        path, sep=separator, keep_default_na=False, na_values=["", "NA", "na"], skipinitialspace=True
    )


def test_each_has_more_than_10_000_rows_or_50_columns() -> None:
    for path in ALL.values():
        rows = records(path)
        assert len(rows) > 10_000 or len(rows[0]) > 50


# Clean


NUMBER = re.compile(r"-?(0|[1-9][0-9]*)?(\.[0-9]+)?")
SPELLINGS = {word.lower() for word in MISSING}


def tidy(cell: str) -> str:
    text = " ".join(cell.split())
    return "" if text.lower() in SPELLINGS else text


def is_number(cell: str) -> bool:
    return cell != "" and NUMBER.fullmatch(cell) is not None


@pytest.mark.parametrize("name", ALL)
def test_cleaned_cell_by_cell(name: str) -> None:
    source = [[tidy(cell) for cell in record.values()] for record in records(ALL[name])]
    numeric = [all(is_number(cell) for cell in column if cell) for column in zip(*source, strict=True)]
    ran = run(clean_table, source=ALL[name], names="keep", missing=MISSING[1:], compare="values")
    found = rows(ran, "\t" if name == "countries" else ",")

    seen: dict[tuple[Any, ...], list[str]] = {}
    for row in source:
        key = tuple(float(c) if n and c else c for c, n in zip(row, numeric, strict=True))
        seen.setdefault(key, row)
    kept = [at for at, column in enumerate(zip(*source, strict=True)) if any(column)]
    expected = [[row[at] for at in kept] for row in seen.values() if any(row)]
    assert found[0] == [list(records(ALL[name])[0])[at] for at in kept]
    assert found[1:] == expected
    assert ran.result["removed"]["duplicates"] == len(source) - len(seen)


# Transform


def test_rows_are_kept_and_sorted_as_by_pandas() -> None:
    ran = run(
        transform_table,
        source=AIRPORTS,
        missing=["NA"],
        rows=["country = US", "elevation > 5000.5", "name contains Field"],
        sort=["elevation desc", "name"],
        columns=["icao", "elevation as feet", "name"],
    )
    whole = frame(AIRPORTS)
    wanted = whole[
        (whole.country == "US") & (whole.elevation > 5000.5) & whole.name.str.contains("Field", regex=False)
    ].sort_values(["elevation", "name"], ascending=[False, True], kind="stable")

    assert rows(ran)[0] == ["icao", "feet", "name"]
    assert len(wanted) > 50
    assert [(row[0], float(row[1]), row[2]) for row in rows(ran)[1:]] == [
        tuple(each) for each in wanted[["icao", "elevation", "name"]].itertuples(index=False)
    ]


def test_groups_are_computed_as_by_pandas() -> None:
    functions = ["mean", "std", "median", "min", "max", "count", "sum"]
    ran = run(
        transform_table,
        source=WEATHER,
        missing=["NA"],
        group_by=["origin", "month"],
        compute=[f"{word}(temp)" for word in functions] + ["distinct(day)", "first(wind_gust)", "count"],
    )
    groups = frame(WEATHER).groupby(["origin", "month"])
    wanted = groups.temp.agg(functions).reset_index()
    wanted["day"] = groups.day.nunique().to_numpy()
    wanted["gust"] = groups.wind_gust.first().to_numpy()
    wanted["rows"] = groups.size().to_numpy()
    found = pd.DataFrame(rows(ran)[1:], columns=wanted.columns)

    assert len(found) == 36
    assert list(found.origin) == list(wanted.origin)
    numbers = found.drop(columns="origin").astype(float).to_numpy()
    np.testing.assert_allclose(numbers, wanted.drop(columns="origin").to_numpy(dtype=float), rtol=1e-12)


@pytest.mark.parametrize(("kind", "how"), [("left", "left"), ("inner", "inner"), ("outer", "outer")])
def test_two_tables_are_joined_as_by_pandas(kind: str, how: Any) -> None:
    ran = run(
        transform_table,
        source=AIRPORTS,
        missing=["NA"],
        join_with=COUNTRIES,
        join_on=["country = ISO2"],
        join_kind=kind,
        group_by=["continent"],
        compute=["count", "count(icao)", "max(elevation)"],
    )
    left, right = frame(AIRPORTS), frame(COUNTRIES)
    # In pandas missing values agree with each other; here they agree with nothing.
    right = right.assign(key=right.ISO2.fillna("none of these"))
    joined = left.merge(right, left_on="country", right_on="key", how=how)
    wanted = joined.groupby("continent", dropna=False).agg(
        rows=("lat", "size"), icao=("icao", "count"), highest=("elevation", "max")
    )

    assert [(row[0], int(row[1]), int(row[2]), row[3] and float(row[3])) for row in rows(ran)[1:]] == [
        ("" if pd.isna(name) else name, size, icao, "" if pd.isna(highest) else highest)
        for name, size, icao, highest in wanted.itertuples()
    ]


def test_what_agrees_with_none() -> None:
    """Namibia is not among them: its code, NA, is missing on both sides, and so agrees with nothing."""
    ran = run(
        transform_table,
        source=AIRPORTS,
        missing=[],
        join_with=COUNTRIES,
        join_on=["country = ISO2"],
        join_kind="anti",
        columns=["icao"],
    )
    known = {record["ISO2"] for record in records(COUNTRIES)} - {""}
    wanted = [record["icao"] for record in records(AIRPORTS) if record["country"] not in known]

    assert [row[0] for row in rows(ran)[1:]] == wanted


# Analyze


@pytest.mark.parametrize("name", ALL)
def test_figures_are_those_of_pandas(name: str) -> None:
    result = run(analyse_table, source=ALL[name], missing=["NA"], common=3).result
    whole = frame(ALL[name])

    assert (result["rows"], [each["column"] for each in result["table"]]) == (len(whole), list(whole))
    for each in result["table"]:
        column = whole[each["column"]]
        assert (each["missing"], each["distinct"]) == (column.isna().sum(), column.nunique()), each
        if each["type"] in ("integer", "number"):
            found = [each[figure] for figure in ("min", "max", "mean", "median", "std")]
            wanted = column.astype(float).agg(["min", "max", "mean", "median", "std"])
            np.testing.assert_allclose(
                [np.nan if v is None else v for v in found], wanted, rtol=1e-9, atol=1e-12
            )


@pytest.mark.parametrize("name", ALL)
def test_quantiles_are_those_of_pandas(name: str) -> None:
    found = run(analyse_table, source=ALL[name], missing=["NA"], correlations=False).result["quantiles"]

    for each in found:
        wanted = frame(ALL[name])[each["column"]].astype(float).quantile([0.05, 0.25, 0.5, 0.75, 0.95])
        np.testing.assert_allclose(list(each.values())[1:], wanted, rtol=1e-12)


@pytest.mark.parametrize("name", ["airports", "weather"])
def test_correlations_are_those_of_pandas(name: str) -> None:
    found = run(analyse_table, source=ALL[name], missing=["NA"]).result["correlations"]
    columns = list(dict.fromkeys(each["column"] for each in found) | {each["other"]: None for each in found})
    wanted = frame(ALL[name])[columns].astype(float).corr()

    assert len(found) == len(columns) * (len(columns) - 1) / 2
    for each in found:
        value = wanted.loc[each["column"], each["other"]]
        assert each["correlation"] == (None if np.isnan(value) else pytest.approx(value, abs=1e-12))


def test_common_values_are_those_of_a_counter() -> None:
    found = run(analyse_table, source=AIRPORTS, missing=[], columns=["country", "tz"], common=5).result[
        "common"
    ]

    for column in ("country", "tz"):
        counts = Counter(record[column] for record in records(AIRPORTS) if record[column])
        wanted = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:5]
        assert [(each["value"], each["count"]) for each in found if each["column"] == column] == wanted


def test_histograms_are_those_of_numpy() -> None:
    charts = run(analyse_table, source=WEATHER, missing=["NA"], correlations=False).result["charts"]
    numeric = [chart for chart in charts if chart["kind"] == "histogram" and chart["column"] != "time_hour"]

    assert len(numeric) == 12  # not the pressure, which is written 1e3 now and then: that may be a code
    for chart in numeric:
        values = frame(WEATHER)[chart["column"]].dropna().to_numpy(dtype=float)
        assert chart["counts"] == np.histogram(values, bins=chart["edges"])[0].tolist(), chart["column"]
    wanted = np.histogram_bin_edges(frame(WEATHER).humid.dropna().to_numpy(), bins="auto")
    found = next(chart["edges"] for chart in numeric if chart["column"] == "humid")
    np.testing.assert_allclose(found, wanted if len(wanted) <= 61 else np.linspace(wanted[0], wanted[-1], 61))


# Check

Keeps = Callable[[str], bool]


def is_day(cell: str) -> bool:
    try:
        return datetime.strptime(cell, "%Y-%m-%dT%H:%M:%SZ").strftime("%Y-%m-%dT%H:%M:%SZ") == cell
    except ValueError:
        return False


RULES: dict[str, list[tuple[str, str, Keeps]]] = {
    "airports": [
        ("icao", "length 4", lambda cell: len(cell) == 4),
        ("icao", "regex ^K[A-Z]+$", lambda cell: re.search(r"^K[A-Z]+$", cell) is not None),
        ("elevation", "between 0 and 9000", lambda cell: 0 <= float(cell) <= 9000),
        ("country", "in US, CA, MX", lambda cell: cell in ("US", "CA", "MX")),
        ("lat", ">= -10.5", lambda cell: float(cell) >= -10.5),
        ("name", "matches email", lambda cell: False),
    ],
    "weather": [
        ("temp", "between 14 and 95", lambda cell: 14 <= float(cell) <= 95),
        ("wind_gust", "not missing", lambda cell: cell not in ("", "NA")),
        ("time_hour", "date format %Y-%m-%dT%H:%M:%SZ", is_day),
        ("time_hour", "< 2013-12-01", lambda cell: cell[:10] < "2013-12-01"),
        ("wind_dir", "matches integer", lambda cell: re.fullmatch(r"-?[0-9]+", cell) is not None),
    ],
    "countries": [
        ("ISO2", "length 2", lambda cell: len(cell) == 2),
        ("continent", "not in Asia, Europe", lambda cell: cell not in ("Asia", "Europe")),
        ("EU", "matches number", lambda cell: is_number(cell)),
        ("obsolete", "not missing", lambda cell: cell != ""),
    ],
}


@pytest.mark.parametrize("name", ALL)
def test_the_rows_that_break_rules_are_those_found_one_by_one(name: str) -> None:
    rules = RULES[name]
    ran = run(
        check_table, source=ALL[name], missing=["NA"], rules=[f"{column} {rule}" for column, rule, _ in rules]
    )

    wanted = []
    for number, record in enumerate(records(ALL[name]), start=2):
        for column, rule, keeps in rules:
            cell = record[column].strip()
            if (cell in ("", "NA") and rule != "not missing") or keeps(cell):
                continue
            wanted.append([str(number), column, record[column], f"{column} {rule}"])
    assert rows(ran)[1:] == wanted
    assert wanted


@pytest.mark.parametrize(
    ("name", "column"), [("airports", "iata"), ("weather", "time_hour"), ("countries", "EXIO1")]
)
def test_rows_that_are_not_unique_are_those_of_pandas(name: str, column: str) -> None:
    ran = run(check_table, source=ALL[name], missing=["NA"], rules=[f"{column} unique"])
    values = frame(ALL[name])[column]
    wanted = values[values.duplicated() & values.notna()]

    assert [int(row[0]) - 2 for row in rows(ran)[1:]] == list(wanted.index)
