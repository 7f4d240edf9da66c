"""What the forms of the task types on tables show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.core.params.fields import describe
from dtq._types.task_type import registered
from dtq_library.tables.analyze.task import analyse_table
from dtq_library.tables.check.task import check_table
from dtq_library.tables.clean.task import clean_table
from dtq_library.tables.transform.task import transform_table

TYPES = [analyse_table, check_table, clean_table, transform_table]


@pytest.mark.parametrize("function", TYPES)
def test_every_field_has_a_title_and_a_label_for_every_choice(function: Callable[..., Any]) -> None:
    for field in describe(registered(function).model.model_json_schema()):
        assert field.title[0].isupper()
        assert field.help
        if field.name not in ("encoding",):  # encodings go by their own names
            assert {value for value, _ in field.choices} == set(field.schema.get("labels", {})), field.name


@pytest.mark.parametrize("function", TYPES)
def test_what_most_people_need_comes_first(function: Callable[..., Any]) -> None:
    """No field stands between the folded ones; the table itself is the first."""
    fields = describe(registered(function).model.model_json_schema())

    assert (fields[0].name, fields[0].kind.name, fields[0].required) == ("source", "file", True)


@pytest.mark.parametrize("function", TYPES)
def test_a_large_file_has_an_hour(function: Callable[..., Any]) -> None:
    document = registered(function).document()

    assert (document["timeout_s"], document["category"]) == (3600, "Data")
    assert document["summary"].endswith(".")
