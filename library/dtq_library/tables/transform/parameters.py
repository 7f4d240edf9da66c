"""The parameters of *Transform a table*, as its form shows them."""

from typing import Annotated, Literal

from pydantic import Field

from dtq import File
from dtq_library.tables.io.sniff import COMPRESSED, EXTENSIONS
from dtq_library.tables.model import Case
from dtq_library.tables.parameters import RARE, choice
from dtq_library.tables.transform import columns, conditions, filling, grouping, joining, sorting

NOTHING: list[str] = []

JoinWith = Annotated[
    File | None,
    Field(
        title="Second table",
        description="Its columns are put beside those of the first one, where both agree.",
        json_schema_extra={"accept": [*EXTENSIONS, *COMPRESSED], **RARE},
    ),
]
JoinOn = Annotated[
    list[str],
    Field(
        title=joining.WHERE,
        description="Columns that agree: id, or id = customer_id where the second table calls it otherwise.",
        json_schema_extra=RARE,
    ),
]
JoinKind = Annotated[
    joining.How,
    choice(
        "Keep rows",
        "Of the two tables, when they are joined.",
        RARE,
        inner="That agree",
        left="Of the first table, all of them",
        outer="Of both tables, all of them",
        anti="Of the first table, those that agree with none",
    ),
]
Fill = Annotated[
    list[str],
    Field(
        title=filling.WHERE,
        description="One column per line: city = unknown, price mean, price median, or day forward "
        "(the value of the row before).",
        json_schema_extra=RARE,
    ),
    filling.GRAMMAR,
]
LetterCase = Annotated[
    Case,
    choice(
        "Letter case",
        "Of columns that hold text.",
        RARE,
        keep="As it is",
        lower="lower case",
        upper="UPPER CASE",
        title="Title Case",
    ),
]
CaseColumns = Annotated[
    list[str],
    Field(
        title="Case of columns",
        description="Only in these. None: every column that holds text.",
        json_schema_extra=RARE,
    ),
]
Rows = Annotated[
    list[str],
    Field(
        title=conditions.WHERE,
        description='One condition per line: age >= 18, state in CA, NY, name contains "son", '
        "city is missing, date > 2024-01-31. Leave empty to keep all rows.",
    ),
    conditions.GRAMMAR,
]
Match = Annotated[
    Literal["all", "any"],
    choice(
        "A row stays when",
        "Where there are several conditions.",
        RARE,
        all="All conditions hold",
        any="Any condition holds",
    ),
]
GroupBy = Annotated[
    list[str],
    Field(title="Group by", description="Columns; each combination of their values becomes one row."),
]
Compute = Annotated[
    list[str],
    Field(
        title=grouping.WHERE,
        description="Aggregations, one per line, e.g. sum(amount) as total. Functions: count, "
        "sum, min, max, mean, median, std, first, last and distinct. Without groups: of the whole table.",
    ),
    grouping.GRAMMAR,
]
Sort = Annotated[
    list[str],
    Field(title=sorting.WHERE, description="Columns in turn: state, or amount desc for the largest first."),
]
Columns = Annotated[
    list[str],
    Field(
        title=columns.CHOOSE,
        description="In this order; qty as Quantity renames one, * stands for all others. None: as they are.",
    ),
]
Drop = Annotated[list[str], Field(title="Leave out columns", description="By name.", json_schema_extra=RARE)]
