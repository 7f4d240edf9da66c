"""The kinds that are stored as text, and values judged by a schema that names them."""

from __future__ import annotations

from typing import Any

from app.core.params.constraints import Judge
from app.core.params.kinds import addresses, color, numbers, times
from app.core.params.kinds.texts import StoredText

STORED: tuple[StoredText[Any], ...] = (
    numbers.DECIMAL,
    times.DATE,
    times.TIME,
    times.DATETIME,
    times.DURATION,
    addresses.EMAIL,
    addresses.URL,
    color.COLOR,
)
_JUDGE = Judge({kind.json_format: kind for kind in STORED})
judge, fits = _JUDGE.judge, _JUDGE.fits
