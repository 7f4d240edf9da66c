"""A query that wants more than its tables gets nothing: no file is read or written, no limit is left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from dtq_library.tables.query.engine import without_end
from tests.library.querying import engine

SECRET = "canary-5f1c"
READS = [
    "FROM read_text('{secret}')",
    "FROM read_blob('{secret}')",
    "FROM read_csv('{secret}')",
    "FROM read_csv_auto(['{secret}'])",
    "FROM sniff_csv('{secret}')",
    "FROM read_json('{secret}')",
    "FROM read_json_objects('{secret}')",
    "FROM read_ndjson('{secret}')",
    "FROM read_parquet('{secret}')",
    "FROM parquet_metadata('{secret}')",
    "FROM parquet_full_metadata('{secret}')",
    "FROM parquet_bloom_probe('{secret}', 'a', 1)",
    "FROM read_duckdb('{secret}', table_name := 'x')",
    "FROM glob('{folder}/*')",
    "FROM glob('/etc/*')",
    "FROM '{secret}'",
    'FROM "{secret}"',
    "DESCRIBE FROM '{secret}'",
    "SUMMARIZE '{secret}'",
    "PIVOT '{secret}' ON secret",
    "FROM read_text('/etc/passwd')",
    "FROM '/etc/passwd'",
    "FROM read_text('/proc/self/environ')",
    "FROM read_text('/dev/stdin')",
    "FROM read_text('file://{secret}')",
    "FROM read_text('../../../../../../../../..{secret}')",
    "FROM read_text('http://127.0.0.1:9/x')",
    "FROM read_csv('s3://bucket/key')",
    "FROM read_text((SELECT '{secret}'))",
    "FROM query('FROM read_text(''{secret}'')')",
    "FROM query_table('{secret}')",
    "FROM json_execute_serialized_sql(json_serialize_sql('SELECT * FROM read_text(''{secret}'')'))",
    "SELECT content FROM (SELECT '{secret}' AS p), LATERAL (FROM read_text(p))",
    "WITH x AS (FROM read_text('{secret}')) FROM x",
    "SELECT (SELECT content FROM read_text('{secret}'))",
    "SELECT getenv('HOME')",
    "SELECT load_extension('{secret}')",
    "FROM sqlite_scan('{secret}', 'x')",
    "FROM postgres_scan('', '', '')",
    "FROM read_xlsx('{secret}')",
    "FROM st_read('{secret}')",
    "FROM delta_scan('{secret}')",
    "FROM pandas_scan(1, 2)",
    "FROM arrow_scan(1, 2, 3)",
    "FROM python_map_function(1)",
    "FROM duckdb_extensions()",
]
WRITES = [
    "COPY a TO '{folder}/new.csv'",
    "COPY (SELECT 1) TO '{folder}/new.csv'",
    "FROM enable_logging(level := 'trace', storage := 'file', storage_path := '{folder}/new')",
    "FROM enable_profiling(save_location := '{folder}/new', format := 'json')",
    "FROM register_external_resource('x', '{secret}')",
    "SELECT 1) TO '{folder}/new.csv' (FORMAT csv); --",
    "FROM a) AS t(x, y)) TO '{folder}/new.csv' (FORMAT csv); COPY (SELECT (1",
    "SELECT 1 LIMIT 0) UNION SELECT content FROM read_text('{secret}'",
    "FROM a; COPY a TO '{folder}/new.csv'",
    "EXPORT DATABASE '{folder}/new'",
    "IMPORT DATABASE '{folder}'",
    "ATTACH '{folder}/new.db'",
    "ATTACH ':memory:' AS m",
    "DETACH tables",
    "INSTALL httpfs",
    "LOAD httpfs",
    "LOAD '{secret}'",
    "SET memory_limit = '100GB'",
    "SET enable_external_access = true",
    "RESET lock_configuration",
    "PRAGMA enable_profiling",
    "PRAGMA database_list",
    "CALL pragma_version()",
    "USE system",
    "CREATE TABLE z AS SELECT 1",
    "CREATE TEMP TABLE z AS SELECT 1",
    "CREATE MACRO m() AS TABLE FROM read_text('{secret}')",
    "CREATE SECRET (TYPE s3)",
    "INSERT INTO a SELECT 1, 'x'",
    "WITH x AS (SELECT 1) INSERT INTO a SELECT 1, 'x'",
    "UPDATE a SET id = 2",
    "DELETE FROM a",
    "DROP TABLE a",
    "ALTER TABLE a RENAME TO b",
    "BEGIN",
    "CHECKPOINT",
    "FROM force_checkpoint()",
    "VACUUM",
    "PREPARE p AS SELECT 1",
    "EXPLAIN ANALYZE FROM a",
    "COMMENT ON TABLE a IS 'x'",
]
HARMLESS = [
    "FROM duckdb_secrets()",
    "FROM duckdb_settings()",
    "FROM duckdb_databases()",
    "FROM pg_catalog.pg_settings",
    "FROM sqlite_master",
    "FROM duckdb_logs()",
    "SHOW ALL TABLES",
    "SELECT current_setting('temp_directory')",
    "SELECT write_log('x')",
    "FROM checkpoint()",
]


@pytest.fixture
def hidden(tmp_path: Path) -> Path:
    folder = tmp_path / "hidden"
    folder.mkdir()
    (folder / "secret.csv").write_text(f"secret\n{SECRET}\n")
    return folder


def answer(sql: str, tmp_path: Path, hidden: Path) -> dict[str, Any]:
    """What the engine says; nothing of what is hidden may have changed or come out."""
    work = tmp_path / "work"
    work.mkdir()
    found = engine(work, sql.format(folder=hidden, secret=hidden / "secret.csv"))
    result = work / "result.parquet"
    rows = str(pl.read_parquet(result).to_dicts()) if "done" in found else ""

    assert [path.name for path in hidden.iterdir()] == ["secret.csv"]
    assert (hidden / "secret.csv").read_text() == f"secret\n{SECRET}\n"
    assert SECRET not in json.dumps(found) + rows
    assert "root:" not in rows
    return found


@pytest.mark.slow
@pytest.mark.parametrize("sql", READS)
def test_no_function_reads_a_file(sql: str, tmp_path: Path, hidden: Path) -> None:
    assert "problem" in answer(sql, tmp_path, hidden)


@pytest.mark.slow
@pytest.mark.parametrize("sql", WRITES)
def test_no_statement_changes_anything(sql: str, tmp_path: Path, hidden: Path) -> None:
    assert "problem" in answer(sql, tmp_path, hidden)


@pytest.mark.slow
@pytest.mark.parametrize("sql", HARMLESS)
def test_what_tells_about_the_engine_tells_nothing_else(sql: str, tmp_path: Path, hidden: Path) -> None:
    assert "done" in answer(sql, tmp_path, hidden)


def test_the_same_reads_would_succeed_without_the_walls(tmp_path: Path, hidden: Path) -> None:
    """Control: it is not a mistake in the query that keeps it from the file."""
    secret = hidden / "secret.csv"
    for sql in READS[:4]:  # What reads the content of any file.
        assert SECRET in str(duckdb.sql(sql.format(secret=secret, folder=hidden)).fetchall())


@pytest.mark.slow
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT length(repeat('x', 2000000000)) AS n",
        "SELECT list(range) FROM range(300000000)",
        "SELECT range, hash(range) AS h FROM range(60000000) ORDER BY h",
        "SELECT string_agg(range::VARCHAR) FROM range(100000000)",
    ],
)
def test_memory_and_disk_end_a_query_with_a_reason(sql: str, tmp_path: Path) -> None:
    assert engine(tmp_path, sql)["problem"]["type"] == "OutOfMemoryException"


@pytest.mark.slow
def test_what_does_not_fit_into_memory_goes_to_disk(tmp_path: Path) -> None:
    sql = "SELECT range, hash(range) AS h FROM range(20000000) ORDER BY h"

    assert "done" in engine(tmp_path, sql, memory_mb=128, temp_mb=2_000)


@pytest.mark.slow
@pytest.mark.parametrize("depth", [900, 20_000])
def test_a_query_of_any_depth_has_an_answer(depth: int, tmp_path: Path) -> None:
    assert engine(tmp_path, f"SELECT {'(' * depth}1{')' * depth} AS n")


@pytest.mark.parametrize(
    ("sql", "left"),
    [
        ("SELECT 1", "SELECT 1"),
        ("SELECT 1;", "SELECT 1"),
        ("SELECT 1 ; ; -- x;", "SELECT 1 "),
        ("SELECT 'é;'; /* ; */", "SELECT 'é;'"),
        ('SELECT 1 AS "a;"', 'SELECT 1 AS "a;"'),
        ("SELECT $$ ; $$", "SELECT $$ ; $$"),
        ("SELECT 1 -- ;", "SELECT 1 -- ;"),
    ],
)
def test_the_end_of_a_query_is_not_within_a_text(sql: str, left: str) -> None:
    assert without_end(sql) == left
