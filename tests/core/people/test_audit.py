"""The audit: added to and read, never changed; its pages, its retention and its files."""

from __future__ import annotations

import ast
import csv
import io
import itertools
import json
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo.errors import AutoReconnect, OperationFailure

from app.core.errors import BadQuery, Unavailable
from app.core.exports.texts import cell, csv_of, json_lines_of
from app.core.people import audit as module
from app.core.people.audit import FIELDS, Audit, AuditFilter, Entry, Event, Outcome, values_of
from app.core.people.person import ANONYMOUS, Origin, Person
from app.core.schema.indexes import AUDIT_LISTS
from app.core.services import Services
from tests.core.conftest import Clock
from tests.core.damage import WRONG
from tests.core.test_indexes import points

ROOT = Path(__file__).resolve().parents[3]
ALICE, BOB = Person("a1", "Alice"), Person("b1", "Bob")
ORIGIN = Origin("192.0.2.1", "4f2a", "session")


@pytest.fixture
def audit(services: Services) -> Audit:
    return services.people.audit


@pytest.fixture
def record(audit: Audit, clock: Clock) -> Callable[..., None]:
    """Record something of Alice's a second after what was recorded before."""

    def add(event: Event = Event.TASK_CREATE, target: str = "", who: Person = ALICE, **given: Any) -> None:
        clock.advance(seconds=1)
        audit.record(who, ORIGIN, event, target, **given)

    return add


def targets(entries: list[Entry]) -> list[str]:
    return [entry.target for entry in entries]


def test_an_entry_says_who_when_from_where_what_and_how_it_ended(audit, record, clock):
    record(Event.USER_CHANGE, "u7", before={"role": "viewer"}, after={"role": "operator"})
    (entry,) = audit.page(AuditFilter()).entries
    assert (entry.who, entry.name, entry.at, entry.address) == ("a1", "Alice", clock.now, "192.0.2.1")
    assert (entry.event, entry.target, entry.outcome) == ("user.change", "u7", Outcome.DONE)
    assert (entry.request, entry.via) == ("4f2a", "session")
    assert (entry.before, entry.after) == ({"role": "viewer"}, {"role": "operator"})


@pytest.mark.parametrize("error", [AutoReconnect("gone"), OperationFailure("no", 13), OperationFailure("?")])
def test_what_mongodb_does_not_take_fails_the_request(error, audit, monkeypatch):
    def refuse(*_: Any) -> None:
        raise error

    monkeypatch.setattr(audit._audit, "insert_one", refuse)
    with pytest.raises(Unavailable) as caught:
        audit.record(ALICE, ORIGIN, Event.TASK_DELETE, "t1")
    assert caught.value.status == 503


def test_what_somebody_typed_can_be_stored(audit, services):
    audit.record(ANONYMOUS, ORIGIN, Event.SIGN_IN, "\ud800" + "x" * 1_000, outcome=Outcome.FAILED)
    assert services.db.audit.find_one()["target"] == "?" + "x" * 199


# Append-only


def writers() -> Iterator[tuple[str, str]]:
    """Module and method of each call that could write, on what is named after the collection."""
    for folder in ("app", "workers"):
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text()
            for node in ast.walk(ast.parse(text)) if "audit" in text else ():
                if isinstance(node, ast.Attribute) and collection_of(node.value) in ("audit", "_audit"):
                    yield path.relative_to(ROOT).as_posix(), node.attr


def collection_of(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    named = isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant)
    return str(node.slice.value) if named else ""  # type: ignore[attr-defined]  # as the line above says


WRITING = {
    *("insert_many", "update_one", "update_many", "replace_one", "bulk_write", "drop", "rename"),
    *("find_one_and_update", "find_one_and_replace", "find_one_and_delete", "delete_one"),
    *("aggregate", "aggregate_raw_batches"),
}


def test_nothing_but_the_audit_writes_its_collection():
    found = set(writers())
    assert {name for name in found if name[1] in WRITING} == set()
    here = "app/core/people/audit.py"
    assert {name for name in found if name[1] in ("insert_one", "delete_many")} == {
        (here, "insert_one"), (here, "delete_many")}  # fmt: skip


def test_only_retention_deletes():
    (audit,) = [
        node
        for node in ast.parse(Path(module.__file__).read_text()).body
        if isinstance(node, ast.ClassDef) and node.name == "Audit"
    ]
    deleting = {
        function.name
        for function in audit.body
        if isinstance(function, ast.FunctionDef) and "delete" in ast.unparse(function.body[1:])
    }
    assert deleting == {"prune"}
    public = {name for name in vars(Audit) if not name.startswith("_")}
    assert public == {"record", "page", "walk", "prune"}


def test_retention_deletes_what_is_past_it_in_batches(audit, record, clock, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 2)
    for number in range(5):
        record(target=f"old{number}")
    clock.advance(days=365)
    record(target="new")
    assert audit.prune() == 5
    assert targets(audit.page(AuditFilter()).entries) == ["new"]


def test_a_round_of_retention_ends(audit, record, clock, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 2)
    monkeypatch.setattr(module, "PRUNE_S", 0.0)
    for _ in range(5):
        record()
    clock.advance(days=366)
    assert audit.prune() == 2


def test_retention_is_a_setting(services, record, clock):
    record()
    clock.advance(days=2)
    assert Audit(services.db, timedelta(days=3)).prune() == 0
    assert Audit(services.db, timedelta(days=1)).prune() == 1


# Pages


def test_pages_lead_through_all_entries_and_back(audit, record):
    for number in range(7):
        record(target=str(number))
    first = audit.page(AuditFilter(), 3)
    second = audit.page(AuditFilter(after=first.next), 3)
    third = audit.page(AuditFilter(after=second.next), 3)
    assert [targets(page.entries) for page in (first, second, third)] == [
        ["6", "5", "4"], ["3", "2", "1"], ["0"]]  # fmt: skip
    assert (first.previous, third.next) == ("", "")
    assert audit.page(AuditFilter(before=second.previous), 3).entries == first.entries
    assert targets(audit.page(AuditFilter(last="1"), 3).entries) == ["2", "1", "0"]


def test_entries_of_one_moment_are_all_on_some_page(audit):
    for number in range(5):
        audit.record(ALICE, ORIGIN, Event.SIGN_IN, str(number))
    seen: list[str] = []
    wanted = AuditFilter()
    while True:
        page = audit.page(wanted, 2)
        seen += targets(page.entries)
        if not page.next:
            break
        wanted = AuditFilter(after=page.next)
    assert sorted(seen) == list("01234")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (AuditFilter(event="sign_in"), ["x", "b"]),
        (AuditFilter(person="b1"), ["b"]),
        (AuditFilter(target="a"), ["a"]),
        (AuditFilter(outcome="failed"), ["x"]),
        (AuditFilter(event="sign_in", outcome="done"), ["b"]),
        (AuditFilter(person="a1", event="sign_in"), []),
        (AuditFilter(since="2026-01-02"), ["x", "b"]),
        (AuditFilter(until="2026-01-01"), ["a"]),
        (AuditFilter(since="2026-01-02", until="2026-01-02"), ["b"]),
    ],
)
def test_filters(wanted, expected, audit, record, clock):
    clock.now = clock.now.replace(year=2026, month=1, day=1, hour=12)
    record(target="a")
    clock.advance(days=1)
    record(Event.SIGN_IN, "b", BOB)
    clock.advance(days=1)
    record(Event.SIGN_IN, "x", ANONYMOUS, outcome=Outcome.FAILED)
    assert targets(audit.page(wanted).entries) == expected


@pytest.mark.parametrize(
    "args",
    [
        {"colour": ["red"]},
        {"event": ["a", "b"]},
        {"outcome": ["maybe"]},
        {"since": ["yesterday"]},
        {"since": ["2026-1-1"]},
        {"until": ["0001-01-01"]},
        {"until": ["9999-12-31"]},
        {"after": ["x"]},
        {"after": [f"1-{'0' * 24}"], "last": ["1"]},
        {"target": ["x" * 201]},
        {"last": ["2"]},
    ],
)
def test_what_no_page_links_to_is_refused(args):
    with pytest.raises(BadQuery):
        AuditFilter.parse(args)


def test_a_filter_is_its_query_string():
    wanted = AuditFilter(event="sign_in", person="a1", since="2026-11-01", after=f"1-{'0' * 24}")
    assert (
        AuditFilter.parse({name: [text] for name, text in wanted.args(after=wanted.after).items()}) == wanted
    )
    assert wanted.args() == wanted.narrowing == {"event": "sign_in", "person": "a1", "since": "2026-11-01"}


def offered() -> list[AuditFilter]:
    return [
        AuditFilter(event=event, person=person, target=target, outcome=outcome, since=since)
        for event, person, target, outcome, since in itertools.product(
            ("", "sign_in"), ("", "a1"), ("", "t1"), ("", "failed"), ("", "2026-11-01")
        )
    ]


def serves(keys: list[tuple[str, int]], wanted: AuditFilter) -> bool:
    """Whether an index gives these in order: what the filter fixes, then the time and `_id` in one direction.

    A target has so few entries that its index need not hold the other fields.
    """
    fixed, ordered = {name for name, _ in keys[:-2]}, keys[-2:]
    known = set(points({name: how for name, how in wanted.query().items() if name != "at"}))
    in_order = [name for name, _ in ordered] == ["at", "_id"] and ordered[0][1] == ordered[1][1]
    return in_order and (fixed == known or ("target" in fixed and fixed <= known))


def test_every_page_is_served_by_an_index_and_every_index_serves_some_page():
    assert [wanted for wanted in offered() if not any(serves(keys, wanted) for keys in AUDIT_LISTS)] == []
    assert [keys for keys in AUDIT_LISTS if not any(serves(keys, wanted) for wanted in offered())] == []


def test_the_indexes_are_made(services):
    made = [list(index["key"]) for index in services.db.audit.index_information().values()]
    assert [keys for keys in AUDIT_LISTS if keys not in made] == []


# Damage


@pytest.mark.parametrize("field", ["at", "who", "event", "outcome", "name", "target", "before"])
@pytest.mark.parametrize("how", WRONG)
def test_a_damaged_entry_keeps_no_other_from_being_read(field, how, audit, record, services):
    record(target="before")
    record(target="damaged")
    record(target="behind")
    change = {"$unset": {field: ""}} if how == "missing" else {"$set": {field: WRONG[how]}}
    services.db.audit.update_one({"target": "damaged"}, change)
    for wanted in (AuditFilter(), AuditFilter(person="a1"), AuditFilter(outcome="done")):
        for size in (1, 50):
            assert audit.page(wanted, size).entries
        assert {"before", "behind"} <= set(targets(audit.page(wanted).entries))
    assert {"before", "behind"} <= set(targets(list(audit.walk(AuditFilter()))))
    b"".join(csv_of(FIELDS, map(values_of, audit.walk(AuditFilter()))))
    b"".join(json_lines_of(FIELDS, map(values_of, audit.walk(AuditFilter()))))


def test_a_page_says_how_many_it_cannot_read(audit, record, services):
    record(target="a")
    record(target="b")
    services.db.audit.update_one({"target": "b"}, {"$set": {"who": 7}})
    assert audit.page(AuditFilter()).damaged == 1


# Files


def test_a_walk_meets_each_once(audit, record, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 3)
    for number in range(8):
        record(target=str(number))
    assert targets(list(audit.walk(AuditFilter(last="1")))) == list("76543210")


def test_a_file_in_csv(audit, record):
    record(Event.USER_CHANGE, 'a "b",\nc', before={"role": "viewer"}, after={"role": "operator"})
    text = b"".join(csv_of(FIELDS, map(values_of, audit.walk(AuditFilter())))).decode()
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["person"], row["target"], row["outcome"]) == ("Alice", 'a "b",\nc', "done")
    assert json.loads(row["after"]) == {"role": "operator"}


def test_a_file_in_json_lines(audit, record, clock):
    record(target="=1", after={"at": clock.now, "by": "\u2028"})
    (line,) = b"".join(json_lines_of(FIELDS, map(values_of, audit.walk(AuditFilter())))).decode().splitlines()
    entry = json.loads(line)
    assert (entry["target"], entry["request_id"], entry["person_id"]) == ("=1", "4f2a", "a1")
    assert entry["after"] == {"at": str(clock.now - timedelta(seconds=1)), "by": "\u2028"}


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n", " =", "\u00a0=", "＝", "－"])
def test_no_cell_becomes_a_formula(begin):
    assert cell(f"{begin}HYPERLINK(1)") == f"'{begin}HYPERLINK(1)"


def test_a_number_that_was_recorded_is_no_formula():
    assert cell(-1) == "'-1"
    assert cell("a=1") == "a=1"
    assert cell(None) == ""


@pytest.mark.slow
@pytest.mark.parametrize("write", [csv_of, json_lines_of])
def test_memory_does_not_grow_with_the_file(write, clock):
    entry = Entry(id=None, at=clock.now, who="a1", event="sign_in", outcome=Outcome.DONE, target="x" * 150)  # type: ignore[arg-type]  # not written
    peaks = []
    for many in (1_000, 20_000):
        tracemalloc.start()
        written = sum(len(piece) for piece in write(FIELDS, map(values_of, itertools.repeat(entry, many))))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert written > 20_000 * 150
    assert peaks[1] - peaks[0] < written / 10  # What else runs in the process allocates, too.
