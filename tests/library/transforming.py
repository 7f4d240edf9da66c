"""Transforming tables in tests: a table of people, and what came out."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest

from dtq_library.tables.transform.task import transform_table
from workers.testing import Ran, Upload, run

PEOPLE = """id,name,age,state,joined,amount
1,Ann Wilson,30,CA,2024-01-05,"1,200.50"
2,Bob,17,NY,2024-02-10,20
3,Cy Johnson,,TX,2024-03-15,5
4,,55,CA,,
"""
STATES = "code,name,id\nCA,California,9\nNY,New York,8\nZZ,Nowhere,7\n"

Transform = Callable[..., Ran]


@pytest.fixture
def transform() -> Transform:
    """Transform a table of people, or another one."""

    def go(content: str | bytes = PEOPLE, name: str = "people.csv", **params: Any) -> Ran:
        data = content.encode() if isinstance(content, str) else content
        return run(transform_table, source=Upload(name, data), **params)

    return go


def rows(ran: Ran) -> list[list[str]]:
    """The rows of the CSV file that came out, without its header."""
    return list(csv.reader(io.StringIO(text(ran))))[1:]


def header(ran: Ran) -> list[str]:
    return text(ran).splitlines()[0].split(",")


def text(ran: Ran) -> str:
    return next(iter(ran.files.values())).decode()


def ids(ran: Ran) -> list[str]:
    return [row[0] for row in rows(ran)]
