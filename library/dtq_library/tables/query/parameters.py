"""The parameters of *Query tables with SQL*, as its form shows them."""

from typing import Annotated, Literal

from pydantic import Field

from dtq import File
from dtq_library.tables.io.sniff import COMPRESSED, EXTENSIONS
from dtq_library.tables.parameters import choice
from dtq_library.tables.query.names import LETTERS, MOST_TABLES

MOST_CHARS = 50_000

Tables = Annotated[
    list[File],
    Field(
        min_length=1,
        max_length=MOST_TABLES,
        title="Tables",
        description=f"CSV, TSV, JSON, JSON Lines, Parquet or XLSX, also as .gz. In the query they are a to "
        f"{LETTERS[-1]}, in this order, and called as their files where those have plain names.",
        json_schema_extra={"accept": [*EXTENSIONS, *COMPRESSED]},
    ),
]
Sql = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MOST_CHARS,
        title="SQL",
        description="One query: SELECT city, sum(amount) AS total FROM a GROUP BY city ORDER BY total DESC. "
        'Names with spaces stand in double quotes: "Unit price".',
        json_schema_extra={"format": "textarea"},
    ),
]
Show = Annotated[
    Literal["rows", "table", "bars", "line", "scatter", "histogram"],
    choice(
        "Show",
        "Beside the file. A chart takes its labels or its x from the first column, numbers from the others.",
        rows="First rows",
        table="Table to sort and page (first 1,000 rows)",
        bars="Bars",
        line="Lines",
        scatter="Points",
        histogram="Histogram of the first column",
    ),
]
Output = Annotated[
    Literal["csv", "tsv", "jsonl", "json", "parquet", "xlsx"],
    choice(
        "Output format",
        "Format of the file.",
        csv="CSV",
        tsv="TSV",
        jsonl="JSON Lines",
        json="JSON",
        parquet="Parquet",
        xlsx="XLSX (Excel)",
    ),
]
