"""Dates, times of day, moments with a zone, and durations: stored as ISO 8601."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from app.core.params.formats import datetimes, durations
from app.core.params.kinds.kind import Field, least_and_most
from app.core.params.kinds.texts import StoredText

_CLOCK = r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,3})?)?"
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"


class Date(StoredText[date]):
    """A day."""

    name = json_format = native = "date"
    noun = "A date"
    expectation = datetimes.DATE
    is_time = True
    is_short = True
    native_form = _DAY

    def understand(self, text: str) -> date:
        return datetimes.read_date(text)

    def store(self, value: date) -> str:
        return value.isoformat()

    def _limits(self, field: Field, text: str, native: str) -> dict[str, Any]:
        return least_and_most(field) if native == self.native else {}


class Time(StoredText[time]):
    """A time of day, without a zone."""

    name = json_format = native = "time"
    noun = "A time"
    expectation = datetimes.TIME
    is_time = True
    is_short = True
    native_form = _CLOCK

    def understand(self, text: str) -> time:
        return datetimes.read_time(text)

    def store(self, value: time) -> str:
        return value.isoformat()

    def write(self, value: time) -> str:
        return datetimes.write_time(value)

    def _limits(self, field: Field, text: str, native: str) -> dict[str, Any]:
        return {"step": _seconds(text)} | least_and_most(field) if native == self.native else {}


class DateTime(StoredText[datetime]):
    """A moment: a date, a time, and beside them their zone, both sent under one name."""

    name = "datetime"
    json_format = "date-time"
    noun = "A date and time"
    expectation = datetimes.MOMENT
    is_time = True
    native = "datetime-local"
    native_form = rf"{_DAY}T{_CLOCK}"
    drawn_as = "moment"

    def understand(self, text: str) -> datetime:
        return datetimes.read_moment(text)

    def load(self, text: str) -> datetime:
        return datetimes.load_moment(text)

    def store(self, value: datetime) -> str:
        return value.isoformat()

    def write(self, value: datetime) -> str:
        return datetimes.write_moment(value)

    def read(self, field: Field, texts: list[str], rows: Sequence[str] = ()) -> Any:
        if len(texts) == 2:
            texts = [" ".join(texts)] if texts[0].strip() else []
        return super().read(field, texts)

    def typed(self, texts: Sequence[str]) -> list[str]:
        """Return nothing where there is no date, whatever the zone beside it says."""
        return super().typed(texts) if "".join(texts[:1]).strip() else []

    def _texts(self, field: Field, value: Any) -> tuple[str, ...]:
        local, _, zone = self.format(field, value).rpartition(" ")
        return (local.replace(" ", "T"), zone) if local else (zone,)

    def instant(self, value: Any) -> datetime | None:
        try:
            return self.load(value) if isinstance(value, str) else None
        except ValueError:
            return None

    def hint(self, field: Field) -> str:
        return "The zone is a name such as Europe/Berlin, or an offset such as +02:00."

    def _limits(self, field: Field, text: str, native: str) -> dict[str, Any]:
        return {"step": _seconds(text)} if native == self.native else {}


class Duration(StoredText[timedelta]):
    """A length of time, exact to the microsecond."""

    name = json_format = "duration"
    noun = "A duration"
    expectation = durations.EXPECTED
    is_short = True
    placeholder = "1h 30m"

    def understand(self, text: str) -> timedelta:
        return durations.read(text)

    def load(self, text: str) -> timedelta:
        return durations.load(text)

    def store(self, value: timedelta) -> str:
        return durations.store(value)

    def write(self, value: timedelta) -> str:
        return durations.written(value)

    def hint(self, field: Field) -> str:
        return "Such as 1h 30m, 2 days or 00:05:00; a number alone is seconds."


def _seconds(text: str) -> str:
    """Return the step of a clock, in seconds."""
    return "0.001" if "." in text else "1"


DATE, TIME, DATETIME, DURATION = Date(), Time(), DateTime(), Duration()
