"""Every result shows its beginning, of whatever kind and size, and can be had whole."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.files.store import StoredFile
from app.core.secrets.redaction import Mask
from app.core.tasks.task import Task
from app.web.results.nodes import MOST_TEXT, node
from app.web.results.source import MOST_READ, _read
from tests.browser.results import done
from tests.plugins.examples import examples
from tests.web.looking import claim, text_of
from workers.attempt.attempt import Succeeded, returned, settle


@pytest.fixture
def returning(services, new_task) -> Callable[..., Task]:
    """A task whose function has returned this."""

    def finish(result: Any, kind: str = "auto") -> Task:
        task = claim(services, new_task())
        outcome = returned(result, Mask(), kind)
        assert isinstance(outcome, Succeeded)
        settle(services, task, outcome)
        return services.tasks.get(task.id)

    return finish


def deep(levels: int) -> Any:
    value: Any = "innermost"
    for _ in range(levels):
        value = [value]
    return value


# What is returned, and what of it is to be seen.
RESULTS: dict[str, tuple[Any, str]] = {
    "text": ("Ж" * 60_000, "ЖЖЖ"),
    "small text": ("Ж" * 300, "ЖЖЖ"),
    "file of text": ("Ж" * 200_000, "ЖЖЖ"),
    "huge text": ("begin " + "Ж" * 600_000, "begin ЖЖЖ"),
    "lines": ("строка\n" * 90_000, "строка"),
    "escapes": ('"\\\n' * 100_000, '"\\'),
    "bytes": ("grüße ".encode() * 40_000, "grüße"),
    "list of texts": (["слово" * 60] * 2_000, "словослово"),
    "list of numbers": (list(range(160_000)), "0, 1, 2, 3"),
    "one long text in a list": (["begin " + "Ж" * 600_000], "begin ЖЖЖ"),
    "one long text in an object": ({"report": "begin " + "Ж" * 600_000}, "begin ЖЖЖ"),
    "object": ({"first": 1, "many": list(range(160_000))}, "First 1"),
    "table": ([{"имя": f"строка {number}"} for number in range(45_000)], "строка 0"),
    "columns": ({"columns": ["имя"], "rows": [[f"строка {number}"] for number in range(45_000)]}, "строка 0"),
    "deep": (deep(150), "innermost"),
    "surrogate": ({"text": "\ud800", "name": "seen"}, "seen"),
    "large number": ([2**70] * 50_000, "1180591620717411303424"),
    "names": ({f"имя {number}": "x" * 50 for number in range(20_000)}, "имя 0"),
    "dollar": ({"$set": {"a.b": "seen"}}, "seen"),
}
OF_A_TREE = {"list of numbers": "0 : 0 1 : 1 2 : 2", "object": "first : 1", "deep": "[1]"}
KINDS = [
    "auto",
    "json",
    "table",
    *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("text", "chart", "file")),
]
"""The slow tests try each shape with each kind."""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", [*RESULTS])
def test_it_is_seen_and_can_be_had_whole(alice, client, services, returning, what: str, kind: str) -> None:
    result, seen = RESULTS[what]
    seen = OF_A_TREE.get(what, seen) if kind == "json" else seen
    task = returning(result, kind)
    page = text_of(alice.open(f"/tasks/{task.id}")).replace('\\"', '"')

    assert seen in page.replace("1,180,591,620,717,411,303,424", "1180591620717411303424")
    if task.result_file:
        content = b"".join(services.files.chunks(task.result_file))
        assert json.loads(content) == json.loads(json.dumps(result.decode() if what == "bytes" else result))
        assert b"\\u04" not in content
        assert "Download result.json" in page
    if isinstance(result, str | bytes):
        assert "Download as text" in page
        whole = client.get(f"/tasks/{task.id}/result.txt")
        assert whole.data == (result if isinstance(result, bytes) else result.encode())
        assert whole.content_type == "text/plain; charset=utf-8"


def test_sizes_are_bytes_and_not_escapes(returning, services) -> None:
    """250 KB of Cyrillic is 125,000 letters; as escapes it would be three times as much."""
    inside, file = returning("Ж" * 125_000), returning("Ж" * 135_000)
    assert inside.result == "Ж" * 125_000
    assert file.result is None and services.files.get(file.result_file).size == 270_002


def test_a_long_text_says_how_much_of_it_is_missing() -> None:
    shown = node("x" * (MOST_TEXT + 5))
    assert (len(shown.text), shown.cut) == (MOST_TEXT, 5)
    assert node({"rows": ["x" * (MOST_TEXT + 5)]}).items[0][1].items[0][1].cut == 5


def test_what_only_the_beginning_of_was_read_says_so(alice, returning) -> None:
    page = alice.read(f"/tasks/{returning([{'n': number} for number in range(300_000)]).id}")
    assert "Below is its beginning; counts, sorting and pages cover only that." in page


@pytest.mark.parametrize("kind", ["table", "chart", "image", "file"])
def test_too_little_of_it_for_its_kind_is_still_its_beginning(alice, returning, kind: str) -> None:
    page = alice.read(f"/tasks/{returning('word ' * 300_000, kind).id}")
    assert "Too little of this result could be read" in page and "word word" in page


@pytest.mark.parametrize(
    ("content", "seen", "unseen"),
    [
        ("имя,число\nа,1\n" * 5, "имя,число а,1", None),
        ("line\n" * 19 + "last shown\nnot shown\n", "line last shown", "not shown"),
        ("Ж" * 100_000, "characters left out", "Ж" * 501),
        ("<script>alert(1)</script>", "<script>alert(1)</script>", None),
        (b"\x1f\x8b\x08binary", None, "First lines"),
        (b"PK\x03\x04", None, "First lines"),
        (b"", None, "First lines"),
    ],
)
def test_a_file_that_is_text_shows_its_first_lines(alice, services, content, seen, unseen) -> None:
    content = content if isinstance(content, bytes) else content.encode()
    html = alice.open(f"/tasks/{done(services, 'FILE', 'file', ('a.csv', content)).id}")
    assert "<script>alert(1)" not in html
    if seen:
        assert seen in text_of(html) and "First lines" in text_of(html)
    if unseen:
        assert unseen not in text_of(html)


def test_of_many_files_only_a_few_are_read(alice, services, monkeypatch) -> None:
    task = done(services, ["FILE"] * 10, "file", ("a.txt", b"one\n"))
    read: list[int] = []
    real = services.files.head
    monkeypatch.setattr(services.files, "head", lambda of, most: read.append(most) or real(of, most))
    assert alice.read(f"/tasks/{task.id}").count("First lines") == 3
    assert 0 < len(read) <= 3 and set(read) == {16 * 1024}


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8"), max_size=8),
)
NAMES = st.text('abЖ\n"😀', max_size=4)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


def begins(part: Any, whole: Any) -> bool:
    """Return whether what was read is a beginning of what was written: nothing in it is wrong."""
    if isinstance(whole, str) and isinstance(part, str):
        return part == whole or (part.endswith("…") and whole.startswith(part[:-1]))
    if isinstance(whole, list) and isinstance(part, list):
        return len(part) <= len(whole) and all(map(begins, part, whole))
    if isinstance(whole, dict) and isinstance(part, dict):
        return list(part) == list(whole)[: len(part)] and all(
            begins(part[name], whole[name]) for name in part
        )
    return type(part) is type(whole) and part == whole


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    value=st.one_of(st.lists(VALUES, min_size=1), st.dictionaries(st.text(max_size=3), VALUES, min_size=1))
)
def test_wherever_a_file_is_cut_its_beginning_is_read_and_right(value: Any) -> None:
    outcome = returned(value, Mask())
    assert isinstance(outcome, Succeeded)
    content = outcome.encoded
    stored = StoredFile(None, "result.json", len(content), "", "", "", "", None)  # type: ignore[arg-type]
    for at in range(1, len(content)):
        source = _read(stored, content[:at])
        assert source.raw or begins(source.value, outcome.result), (content[:at], source.value)
        assert not source.raw, content[:at]


def test_the_whole_of_a_file_that_fits_is_read_whole(services) -> None:
    content = json.dumps("x" * (MOST_READ - 2)).encode()
    stored = services.files.save(io.BytesIO(content), "r", "", "alice", role="output")
    assert _read(stored, services.files.head(stored.id, MOST_READ)).whole
