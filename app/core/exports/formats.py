"""The formats that a list is saved in; each loads its library when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from app.core.exports.fields import Write
from app.core.exports.parquet import parquet_of
from app.core.exports.texts import csv_of, json_lines_of


@dataclass(frozen=True)
class Format:
    """A format: its name on a button, the type of its content, and what writes it."""

    title: str
    content_type: str
    write: Write


FORMATS = {
    "csv": Format("CSV", "text/csv; charset=utf-8", csv_of),
    "jsonl": Format("JSON Lines", "application/x-ndjson", json_lines_of),
    "parquet": Format("Parquet", "application/vnd.apache.parquet", parquet_of),
}
"""By the ending of the file's name."""
