"""Parquet files of other programs: read, or refused with what is true of them."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from dtq import Fail
from tests.library import parquets
from tests.library.conftest import Cleaned
from tests.library.reading import Read, headers, parquet, rows

UTC = dt.timezone.utc


@pytest.mark.parametrize("content", [parquets.OFFSET_ZONE, parquets.UNKNOWN_ZONE])
def test_moments_of_a_zone_that_is_no_place_are_in_utc(read: Read, content: bytes) -> None:
    assert rows(read(content, "t.parquet")) == [(dt.datetime(2024, 1, 1, 12, tzinfo=UTC),)]


def test_columns_of_one_name_are_all_read(clean: Callable[..., Cleaned], read: Read) -> None:
    assert headers(read(parquets.SAME_NAMES, "t.parquet")) == ["a", "s", "a", "b"]
    assert clean(parquets.SAME_NAMES, "t.parquet", output="jsonl").text == (
        '{"a":1,"s":{"x":1,"y":[2]},"a_2":2,"b":3}\n'
    )


def test_old_timestamps_reach_beyond_2262(read: Read) -> None:
    assert [row[0] for row in rows(read(parquets.INT96, "t.parquet"))] == [
        dt.datetime(2024, 1, 1, 12),
        dt.datetime(2500, 1, 1, 0, 0, 0, 5),
        None,
    ]


def test_decimals_that_nothing_holds_are_refused(refused: Callable[..., str]) -> None:
    assert refused(parquets.LONG_DECIMALS, "t.parquet").startswith(
        "Column d holds decimals of more than 38 digits"
    )


def test_an_extension_is_what_it_is_stored_as(read: Read) -> None:
    assert rows(read(parquets.EXTENSION, "t.parquet")) == [('{"a":1}',), (None,)]


MAPS = [
    (parquets.INTEGER_KEYS, [{"1": "a", "2": "b"}, None, {}]),
    (parquets.DATE_KEYS_INSIDE, [[{"x": {"2024-01-01": 1.5}}], None]),
]


@pytest.mark.parametrize(("content", "values"), MAPS)
@pytest.mark.parametrize("output", ["jsonl", "json", "csv", "xlsx", "parquet"])
def test_maps_are_objects_whatever_their_keys(
    clean: Callable[..., Cleaned], content: bytes, values: list[Any], output: str
) -> None:
    cleaned = clean(content, "t.parquet", output=output, drop_empty=False, drop_duplicates=False)

    if output == "jsonl":
        assert [json.loads(line)["m"] for line in cleaned.text.splitlines()] == values
    elif output == "json":
        assert [record["m"] for record in json.loads(cleaned.text)] == values
    elif output == "csv":
        assert [json.loads(row[0]) if row else None for row in cleaned.rows[1:]] == values


def test_a_map_with_texts_for_keys_stays_one(read: Read) -> None:
    frame = pl.DataFrame({"m": pl.Series([{"x": 1}, None], dtype=pl.Map(pl.String, pl.Int64))})
    table = read(parquet(frame), "t.parquet")

    assert table.columns[0].dtype == pl.Map(pl.String, pl.Int64)


WHOLE = [
    parquet(pl.DataFrame({"a": [1, 2, None], "b": ["x" * 40, "y", None], "c": [[1], None, []]})),
    parquets.INT96,
    parquets.INTEGER_KEYS,
    parquets.OFFSET_ZONE,
]


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_file_is_read_or_refused_with_a_sentence(read: Read, seed: int) -> None:
    chance = random.Random(seed)
    content = bytearray(chance.choice(WHOLE))
    for _ in range(chance.choice([1, 3, 20])):
        content[chance.randrange(4, len(content))] = chance.randrange(256)
    try:
        read(bytes(content), "t.parquet")
    except Fail as refusal:
        assert "Parquet" in str(refusal) or "Column" in str(refusal)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_half_a_file_is_refused(refused: Callable[..., str], share: float) -> None:
    content = WHOLE[0][: int(len(WHOLE[0]) * share)]

    assert refused(content, "t.parquet").startswith("The Parquet file is damaged or incomplete;")
