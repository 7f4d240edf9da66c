"""What a scrape says, parsed by the reader of prometheus-client."""

from __future__ import annotations

from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

Series = tuple[str, frozenset[tuple[str, str]]]


def scrape(client: FlaskClient, **given: object) -> dict[Series, float]:
    """Return the value of each series."""
    answer = client.get("/metrics", **given)
    assert answer.status_code == 200, answer.text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def value(found: dict[Series, float], name: str, **labels: str) -> float | None:
    """Return the value of one series; None where it is not told."""
    return found.get((name, frozenset(labels.items())))
