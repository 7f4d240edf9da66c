"""The parameters of *Check a table*, as its form shows them."""

from typing import Annotated, Literal

from pydantic import Field

from dtq_library.tables.check import rules
from dtq_library.tables.check.tests import Decimal as DecimalMark
from dtq_library.tables.parameters import RARE, choice

RuleLines = Annotated[
    list[str],
    Field(
        title=rules.WHERE,
        description="One rule per line: id unique, name not missing, email matches email, "
        "age between 0 and 120, state in CA, NY, day date format %Y-%m-%d, "
        "code length 3, code regex ^[A-Z]+$.",
    ),
    rules.GRAMMAR,
]
WhenBroken = Annotated[
    Literal["report", "fail"],
    choice(
        "When a rule is broken",
        "A report is created either way.",
        report="Report it",
        fail="Report and fail the task",
    ),
]
Spaces = Annotated[
    Literal["ignore", "keep"],
    choice(
        "Spaces around cells",
        "Whether they count as part of the cell.",
        RARE,
        ignore="Do not count",
        keep="Count",
    ),
]
Decimal = Annotated[
    DecimalMark,
    choice(
        "Numbers are written",
        "In the cells; numbers in rules always have a point.",
        RARE,
        point="1,234.50",
        comma="1.234,50",
    ),
]
Most = Annotated[
    int,
    Field(
        ge=1,
        le=10_000_000,
        title="Maximum report lines",
        description="Totals always count every violation.",
        json_schema_extra=RARE,
    ),
]
