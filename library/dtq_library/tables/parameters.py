"""The parameters of *Clean a table*, as its form shows them; the other types on tables share some."""

from typing import Annotated, Any, Literal

from pydantic import Field

from dtq import File
from dtq_library.encodings import detection
from dtq_library.tables import layout, model
from dtq_library.tables.io.sniff import COMPRESSED, EXTENSIONS

MISSING: list[str] = ["N/A", "#N/A", "null", "nan"]
MISSING_IN_NUMBERS: list[str] = ["NA", "none", "-"]
EVERY_MISSING: list[str] = [*MISSING, *MISSING_IN_NUMBERS]
EVERY_COLUMN: list[str] = []


RARE: dict[str, Any] = {"advanced": True}  # What most tables do without; the form folds it away.


def choice(title: str, description: str, rare: dict[str, Any] | None = None, /, **labels: str) -> Any:
    """A field of choices; those that have no label here are shown by their value."""
    extra: dict[str, Any] = {"labels": dict(labels), **(rare or {})}
    return Field(title=title, description=description, json_schema_extra=extra)


Source = Annotated[
    File,
    Field(
        title="Table",
        description="CSV, TSV, JSON, JSON Lines, Parquet, XLSX or ODS, also as .gz; with a header row.",
        json_schema_extra={"accept": [*EXTENSIONS, *COMPRESSED]},
    ),
]
Output = Annotated[
    Literal["same", "csv", "tsv", "jsonl", "json", "parquet", "xlsx"],
    choice(
        "Output format",
        "Format of the new file.",
        same="Same as input (including delimiter; XLSX for ODS)",
        csv="CSV",
        tsv="TSV",
        jsonl="JSON Lines",
        json="JSON",
        parquet="Parquet",
        xlsx="XLSX (Excel)",
    ),
]
ColumnNames = Annotated[
    Literal["snake_case", "keep"],
    choice(
        "Column names",
        "Always made unique, and never empty.",
        snake_case="Tidy: Unit price becomes unit_price",
        keep="As they are",
    ),
]
Whitespace = Annotated[
    model.Whitespace,
    choice(
        "Whitespace",
        "Spaces, tabs and line breaks in cells.",
        collapse="Trim and collapse repeated spaces",
        trim="Trim",
        keep="As it is",
    ),
]
Missing = Annotated[
    list[str],
    Field(
        title="Treat as missing",
        description="Values treated as missing (case-insensitive). Empty cells always are.",
    ),
]
MissingInNumbers = Annotated[
    list[str],
    Field(
        title="Treat as missing among numbers and dates",
        description="Values treated as missing only in columns that otherwise hold numbers or dates: "
        "NA may be Namibia elsewhere.",
        json_schema_extra=RARE,
    ),
]
WriteMissingAs = Annotated[
    str,
    Field(
        max_length=40,
        title="Write missing as",
        description="In CSV and TSV; nothing by default.",
        json_schema_extra=RARE,
    ),
]
Numbers = Annotated[
    model.Numbers,
    choice(
        "Numbers",
        "In columns that hold only numbers. A column such as 1,234 that can be read in two ways stays "
        "text, unless you say here how to read it.",
        RARE,
        auto="Detect automatically",
        point="Detect; in doubt 1,234 is a thousand",
        comma="Detect; in doubt 1,234 is a decimal",
        keep="As they are",
    ),
]
Dates = Annotated[
    model.Dates,
    choice(
        "Dates",
        "In columns that hold only dates. A column such as 03/04/2024 that can be read in two ways stays "
        "text, unless you say here how to read it.",
        RARE,
        auto="Detect automatically",
        day_first="Detect; in doubt the day is first",
        month_first="Detect; in doubt the month is first",
        keep="As they are",
    ),
]
Case = Annotated[
    model.Case,
    choice(
        "Letter case",
        "For columns that hold text.",
        keep="As it is",
        lower="lower case",
        upper="UPPER CASE",
        title="Title Case",
    ),
]
DropEmpty = Annotated[
    bool, Field(title="Drop empty rows and columns", description="Those without a value in any cell.")
]
DropDuplicates = Annotated[
    bool,
    Field(title="Drop duplicates", description="Of rows that are equal after cleaning, the first is kept."),
]
Compare = Annotated[
    model.Compare,
    choice(
        "Compare duplicates by",
        "Numbers only; other values are compared as they are written after cleaning.",
        RARE,
        written="What is written: 1.1 and 1.10 differ",
        values="Values: 1.1 and 1.10 are equal",
    ),
]
DuplicateColumns = Annotated[
    list[str],
    Field(
        title="Deduplicate by columns",
        description="Rows that are equal in these columns are duplicates. Leave empty for every column.",
        json_schema_extra=RARE,
    ),
]
BrokenRows = Annotated[
    model.BrokenRows,
    choice(
        "Malformed rows",
        "Rows of a CSV or TSV file with more fields than the header, or with quotation marks out of order.",
        RARE,
        stop="Fail and report them",
        skip="Skip them",
    ),
]
Sheet = Annotated[
    str,
    Field(
        max_length=31,
        title="Sheet",
        description="Of a workbook. Empty: the first one.",
        json_schema_extra=RARE,
    ),
]
Delimiter = Annotated[
    Literal["auto", "comma", "semicolon", "tab", "pipe", "space", "caret", "tilde"],
    choice(
        "Delimiter",
        "Of a CSV file, in case it isn't detected. For any other one, see Layout.",
        RARE,
        auto="Detect automatically",
        comma="Comma",
        semicolon="Semicolon",
        tab="Tab",
        pipe="Pipe",
        space="Spaces",
        caret="Caret ^",
        tilde="Tilde ~",
    ),
]
Encoding = Annotated[
    Literal[
        "auto",
        "utf-8",
        "utf-16",
        "utf-16-le",
        "utf-16-be",
        "windows-1252",
        "windows-1250",
        "windows-1251",
        "windows-1253",
        "windows-1254",
        "windows-1255",
        "windows-1256",
        "windows-1257",
        "windows-1258",
        "windows-874",
        "iso-8859-1",
        "iso-8859-2",
        "iso-8859-5",
        "iso-8859-7",
        "iso-8859-9",
        "iso-8859-15",
        "koi8-r",
        "koi8-u",
        "cp437",
        "cp850",
        "cp852",
        "cp866",
        "mac-roman",
        "mac-latin2",
        "mac-cyrillic",
        "mac-greek",
        "mac-turkish",
        "shift_jis",
        "euc-jp",
        "euc-kr",
        "gb18030",
        "big5",
    ],
    choice("Encoding", "Of a text file, in case letters come out wrong.", RARE, auto="Detect automatically"),
]
Undecodable = Annotated[
    detection.Undecodable,
    choice(
        "Undecodable bytes",
        "Bytes of a text file that aren't in its encoding.",
        RARE,
        stop="Fail and report the line",
        replace="Replace them with \N{REPLACEMENT CHARACTER}",
    ),
]
Layout = Annotated[
    layout.Layout,
    Field(
        title="Layout",
        description="How a CSV or TSV file is written, in case it isn't detected. Header, lines to skip and "
        "comment sign also hold for the rows of a spreadsheet.",
        json_schema_extra=RARE,
    ),
]
AS_FOUND = layout.AS_FOUND
