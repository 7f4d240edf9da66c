"""*Clean a table* as a task: progress, cancellation, help, and a public file counted again."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from app.core.params.fields import describe
from app.core.services import Services
from app.core.tasks.task import Task
from dtq._types.task_type import registered
from dtq_library.tables.clean.task import clean_table
from tests.library.conftest import Cleaned, Recorder
from workers.attempt.attempt import WasCanceled, attempt

ROOT = Path(__file__).parents[3]
Clean = Callable[..., Cleaned]
Refusal = Callable[..., str]


def test_progress_goes_from_reading_over_each_column_to_writing(
    start: Callable[..., tuple[Task, Recorder]],
) -> None:
    task, context = start("Name,Town\nAnn,Rome\n", "people.csv")
    attempt(task, registered(clean_table), context, lambda running: None)

    assert context.told == [
        (0, 1, "Reading people.csv"),
        (1, 4, "Cleaning name"),
        (2, 4, "Cleaning town"),
        (3, 4, "Writing"),
        (4, 4, "Wrote people-clean.csv"),
    ]


def test_a_canceled_task_leaves_no_file(
    services: Services, start: Callable[..., tuple[Task, Recorder]]
) -> None:
    asked: list[None] = []

    def canceled() -> bool:
        asked.append(None)
        return len(asked) > 2

    task, context = start("Name,Town\nAnn,Rome\n", "people.csv", canceled)
    outcome = attempt(task, registered(clean_table), context, lambda running: None)

    assert isinstance(outcome, WasCanceled)
    assert services.db["files.files"].count_documents({"metadata.role": "output"}) == 0


def test_unreadable_files_fail_without_another_attempt(refusal: Refusal) -> None:
    assert refusal(b"%PDF-1.7\n", "sales.csv").endswith("but this is a PDF document.")


def test_every_parameter_has_a_title_and_every_choice_a_label_that_is_one(clean: Clean) -> None:
    fields = {field.name: field for field in describe(registered(clean_table).model.model_json_schema())}

    assert fields["source"].accept[0] == ".csv"
    assert dict(fields["dates"].choices)["day_first"] == "Detect; in doubt the day is first"
    assert all(field.title[0].isupper() for field in fields.values())
    for field in fields.values():
        assert set(field.schema.get("labels", {})) <= {value for value, _ in field.choices}


def test_the_help_defines_every_figure(clean: Clean) -> None:
    report = clean("a\n1\n").report
    told = registered(clean_table).document()["help"]
    figures = {*report, *report["removed"], *report["cells_changed"]}

    assert [figure for figure in figures if f"`{figure}`" not in told] == []


@pytest.mark.slow
def test_loading_the_library_loads_no_heavy_one() -> None:
    heavy = ["polars", "fastexcel", "xlsxwriter", "charset_normalizer"]
    code = f"import sys, dtq_library; print([name for name in {heavy} if name in sys.modules])"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60, cwd=ROOT
    )

    assert ran.stdout.strip() == "[]"


# A real file: the airports of the United States (3,376 rows), from the Bureau of Transportation Statistics


def test_a_public_file_counted_again_with_the_standard_library(clean: Clean) -> None:
    package = find_spec("vega_datasets")  # not imported: it would load pandas
    assert package is not None and package.origin is not None
    source = (Path(package.origin).parent / "_data" / "airports.csv").read_bytes()
    before = list(csv.reader(io.StringIO(source.decode("utf-8"), newline="")))
    cleaned = clean(source, "airports.csv", missing=["NA"])
    after, report = cleaned.rows, cleaned.report

    differing: dict[str, Any] = {name: Counter() for name in before[0]}
    for old, new in zip(before[1:], after[1:], strict=True):
        for name, was, now in zip(before[0], old, new, strict=True):
            if was != now:
                assert now == ("" if was == "NA" else " ".join(was.split()))
                differing[name]["missing" if was == "NA" else "trimmed"] += 1

    assert after[0] == before[0]
    assert report["rows_in"] == report["rows_out"] == len(before) - 1 == 3_376
    assert (
        report["cells_changed"]["total"] == sum(sum(counts.values()) for counts in differing.values()) == 36
    )
    for at, column in enumerate(report["columns"]):
        assert column["changes"] == differing[column["name"]]
        assert column["missing"] == sum(row[at] == "" for row in after[1:])
    assert {column["name"]: column["type"] for column in report["columns"]} == {
        "iata": "text",
        "name": "text",
        "city": "text",
        "state": "text",
        "country": "text",
        "latitude": "number",
        "longitude": "number",
    }
