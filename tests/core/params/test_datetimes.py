"""Local times in zones: the moments at which clocks show them, also where clocks are changed."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import example, given
from hypothesis import strategies as st

from app.core.params.formats.datetimes import moments_at

WIDEST = range(-16 * 60, 16 * 60)
ZONES = st.sampled_from(sorted(name for name in available_timezones() if "/" in name))
MINUTES = st.datetimes(datetime(1975, 1, 1), datetime(2037, 12, 31)).map(
    lambda local: local.replace(second=0, microsecond=0)
)


def looked_for(local: datetime, zone: ZoneInfo) -> list[datetime]:
    """Every moment at which clocks of a zone show a local time, found by looking at them all."""
    tried = [local.replace(tzinfo=timezone.utc) - timedelta(minutes=ahead) for ahead in WIDEST]
    return sorted(moment for moment in tried if moment.astimezone(zone).replace(tzinfo=None) == local)


@given(ZONES, MINUTES)
@example("Europe/Berlin", datetime(2027, 3, 28, 2, 30))
@example("Europe/Berlin", datetime(2027, 10, 31, 2, 30))
@example("Australia/Lord_Howe", datetime(2027, 4, 4, 1, 45))
@example("Pacific/Apia", datetime(2011, 12, 30, 12, 0))
@example("America/St_Johns", datetime(1988, 10, 30, 0, 0))
def test_a_local_time_is_every_moment_at_which_clocks_show_it(zone, local):
    expected = looked_for(local, ZoneInfo(zone))
    try:
        found = [moment.astimezone(timezone.utc) for moment in moments_at(local, zone)]
    except ValueError:
        found = []
    assert found == expected
