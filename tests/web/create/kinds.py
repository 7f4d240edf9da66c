"""A type with every kind of parameter that is stored as text, and JSON, for the tests of forms."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AnyUrl, EmailStr, Field, HttpUrl

from app.core.services import Services
from tests.core.params.schemas import schema_of
from tests.web.create.creating import publish

HOURS = Field(ge=timedelta(minutes=1), le=timedelta(days=2), description="After that it is given up.")
PRICE = Field(ge=Decimal("0.05"), max_digits=8, decimal_places=2, multiple_of=Decimal("0.05"))

EVERY_KIND = schema_of(
    price=(Annotated[Decimal, PRICE], Decimal("9.95")),
    day=(Annotated[date, Field(ge=date(2026, 1, 1), le=date(2030, 12, 31))], date(2026, 6, 1)),
    at=(Annotated[time, Field(le=time(18))], time(8, 30)),
    start=(Annotated[datetime, Field(ge=datetime(2026, 1, 1, tzinfo=timezone.utc), title="Begin at")], ...),
    stop=(datetime | None, None),
    patience=(Annotated[timedelta, HOURS], timedelta(hours=1, minutes=30)),
    answer_to=(EmailStr | None, None),
    page=(HttpUrl, "https://example.com/a"),
    source=(AnyUrl | None, None),
    options=(dict[str, Any], {"depth": 2}),
    anything=(Any, None),
    sizes=(Annotated[list[Annotated[int, Field(ge=1)]], Field(max_length=3)], [1, 2]),
    days=(list[date], []),
    code=(Annotated[str, Field(pattern="^[A-Z]{2}[0-9]+$", min_length=3, max_length=9)], "AB1"),
    share=(Annotated[float, Field(ge=0, le=1, multiple_of=0.1)], 0.3),
)


def publish_every_kind(services: Services) -> None:
    publish(services, "every_kind", title="Every kind", schema=EVERY_KIND)
