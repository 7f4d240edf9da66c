"""A list as a Parquet file: typed columns, in row groups that are compressed and sent one by one.

`arro3.io.write_parquet` encodes. It reads a stream of batches and writes to a file until it is done, so it
has a thread of its own, which runs only while the reader of the file waits for its next part. A file whose
rows ended in an error has no footer, which every reader of Parquet refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from io import BytesIO
from itertools import accumulate
from queue import SimpleQueue
from threading import Thread
from typing import IO, TYPE_CHECKING, Any, cast

from app.core.exports.fields import Fields, Kind, Values, pieces
from app.core.exports.texts import as_text

if TYPE_CHECKING:
    from arro3.core import Array, RecordBatch, Schema

PIECE = 100
"""Rows that are handed over at once."""
ROW_GROUP = 1_000
"""Rows that are compressed and sent at once; so many are in memory."""
COMPRESSION = "zstd(3)"
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def parquet_of(fields: Fields, rows: Iterable[Values]) -> Iterator[bytes]:
    """Yield the parts of a file, a row group at once.

    Raises what the rows raise, and ValueError or TypeError for a value that is not of its column's kind.
    """
    schema = _schema(fields)
    writer = _Writer(schema)
    try:
        for piece in pieces(rows, PIECE):
            if part := writer.add(_batch(schema, fields, piece)):
                yield part
        yield writer.finish()
    finally:
        writer.abandon()


class _Writer:
    """The encoder, fed a batch at a time. It is the file that the encoder writes to, too."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._batches: SimpleQueue[RecordBatch | _End] = SimpleQueue()
        self._answers: SimpleQueue[bytes | BaseException] = SimpleQueue()
        self._written = BytesIO()
        self._thread = Thread(target=self._run, name="parquet", daemon=True)
        self._thread.start()

    def add(self, batch: RecordBatch) -> bytes:
        """Encode a batch; return what is complete of the file, which may be nothing."""
        return self._answer_to(batch)

    def finish(self) -> bytes:
        """Return the rest of the file, with its footer."""
        return self._answer_to(_End(whole=True))

    def abandon(self) -> None:
        """End the thread, if it has not; no footer is written."""
        self._batches.put(_End(whole=False))
        self._thread.join()

    def _answer_to(self, message: RecordBatch | _End) -> bytes:
        self._batches.put(message)
        answer = self._answers.get()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _run(self) -> None:
        from arro3.core import RecordBatchReader
        from arro3.io import write_parquet

        try:
            reader = RecordBatchReader.from_batches(self._schema, self._received())
            write_parquet(
                reader, cast(IO[bytes], self), max_row_group_size=ROW_GROUP, compression=COMPRESSION
            )
        except BaseException as error:
            self._answers.put(error)
        else:
            self._answers.put(self._taken())

    def _received(self) -> Iterator[RecordBatch]:
        """Yield the batches; asked for the next, the encoder has written what it could of those before."""
        while not isinstance(message := self._batches.get(), _End):
            yield message
            self._answers.put(self._taken())
        if not message.whole:
            raise _AbandonedError

    def _taken(self) -> bytes:
        taken, self._written = self._written.getvalue(), BytesIO()
        return taken

    def write(self, part: bytes) -> int:
        return self._written.write(part)

    def flush(self) -> None:
        """Do nothing: what was written is taken between the batches."""

    def seek(self, *_: int) -> int:
        """Refuse: what was taken is sent already. The encoder only looks whether there is such a method."""
        raise OSError("This file cannot be sought.")


class _End:
    """No more batches: the file is whole, or given up."""

    def __init__(self, whole: bool) -> None:
        self.whole = whole


class _AbandonedError(Exception):
    """The reader of the file disconnected, or reading the rows failed."""


def _schema(fields: Fields) -> Schema:
    from arro3.core import DataType, Field, Schema

    types = {
        Kind.TEXT: DataType.utf8(),
        Kind.TIME: DataType.timestamp("ms", tz="UTC"),
        Kind.WHOLE: DataType.int64(),
        Kind.NUMBER: DataType.float64(),
        Kind.FLAG: DataType.bool(),
        Kind.TEXTS: DataType.list(Field("element", DataType.utf8(), nullable=False)),
    }
    own = (Field(name, types[kind], nullable=kind is not Kind.TEXTS) for name, kind in fields.items())
    return Schema([*own])


def _batch(schema: Schema, fields: Fields, rows: Sequence[Values]) -> RecordBatch:
    from arro3.core import RecordBatch

    columns = (_COLUMNS[kind]([row.get(name) for row in rows]) for name, kind in fields.items())
    return RecordBatch.from_arrays([*columns], schema=schema)


def _texts(values: Sequence[Any]) -> Array:
    from arro3.core import Array, DataType

    texts = [None if value is None else _text(value) for value in values]
    return Array(texts, DataType.utf8())


def _text(value: Any) -> str:
    return as_text(value).encode("utf-8", "replace").decode()


def _times(values: Sequence[Any]) -> Array:
    from arro3.core import Array, DataType

    milliseconds = [value and (datetime.fromisoformat(value) - EPOCH) // _MILLISECOND for value in values]
    return Array(milliseconds, DataType.int64()).cast(DataType.timestamp("ms", tz="UTC"))


_MILLISECOND = timedelta(milliseconds=1)


def _whole(values: Sequence[Any]) -> Array:
    from arro3.core import Array, DataType

    return Array(values, DataType.int64())


def _numbers(values: Sequence[Any]) -> Array:
    from arro3.core import Array, DataType

    return Array(values, DataType.float64())


def _flags(values: Sequence[Any]) -> Array:
    from arro3.core import Array, DataType

    return Array(values, DataType.bool())


def _lists(values: Sequence[Any]) -> Array:
    from arro3.core import Array, DataType, Field, list_array

    lists: list[Sequence[Any]] = [value or () for value in values]
    offsets = Array([0, *accumulate(map(len, lists))], DataType.int32())
    element = Field("element", DataType.utf8(), nullable=False)
    inner = _texts([text for texts in lists for text in texts])
    return list_array(offsets, inner, type=DataType.list(element))


_COLUMNS: dict[Kind, Callable[[Sequence[Any]], Array]] = {
    Kind.TEXT: _texts,
    Kind.TIME: _times,
    Kind.WHOLE: _whole,
    Kind.NUMBER: _numbers,
    Kind.FLAG: _flags,
    Kind.TEXTS: _lists,
}
