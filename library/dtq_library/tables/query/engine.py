"""A program that runs one query over given tables with DuckDB, shut in: ``python -I engine.py``.

It reads one line of JSON (`dtq_library.tables.query.process.Order` says what it holds), prints a line of JSON
for progress now and then, and one with ``done`` or ``problem`` at the end. It ends when its standard input is
closed, that is, with the process that started it. It needs DuckDB and the standard library only, has no
environment, and imports nothing of ours: there is nothing in it to find.

Tables are loaded first. Then the database is opened again, read-only, with no way to a file but the one that
it writes the result to, no extensions, and a configuration that is locked; only then is the query looked at.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

PROGRESS_EVERY_S = 0.3
SPARE_BYTES = 512 * 2**20
"""Memory beyond DuckDB's own limit: the program, its threads, and values that DuckDB does not count."""

_PLAIN = """
    boolean tinyint smallint integer bigint utinyint usmallint uinteger ubigint float double decimal varchar
    blob enum date time time_ns timestamp timestamp_s timestamp_ms timestamp_ns
"""
NATIVE = frozenset({*_PLAIN.split(), "timestamp with time zone"})
"""Types that a Parquet file and its readers have as well; what is not here is written as text."""
NESTED = frozenset({"list", "struct", "map", "union", "array", "variant"})
MOMENTS = frozenset({"date", "timestamp", "timestamp_s", "timestamp_ms", "timestamp with time zone"})
YEARS = ("0001-01-01", "9999-12-31 23:59:59.999999")
FAR = "holds a date outside of the years 1 to 9999"

_said = threading.Lock()


def say(**message: Any) -> None:
    """Print one message, whole."""
    with _said:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


class QueryError(Exception):
    """An error of DuckDB in a text that the query begins in at a place, counted in bytes."""

    def __init__(self, error: duckdb.Error, at: int) -> None:
        super().__init__(str(error))
        self.error = error
        self.at = at


def main() -> None:
    order = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _limit(order)
    try:
        _load(order)
        with _shut_in(order) as database:
            say(**_run(database, order))
    except QueryError as wrong:
        say(problem=_problem(wrong.error, wrong.at))
    except duckdb.Error as error:
        say(problem=_problem(error))
    except MemoryError:
        say(problem={"code": "duckdb", "type": "OutOfMemoryException", "exception_message": ""})


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


def _limit(order: dict[str, Any]) -> None:
    """Bounds of the kernel beside those of DuckDB, which does not count everything that it uses."""
    most = order["memory_mb"] * 2**20 + SPARE_BYTES
    for kind, value in (
        (resource.RLIMIT_DATA, most),
        (resource.RLIMIT_FSIZE, order["temp_mb"] * 2**20),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _settings(order: dict[str, Any]) -> dict[str, Any]:
    return {
        "memory_limit": f"{order['memory_mb']}MiB",
        "max_temp_directory_size": f"{order['temp_mb']}MiB",
        "temp_directory": f"{order['folder']}/spill",
        "threads": str(order["threads"]),
        "home_directory": order["folder"],
        "extension_directories": "[]",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "allow_community_extensions": "false",
        "allow_persistent_secrets": "false",
    }


# Before the query: everything may be read


def _load(order: dict[str, Any]) -> None:
    tables = order["tables"]
    with duckdb.connect(order["database"], config=_settings(order)) as database:
        database.execute("SET enable_progress_bar = false")
        for at, table in enumerate(tables):
            say(stage="loading", share=at / len(tables))
            columns = ", ".join(
                f"{_cast(column['cast'], quoted(column['name']))} AS {quoted(column['name'])}"
                for column in table["columns"]
            )
            source = ", ".join(_text(path) for path in table["files"])
            target = quoted(table["name"])
            load = f"CREATE TABLE {target} AS SELECT {columns} FROM read_parquet([{source}])"  # noqa: S608 - quoted
            database.execute(load)
            for path in table["files"]:
                Path(path).unlink()
        for alias, name in order["aliases"].items():
            database.execute(f"CREATE VIEW {quoted(alias)} AS FROM {quoted(name)}")


def _cast(how: str, column: str) -> str:
    return f"to_microseconds({column})" if how == "interval" else f"{column}::{how}" if how else column


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


# The query: nothing may be read but the tables


@contextmanager
def _shut_in(order: dict[str, Any]) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(order["database"], read_only=True, config=_settings(order)) as database:
        for line in (
            "SET TimeZone = 'UTC'",
            "SET python_enable_replacements = false",
            "SET python_scan_all_frames = false",
            "SET enable_progress_bar = true",
            "SET enable_progress_bar_print = false",
            "SET errors_as_json = true",
            f"SET allowed_paths = [{_text(order['result'])}]",
            "SET allowed_directories = []",
            "SET enable_external_access = false",
            "SET allowed_configs = []",
            "SET lock_configuration = true",
        ):
            database.execute(line)
        yield database


def _run(database: duckdb.DuckDBPyConnection, order: dict[str, Any]) -> dict[str, Any]:
    statements = database.extract_statements(order["sql"])
    if len(statements) != 1:
        return {"problem": {"code": "none" if not statements else "several"}}
    statement = statements[0]
    if statement.type not in (duckdb.StatementType.SELECT, duckdb.StatementType.MULTI):
        return {"problem": {"code": "statement", "statement": statement.type.name}}
    query = without_end(order["sql"])
    described = _execute(database, "SELECT * FROM (\n", query, "\n) LIMIT 0").description or []
    return _written(database, order["result"], query, [(str(name), kind) for name, kind, *_ in described])


def without_end(sql: str) -> str:
    """A query without the semicolon that ends it, and what stands behind it: it becomes a part of another."""
    end = len(sql.encode())
    for place, kind in reversed(duckdb.tokenize(sql)):
        if kind == duckdb.token_type.comment:
            continue
        if sql.encode()[place : place + 1] != b";":
            break
        end = place
    return sql.encode()[:end].decode()


def _execute(
    database: duckdb.DuckDBPyConnection, before: str, query: str, after: str
) -> duckdb.DuckDBPyConnection:
    """Run a text around the query. Raises Wrong."""
    try:
        return database.execute(before + query + after)
    except duckdb.Error as error:
        raise QueryError(error, len(before.encode())) from error


def _written(
    database: duckdb.DuckDBPyConnection, path: str, query: str, columns: list[tuple[str, Any]]
) -> dict[str, Any]:
    """Write the rows to a Parquet file; columns go by their numbers, as several may have one name."""
    keys = [f"c{at}" for at in range(len(columns))]
    shown = ", ".join(
        f"{_writable(key, name, kind)} AS {key}" for key, (name, kind) in zip(keys, columns, strict=True)
    )
    target = f"\n) AS result({', '.join(keys)})) TO {_text(path)} (FORMAT parquet, USE_TMP_FILE false)"
    with _telling(database):
        start = f"COPY (SELECT {shown} FROM (\n"  # noqa: S608 - expressions made here
        _execute(database, start, query, target)
    return {"done": [{"name": name, "type": str(kind), "id": kind.id} for name, kind in columns]}


def _writable(key: str, name: str, kind: Any) -> str:
    """An expression for a column that other programs can read."""
    if kind.id in MOMENTS:
        wrong = _text(f"Column {name} {FAR}.")
        least, most = (f"{_text(year)}::{kind}" for year in YEARS)
        return f"CASE WHEN {key} < {least} OR {key} > {most} THEN error({wrong}) ELSE {key} END"
    if str(kind) == "JSON":
        return f"{key}::VARCHAR"
    if kind.id in NESTED:
        return f"to_json({key})::VARCHAR"
    return key if kind.id in NATIVE else f"{key}::VARCHAR"


@contextmanager
def _telling(database: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Progress of the query, from a thread of its own."""
    over = threading.Event()

    def tell() -> None:
        while not over.wait(PROGRESS_EVERY_S):
            percent = database.query_progress()
            say(stage="running", share=percent / 100 if percent >= 0 else None)

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()


# What went wrong, in its parts


def _problem(error: duckdb.Error, at: int = 0) -> dict[str, Any]:
    """Return the parts of an error of DuckDB, whose Python class carries nothing but a text.

    With `errors_as_json` the text is JSON after the kind of the error; where it is not, it is the message.
    ``position`` counts bytes from the beginning of the query, which begins ``at`` in the text that was run.
    """
    _, _, told = str(error).partition(": ")
    try:
        parts = {str(name): value for name, value in json.loads(told).items()}
    except ValueError:
        parts = {"exception_message": told or str(error)}
    position = str(parts.pop("position", ""))
    if position.isdigit() and int(position) >= at:
        parts["position"] = int(position) - at
    return {"code": "duckdb", "type": type(error).__name__} | parts


if __name__ == "__main__":
    main()
