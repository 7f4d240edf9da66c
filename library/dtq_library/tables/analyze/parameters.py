"""The parameters of *Analyze a table*, as its form shows them."""

from typing import Annotated

from pydantic import Field

from dtq_library.tables.parameters import RARE

EVERY: list[str] = []

Columns = Annotated[list[str], Field(title="Columns", description="Only these, by name. None: every column.")]
Common = Annotated[
    int,
    Field(
        ge=1,
        le=100,
        title="Commonest values",
        description="How many of each column are listed.",
        json_schema_extra=RARE,
    ),
]
Correlations = Annotated[
    bool,
    Field(title="Correlations", description="Of each pair of columns of numbers.", json_schema_extra=RARE),
]
