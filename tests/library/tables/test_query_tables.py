"""*Query tables with SQL*: what is read, what comes out, and what is said when a query is wrong."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from decimal import Decimal
from typing import Any

import duckdb
import polars as pl
import pytest

from app.core.errors import Invalid
from dtq_library.tables.query.names import LETTERS, column_names
from dtq_library.tables.query.outcome import CHART_ROWS, TABLE_ROWS
from dtq_library.tables.query.task import query_tables
from dtq_library.tables.transform.task import transform_table
from tests.library.querying import PEOPLE, TAGS, found, query, records, refusal
from workers.testing import Upload, run

pytestmark = pytest.mark.slow  # Every query starts a process, which imports DuckDB.

# Names


def test_tables_go_by_letters_and_by_the_names_of_their_files() -> None:
    sql = "SELECT name, tags->>'$[0]' AS tag FROM people JOIN b USING (id) ORDER BY id"

    assert found(sql, PEOPLE, TAGS) == [{"name": "Ann", "tag": "x"}, {"name": "Cy", "tag": None}]
    assert found(sql.replace("people", "A").replace("b USING", "Tags USING"), PEOPLE, TAGS)


def test_the_same_file_twice_is_two_tables() -> None:
    assert found("SELECT count(*) AS n FROM a, b", PEOPLE, PEOPLE) == [{"n": 9}]
    assert "The tables are: a (people.csv); b (people.csv)." in refusal("FROM people", PEOPLE, PEOPLE)


def test_columns_that_differ_by_case_alone_get_numbers() -> None:
    ran = query("FROM a", Upload("t.csv", b"Name,name,NAME_2,x\n1,2,3,4\n"))

    assert records(query("FROM a", Upload("t.csv", b"Name,name,x\n1,2,4\n"), output="jsonl")) == [
        {"Name": 1, "name_2": 2, "x": 4}
    ]
    assert "so column name is called name_3." in " ".join(ran.result["notes"])
    assert column_names(["a", "A", "A_2", "a_2"]) == ["a", "A_3", "A_2", "a_2_2"]


def test_as_many_tables_as_letters_and_no_fewer_than_one() -> None:
    many = [Upload(f"t{at}.csv", b"x\n1\n") for at in range(len(LETTERS) + 1)]

    assert found("SELECT a.x + j.x + t9.x AS n FROM a, j, t9", *many[:-1]) == [{"n": 3}]
    for tables in ([], many):
        with pytest.raises(Invalid):
            run(query_tables, tables=tables, sql="SELECT 1")


# Read as every other task does, written as every other task does

SOURCES: dict[str, tuple[str, bytes, dict[str, Any]]] = {
    "decimal comma": ("t.csv", b"Artikel;Menge;Preis\nSchraube;1.234;0,05\nMutter;2.500;0,04\n", {}),
    "code page": ("t.csv", "name;Größe\nMüller;1\nNúñez;2\nLefèvre;3\n".encode("cp1252"), {}),
    "encoding given": ("t.csv", "имя,n\nИван,1\n".encode("koi8-r"), {"encoding": "koi8-r"}),
    "delimiter given": ("t.csv", b"a^b\n1^2\n", {"delimiter": "caret"}),
    "title above": ("t.csv", b"Report of May\n\na,b\n1,2\n3,4\n", {}),
    "missing": ("t.csv", b"a,b\nN/A,1\nx,-\n", {}),
    "codes": ("t.csv", b"plz,n\n01067,1\n99999,2\n", {}),
    "no rows": ("t.csv", b"a,b\n", {}),
    "dates": ("t.csv", b"d,m\n25.12.2024,2024-01-01T10:00:00+02:00\n,\n", {}),
    "nested": ("t.json", b'[{"a": [1, {"b": null}], "o": {"k": "v"}}, {"a": [], "o": null}]', {}),
    "long integers": ("t.json", b'[{"n": 9007199254740993}, {"n": 1}]', {}),
    "odd names": ("t.csv", b'"a ""b""",select,*,\n1,2,3,4\n', {}),
}


OUTPUTS = ["csv", "jsonl", "json", "parquet", "tsv"]


@pytest.mark.parametrize(("at", "source"), list(enumerate(SOURCES)))
def test_a_table_that_is_only_selected_comes_out_as_from_transform(at: int, source: str) -> None:
    name, content, params = SOURCES[source]
    output = "jsonl" if source in ("nested", "long integers") else OUTPUTS[at % len(OUTPUTS)]
    ran = query("FROM a", Upload(name, content), output=output, **params)
    other = run(transform_table, source=Upload(name, content), output=output, **params)

    assert ran.result["first_rows"]["rows"] == other.result["first_rows"]["rows"]
    if output == "parquet":
        frames = [pl.read_parquet(next(iter(each.files.values()))) for each in (ran, other)]
        assert frames[0].equals(frames[1]) and frames[0].schema == frames[1].schema
    else:
        assert list(ran.files.values()) == list(other.files.values())


TYPES = pl.DataFrame(
    {
        "u": pl.Series([2**64 - 1, None], dtype=pl.UInt64),
        "f": [1.5, None],
        "f32": pl.Series([0.1, None], dtype=pl.Float32),
        "i8": pl.Series([-128, None], dtype=pl.Int8),
        "b": [True, None],
        "s": ["\U0001f600\u2028'\"\\", None],
        "day": [dt.date(1, 1, 1), dt.date(9999, 12, 31)],
        "time": [dt.time(1, 2, 3, 4), None],
        "moment": [dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999_999)],
        "zone": pl.Series([dt.datetime(2024, 1, 1, 10), None]).dt.replace_time_zone("Europe/Berlin"),
        "ns": pl.Series([dt.datetime(2024, 1, 1, 10, 0, 0, 1), None]).dt.cast_time_unit("ns"),
        "ms": pl.Series([dt.datetime(2024, 1, 1, 10), None]).dt.cast_time_unit("ms"),
        "binary": [b"\xff\x00", None],
        "decimal": [Decimal("12345678901234567890.123456789"), None],
        "text": ["", "x"],
    }
)


def test_every_type_of_parquet_comes_out_as_it_went_in() -> None:
    content = io.BytesIO()
    TYPES.write_parquet(content)
    ran = query("FROM a", Upload("t.parquet", content.getvalue()))
    other = run(transform_table, source=Upload("t.parquet", content.getvalue()), output="csv")

    assert list(ran.files.values()) == list(other.files.values())


def test_durations_are_intervals_and_128_bits_stay_exact() -> None:
    content = io.BytesIO()
    pl.DataFrame(
        {
            "d": [dt.timedelta(days=1, seconds=5)],
            "i": pl.Series([2**100], dtype=pl.Int128),
            "j": pl.Series([2**127 - 1], dtype=pl.Int128),
        }
    ).write_parquet(content)
    sql = "SELECT epoch(d) AS s, DATE '2024-01-01' + d AS later, i + 1 AS i, j FROM a"

    assert found(sql, Upload("t.parquet", content.getvalue())) == [
        {"s": 86405.0, "later": "2024-01-02T00:00:05", "i": 2**100 + 1, "j": str(2**127 - 1)}
    ]


# What comes out


EXPRESSIONS: dict[str, Any] = {
    "170141183460469231731687303715884105727::HUGEINT": str(2**127 - 1),
    "340282366920938463463374607431768211455::UHUGEINT": str(2**128 - 1),
    "-99999999999999999999999999999999999999::HUGEINT": -(10**38 - 1),
    "0.1::DECIMAL(4, 2) + 0.2::DECIMAL(4, 2)": 0.3,
    "TIMESTAMPTZ '2024-07-01 10:00+02'": "2024-07-01T08:00:00Z",
    "TIMESTAMP '2024-07-01 10:00' AT TIME ZONE 'Europe/Berlin'": "2024-07-01T08:00:00Z",
    "INTERVAL 3 DAY": "3 days",
    "[1, NULL]": [1, None],
    "{'a': [DATE '2024-01-31']}": {"a": ["2024-01-31"]},
    "MAP {'k': 1}": {"k": 1},
    "'{\"a\": 1}'::JSON": {"a": 1},
    "'nan'::DOUBLE": None,
    "1e308 * 10": "inf",
    "NULL": None,
    "'101'::BIT": "101",
    "'a'::ENUM('a', 'b')": "a",
    "'\\xFF'::BLOB": "/w==",
    "TIME '10:00'": "10:00:00",
    "'12345678901234567890123456789012345678901234567890'::BIGNUM": "1234567890" * 5,
    "union_value(k := 1)": {"k": 1},
}


def test_every_type_of_a_result() -> None:
    columns = ", ".join(f"{expression} AS c{at}" for at, expression in enumerate(EXPRESSIONS))
    (row,) = found(f"SELECT {columns}")

    assert dict(zip(EXPRESSIONS, row.values(), strict=True)) == EXPRESSIONS


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT sum(id) AS n FROM a", 6),
        ("SELECT sum(9223372036854775807) AS n FROM range(3)", 3 * (2**63 - 1)),
        ("SELECT 1 AS n; -- that is all;", 1),
        ("/* ; */ SELECT 1 AS n -- ;", 1),
        ("WITH x AS (SELECT 1 AS n) FROM x", 1),
        ("VALUES (7)", 7),
        ("SELECT count(*) AS n FROM (PIVOT a ON name USING sum(id))", 3),
    ],
)
def test_one_value_whatever_stands_around_the_query(sql: str, expected: Any) -> None:
    (row,) = found(sql)

    assert list(row.values()) == [expected]


@pytest.mark.parametrize("sql", ["PIVOT a ON name", "SUMMARIZE a", "DESCRIBE a", "SHOW TABLES", "TABLE a"])
def test_other_ways_to_read(sql: str) -> None:
    assert query(sql).result["rows"] >= 1


def test_columns_of_one_name_and_of_none() -> None:
    ran = query('SELECT id, id, 1 AS "*", 2 AS " " FROM a')

    names = next(csv.reader(io.StringIO(next(iter(ran.files.values())).decode())))
    assert len(set(names)) == 4 and names[0] == "id"
    assert "Column 3 of the result is called column_3" in " ".join(ran.result["notes"])


def test_the_order_of_the_query_is_that_of_the_file() -> None:
    sql = "SELECT range AS n FROM range(300000) ORDER BY hash(range)"
    expected = [row[0] for row in duckdb.sql(sql).fetchall()]

    assert [row["n"] for row in found(sql)] == expected


@pytest.mark.parametrize(
    ("output", "show"),
    [("csv", "rows"), ("jsonl", "table"), ("json", "bars"), ("parquet", "line"), ("xlsx", "histogram")],
)
def test_an_empty_result_is_a_result(output: str, show: str) -> None:
    ran = query("SELECT id, amount FROM a WHERE false", output=output, show=show)

    assert ran.result["rows"] == 0
    assert [column["name"] for column in ran.result["columns"]] == ["id", "amount"]
    assert ran.files


def test_the_report() -> None:
    result = query("SELECT id, amount FROM people", PEOPLE, TAGS).result

    assert list(result)[:2] == ["notes", "first_rows"]
    assert result["first_rows"]["rows"] == [["1", "1.5"], ["2", "2.25"], ["3", None]]
    assert result["columns"] == [{"name": "id", "type": "integer"}, {"name": "amount", "type": "number"}]
    assert [(each["table"], each["also"], each["file"], each["rows"]) for each in result["tables"]] == [
        ("a", "people", "people.csv", 3),
        ("b", "tags", "tags.json", 2),
    ]
    assert result["file"]["name"] == "query.csv"


def test_notes_say_which_file_they_are_about() -> None:
    dates = Upload("d.csv", b"day\n25.12.2024\n")

    assert "d.csv: Column day" in " ".join(query("FROM b", PEOPLE, dates).result["notes"])


def test_a_table_to_sort_and_page_is_bounded() -> None:
    small = query("SELECT id, amount, name FROM a", show="table").result
    large = query("SELECT range, repeat('x', 1000) AS t FROM range(5000)", show="table").result

    assert list(small)[:2] == ["notes", "table"] and "first_rows" not in small
    assert small["table"]["rows"] == [[1, 1.5, "Ann"], [2, 2.25, "Bob"], [3, None, "Cy"]]
    assert len(json.dumps(large).encode()) < 200_000 and len(large["table"]["rows"]) < TABLE_ROWS
    assert "of 5,000 rows" in " ".join(large["notes"])


@pytest.mark.parametrize(
    ("show", "sql", "expected"),
    [
        ("bars", "SELECT name, id FROM a", {"labels": ["Ann", "Bob", "Cy"], "values": [1.0, 2.0, 3.0]}),
        ("line", "SELECT id, id * 2 AS two, amount FROM a", {"x": [1.0, 2.0, 3.0]}),
        ("line", "SELECT day, id FROM a", {"x": ["2024-01-31", "2024-02-01"], "y": [1.0, 2.0]}),
        ("scatter", "SELECT id, amount FROM a", {"x": [1.0, 2.0, 3.0], "y": [1.5, 2.25, None]}),
        ("histogram", "SELECT unnest([1, 1, 5]) AS n", {"counts": [2, 0, 1]}),
    ],
)
def test_a_chart_of_the_result(show: str, sql: str, expected: dict[str, Any]) -> None:
    from app.web.results import chart

    result = query(sql, show=show).result
    assert list(result)[:2] == ["notes", "chart"]
    assert {name: result["chart"][name] for name in expected} == expected
    drawn = chart.build(result["chart"])
    assert drawn is not None and drawn[0].kind == show


@pytest.mark.parametrize(
    ("show", "sql"),
    [
        ("bars", "SELECT id, name FROM a"),
        ("scatter", "SELECT name, id FROM a"),
        ("histogram", "SELECT name FROM a"),
        ("line", "SELECT id FROM a"),
        ("bars", "SELECT NULL AS x, 1 AS y"),
    ],
)
def test_columns_that_make_no_chart_are_first_rows_with_a_note(show: str, sql: str) -> None:
    result = query(sql, show=show).result

    assert "There is no chart: it needs numbers" in " ".join(result["notes"])
    assert list(result)[:2] == ["notes", "first_rows"]


def test_a_chart_of_many_rows_says_what_it_leaves_out() -> None:
    result = query("SELECT range, range AS n FROM range(100000)", show="line").result

    assert len(result["chart"]["x"]) == CHART_ROWS
    assert f"The chart shows the first {CHART_ROWS:,} of 100,000 rows." in result["notes"]


# What is said


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        (
            "SELECT nmae FROM a",
            "SQL, at “nmae”: there is no column nmae. Did you mean name? The columns are: id",
        ),
        ("SELECT id,\n  'é', nmae\nFROM a", "SQL, line 2, at “nmae”: there is no column nmae."),
        (
            "SELECT ID FROM a WHERE city = 1",
            "there is no column city. The columns are: id, name, amount, day.",
        ),
        ("FROM peple", "SQL, at “peple”: there is no table peple. Did you mean people?"),
        ("FROM zzz", "there is no table zzz. The tables are: a or people (people.csv)."),
        ("SELECT flor(id) FROM a", "there is no scalar function flor. Did you mean floor?"),
        ("SELECT a.nmae FROM a", "at “a.nmae”"),
        ("SELEC 1", "SQL, at “SELEC”: syntax error"),
        ("SELECT 1 FROM a GROUP", "syntax error"),
        ("SELECT 'Ann", "at the end: unterminated string"),
        ("-- nothing", "SQL: enter a query, such as SELECT * FROM a."),
        (";", "SQL: enter a query"),
        ("SELECT 1; SELECT 2", "SQL: enter one query only."),
        ("SELECT name::INT FROM a", "Could not convert string 'Ann' to INT32"),
        ("SELECT name::INT FROM a", "TRY_CAST instead of CAST"),
        ("SELECT id, count(*) FROM a", "must appear in the GROUP BY clause"),
        ("SELECT error('My own words') FROM a", "SQL: My own words."),
        ("SELECT DATE '20000-01-01' AS far", "Column far holds a date outside of the years 1 to 9999."),
        ("SELECT 'infinity'::TIMESTAMP AS far", "Column far holds a date outside of the years 1 to 9999."),
        ("INSERT INTO a SELECT 1", "SQL: INSERT is not allowed: a query only reads."),
        ("EXPLAIN SELECT 1", "SQL: EXPLAIN is not allowed"),
        ("FROM read_text('/etc/passwd')", "a query reads the tables that were given and nothing else"),
        ("SELECT sum(name) FROM a", "No function matches the given name"),
    ],
)
def test_a_wrong_query_is_told_where_and_what(sql: str, told: str) -> None:
    assert told in refusal(sql)


def test_the_line_and_a_caret_are_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    refusal("SELECT id,\n  nmae\nFROM a")

    assert "2 |   nmae\n      ^\n" in capsys.readouterr().out
