"""The shapes in which a JSON document may be a table, as records.

An array of records; one such array inside of an object; an object of equally long columns; and what pandas
writes: by columns (its default), index, split and table. Labels of rows are a column, unless they only count.
"""

from __future__ import annotations

from typing import Any

from dtq import Fail

Record = dict[str, Any]
_WRAPPERS = ("data", "results", "items", "records", "rows", "entries", "values", "value")
"""Names under which a document that says more than a table holds its records."""
_LABELS = "index"
_NUMBER, _NULL = float, type(None)


def records_of(document: Any) -> tuple[list[Record], list[str]]:
    """Return the records of a document, and notes. Raises Fail for one that is no table."""
    if isinstance(document, list):
        return _array(document), []
    if not isinstance(document, dict) or not document:
        raise _wrong_shape()
    return _split(document) or _wrapped(document) or _keyed(document) or (_transposed(document), [])


def _array(document: list[Any]) -> list[Record]:
    for number, record in enumerate(document, start=1):
        if not isinstance(record, dict):
            raise Fail(f'Element {number:,} of the array is not a record such as {{"name": "Ann"}}.')
    return document


def _split(document: Record) -> tuple[list[Record], list[str]] | None:
    """`columns` and `data` as rows, and `index` with the labels of the rows: pandas' split."""
    names, rows, labels = (document.get(name) for name in ("columns", "data", "index"))
    if not (isinstance(names, list) and _is_rows(rows, len(names))):
        return None
    spelled = [_name(name) for name in names]
    if len(set(spelled)) < len(spelled):
        raise Fail("Two columns of the JSON document have one name; give one of them another name.")
    records = [dict(zip(spelled, row, strict=True)) for row in rows or []]
    if isinstance(labels, list) and len(labels) == len(records):
        return _labeled(records, labels)
    return records, []


def _is_rows(rows: Any, width: int) -> bool:
    return isinstance(rows, list) and all(isinstance(row, list) and len(row) == width for row in rows)


def _name(name: Any) -> str:
    """The name of a column; one of several levels is one text."""
    return ".".join(map(str, name)) if isinstance(name, list) else str(name)


def _wrapped(document: Record) -> tuple[list[Record], list[str]] | None:
    """The one array of records that an object holds, alone or, under a usual name, beside what says less."""
    found = [name for name, value in document.items() if _is_records(value)]
    others = [name for name in document if name not in found]
    if len(found) != 1 or any(isinstance(document[name], list) for name in others):
        return None
    if others and found[0].lower() not in _WRAPPERS:
        return None
    told = others and set(others) != {"schema"}  # A schema of pandas says what the records say.
    note = f"The records of {found[0]} were read; the document also holds: {', '.join(others)[:200]}."
    return document[found[0]], [note] if told else []


def _is_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(record, dict) for record in value)


def _keyed(document: Record) -> tuple[list[Record], list[str]] | None:
    """An object of objects that all have the same names: columns by rows, or rows by columns.

    Numbers label rows. Where no side is numbers, values of one type are a column; and if those of both sides
    are of one type, or of several, it may be either.
    """
    inner = list(document.values())
    if not all(isinstance(record, dict) and record for record in inner):
        return None
    if len({tuple(record) for record in inner}) > 1:
        return None
    outer_names, inner_names = list(document), list(inner[0])
    by_rows = [{name: document[name][label] for name in outer_names} for label in inner_names]
    numbered = _are_numbers(outer_names)
    by_columns = _are_numbers(inner_names) or (not numbered and _are_typed(inner) and not _are_typed(by_rows))
    if not by_columns and len(document) == 1:
        return None
    if by_columns:
        return _labeled(by_rows, inner_names)
    records, notes = _labeled(inner, outer_names)
    if not numbered and _are_typed(inner) == _are_typed(by_rows):
        notes = ["The document was read as one record for each name, which is in the column index."]
    return records, notes


def _are_typed(groups: list[Record]) -> bool:
    """Whether the values of each group are of one type."""
    return all(
        len(
            {_NUMBER if isinstance(value, (int, float)) else type(value) for value in group.values()}
            - {_NULL}
        )
        <= 1
        for group in groups
    )


def _are_numbers(labels: list[str]) -> bool:
    return all(label.removeprefix("-").isdecimal() for label in labels)


def _labeled(records: list[Record], labels: list[Any]) -> tuple[list[Record], list[str]]:
    """The records, with their labels as the first column where these say more than a count from 0."""
    if [str(label) for label in labels] == [str(at) for at in range(len(labels))]:
        return records, []
    name = _LABELS
    while any(name in record for record in records):
        name += "_"
    labeled = [{name: label, **record} for label, record in zip(labels, records, strict=True)]
    return labeled, [f"The labels of the rows are in the column {name}."]


def _transposed(document: Record) -> list[Record]:
    columns = list(document.values())
    if not columns or not all(isinstance(column, list) for column in columns):
        raise _wrong_shape()
    lengths = {name: len(column) for name, column in document.items()}
    if len(set(lengths.values())) > 1:
        few, many = min(lengths, key=lengths.__getitem__), max(lengths, key=lengths.__getitem__)
        raise Fail(
            f"The columns are not equally long: {few} has {lengths[few]:,} values and {many} has "
            f"{lengths[many]:,}; make them equally long, with null for what is missing."
        )
    if not columns[0]:
        raise Fail("The columns hold no values; at least one was expected.")
    return [dict(zip(document, row, strict=True)) for row in zip(*columns, strict=True)]


def _wrong_shape() -> Fail:
    return Fail(
        "The JSON is not a table: an array of records, or an object whose values are equally long lists "
        "(the columns), was expected."
    )
