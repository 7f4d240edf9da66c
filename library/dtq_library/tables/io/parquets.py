"""What the first reader of Parquet cannot read, written again by DuckDB so that it can.

Such are moments in a zone of an offset or an unknown name, columns of one name, old timestamps beyond 2262,
and encodings that only one of the two knows.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dtq import Fail

if TYPE_CHECKING:
    import duckdb

_MEMORY = "512MB"
_MOST_DIGITS = 38
_FIRST, _LAST = datetime(1678, 1, 1), datetime(2262, 1, 1)


def rewritten(path: Path) -> tuple[Path, list[str]] | None:
    """Return a copy beside the file with the names of its columns; None where DuckDB cannot read it either.

    Raises Fail for decimals of more digits than either can hold.
    """
    import duckdb

    copy = path.with_name(f"{path.name}-rewritten.parquet")
    with _connection(path) as connection:
        try:
            names = _names(connection, path)
            connection.execute(
                "COPY (SELECT * FROM read_parquet($path)) TO $copy (FORMAT parquet)",
                {"path": str(path), "copy": str(copy)},
            )
        except (duckdb.Error, UnicodeDecodeError):
            return None
    return copy, names


def holds_late_timestamps(path: Path) -> bool:
    """Whether timestamps of 96 bits lie beyond the years that 64 bits of nanoseconds hold."""
    import duckdb

    schema = "SELECT name FROM parquet_schema($path) WHERE type = 'INT96'"
    with _connection(path) as connection:
        try:
            names = [name for (name,) in connection.execute(schema, {"path": str(path)}).fetchall()]
            return any(_late(connection, path, name) for name in names)
        except (duckdb.Error, UnicodeDecodeError):
            return False


def _late(connection: duckdb.DuckDBPyConnection, path: Path, name: str) -> bool:
    quoted = name.replace('"', '""')
    found = connection.execute(
        f'SELECT min("{quoted}") < $first OR max("{quoted}") > $last FROM read_parquet($path)',  # noqa: S608 - quoted
        {"path": str(path), "first": _FIRST, "last": _LAST},
    ).fetchone()
    return bool(found and found[0])


def _connection(path: Path) -> duckdb.DuckDBPyConnection:
    import duckdb

    settings: dict[str, str | int | float | list[str]] = {
        "threads": 1,
        "memory_limit": _MEMORY,
        "autoinstall_known_extensions": "false",
        "temp_directory": str(path.parent),
    }
    return duckdb.connect(config=settings)


def _names(connection: duckdb.DuckDBPyConnection, path: Path) -> list[str]:
    """The names of the columns, as they are in the file: DuckDB gives those that are there twice a number."""
    nodes = connection.execute(
        "SELECT name, num_children, precision FROM parquet_schema($path)", {"path": str(path)}
    ).fetchall()
    long = next((name for name, _, precision in nodes if (precision or 0) > _MOST_DIGITS), None)
    if long is not None:
        raise Fail(
            f"Column {long} holds decimals of more than {_MOST_DIGITS} digits, which cannot be kept exactly. "
            "Write it as text and upload the file again."
        )
    names, left = [], iter(nodes[1:])
    for name, children, _ in left:
        names.append(name)
        open_nodes = children or 0
        while open_nodes:
            open_nodes += (next(left)[1] or 0) - 1
    return names
