"""Documents in a gzip file: every byte comes back, and nothing that was damaged is taken."""

from __future__ import annotations

import gzip
from datetime import datetime, timezone
from io import BytesIO

import bson
import pytest
from bson import Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.backup.bson_stream import (
    BATCH_BYTES,
    BATCH_DOCUMENTS,
    BsonWriter,
    batches,
    documents,
    fields,
    split,
)
from app.core.backup.manifest import FileContent
from app.core.backup.problems import BackupError, BackupProblem
from tests.plugins.examples import examples

NAMES = st.text(max_size=8).filter(lambda name: "\0" not in name) | st.sampled_from(
    ["", "$set", "a.b", "$", ".", "_id"]
)
MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=timezone.utc)
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-(2**63), 2**63 - 1).map(Int64),
    st.floats(),
    st.text(max_size=30),
    MOMENTS,
    st.binary(min_size=12, max_size=12).map(ObjectId),
    st.builds(Binary, st.binary(max_size=40), st.sampled_from([0, 2, 3, 4, 5, 6, 9, 128, 255])),
    st.sampled_from([MinKey(), MaxKey(), Code("f()"), Code("f(x)", {"x": 1}), DBRef("tasks", 1, "other")]),
    st.sampled_from([Decimal128("1.10"), Decimal128("NaN"), Decimal128("-1E-6176"), Timestamp(1, 2)]),
    st.builds(Regex, st.sampled_from(["", "a.*b", "ü"]), st.sampled_from([0, 2, 10])),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4)
)
DOCUMENTS = st.dictionaries(NAMES, VALUES, max_size=6).map(bson.encode)


def written(*batches_of_documents: bytes) -> tuple[bytes, FileContent]:
    """The file that holds these documents, and what was written down of them."""
    file = BytesIO()
    writer = BsonWriter(file)
    for batch in batches_of_documents:
        writer.write(batch)
    content = writer.close()
    return file.getvalue(), content


def read(file: bytes, content: FileContent) -> list[bytes]:
    return list(documents(BytesIO(file), content, "tasks.bson.gz"))


def is_damaged(file: bytes, content: FileContent) -> bool:
    with pytest.raises(BackupError) as refused:
        read(file, content)
    return refused.value.problem is BackupProblem.DAMAGED


@settings(deadline=None, max_examples=examples(40))
@given(st.lists(DOCUMENTS, max_size=6), st.integers(1, 5))
def test_every_document_comes_back_byte_for_byte(many: list[bytes], size: int) -> None:
    file, content = written(*(b"".join(many[start : start + size]) for start in range(0, len(many), size)))

    assert read(file, content) == many
    assert gzip.decompress(file) == b"".join(many)
    assert (content.count, content.bytes, content.file_bytes) == (len(many), sum(map(len, many)), len(file))


def test_a_document_of_16_mb_goes_through() -> None:
    large = bson.encode({"_id": 1, "data": bytes(16 * 2**20 - 40)})
    file, content = written(large + bson.encode({"_id": 2}))

    assert [len(document) for document in read(file, content)] == [len(large), len(bson.encode({"_id": 2}))]


@pytest.fixture(scope="module")
def small() -> tuple[bytes, FileContent]:
    return written(*(bson.encode({"_id": number, "text": "some text"}) for number in range(5)))


def test_every_cut_is_noticed(small: tuple[bytes, FileContent]) -> None:
    file, content = small

    assert all(is_damaged(file[:length], content) for length in range(len(file)))


def test_every_flipped_bit_is_noticed(small: tuple[bytes, FileContent]) -> None:
    file, content = small
    for bit in range(len(file) * 8):
        flipped = bytearray(file)
        flipped[bit // 8] ^= 1 << bit % 8
        assert is_damaged(bytes(flipped), content), bit


def test_nothing_may_follow(small: tuple[bytes, FileContent]) -> None:
    file, content = small

    assert is_damaged(file + b"\0", content)
    assert is_damaged(file + file, content)


@pytest.mark.parametrize("length", [-1, 0, 4, 6, 2**31 - 1, 17 * 2**20])
def test_a_wrong_length_is_noticed_before_it_is_believed(length: int) -> None:
    document = bytearray(bson.encode({"_id": 1}))
    document[:4] = length.to_bytes(4, "little", signed=True)
    file = gzip.compress(bytes(document))
    _, content = written(bson.encode({"_id": 1}))

    assert is_damaged(file, content)
    with pytest.raises(ValueError, match="at byte 0"):
        list(split(bytes(document)))


def test_a_file_that_unpacks_to_far_more_is_not_unpacked() -> None:
    _, content = written(bson.encode({"_id": 1}))
    bomb = bson.encode({"_id": 1, "data": bytes(15 * 2**20)})

    assert is_damaged(gzip.compress(bomb), content)


def test_batches_are_bounded_in_number_and_bytes() -> None:
    small, large = bson.encode({"_id": 1}), bson.encode({"_id": 1, "data": bytes(BATCH_BYTES // 2)})

    assert [len(batch) for batch in batches([small] * (BATCH_DOCUMENTS + 1))] == [BATCH_DOCUMENTS, 1]
    assert [len(batch) for batch in batches([large, large, small])] == [1, 2]
    assert list(batches([])) == []


def test_what_a_server_sends_is_checked_before_it_is_written() -> None:
    writer = BsonWriter(BytesIO())

    with pytest.raises(ValueError):
        writer.write(bson.encode({"_id": 1})[:-1])
    assert writer.count == writer.bytes == 0


def test_a_time_that_python_lacks_is_no_obstacle() -> None:
    far = bson.encode({"_id": 1, "at": bson.DatetimeMS(2**60)})

    assert fields(far)["_id"] == 1
    assert read(*written(far)) == [far]
