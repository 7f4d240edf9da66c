"""A result is shown by its kind: sorted, paged, bounded, escaped; or as it came, with a sentence."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from app.core.tasks.task import Task
from app.web.results.source import MOST_READ
from tests.browser.results import done
from tests.web.looking import claim, text_of

HOSTILE = "</script><img src=x onerror=alert(1)>"


def column(html: str, number: int) -> list[str]:
    body = re.search(r"<tbody>(.*?)</tbody>", html, re.DOTALL)
    assert body
    rows = re.findall(r"<tr>(.*?)</tr>", body[1], re.DOTALL)
    return [text_of(re.findall(r"<td.*?</td>", row, re.DOTALL)[number - 1]) for row in rows]


class TestTable:
    ROWS = [{"n": 10, "x": "b"}, {"n": None, "x": "A"}, {"n": 9, "x": ""}, {"n": 2.5, "x": "c"}]

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("", ["10", "–", "9", "2.5"]),
            ("?sort=1", ["2.5", "9", "10", "–"]),
            ("?sort=1&order=desc", ["10", "9", "2.5", "–"]),
            ("?sort=99", ["10", "–", "9", "2.5"]),
        ],
    )
    def test_numbers_are_sorted_as_numbers_and_missing_is_last(self, shown, query, expected):
        html = shown(self.ROWS, "table", query)
        assert column(html, 1) == expected
        assert ('aria-sort="descending"' in html) == ("desc" in query)

    def test_texts_are_sorted_by_their_letters(self, shown):
        assert column(shown(self.ROWS, "table", "?sort=2"), 2) == ["A", "b", "c", "–"]

    @pytest.mark.parametrize(
        "same",
        [
            {"n": [10, None, 9, 2.5], "x": ["b", "A", "", "c"]},
            {"columns": ["n", "x"], "rows": [[10, "b"], [None, "A"], [9], [2.5, "c"]]},
        ],
    )
    def test_columns_and_rows_are_the_same_table(self, shown, same):
        html = shown(same, "table", "?sort=1")
        assert column(html, 1) == ["2.5", "9", "10", "–"]
        assert column(html, 2) == ["c", "–", "b", "A"]

    def test_pages(self, shown):
        rows = [{"n": n} for n in range(60)]
        assert "1 to 25 of 60 rows" in text_of(shown(rows, "table"))
        assert column(shown(rows, "table", "?page=3&sort=1&order=desc"), 1) == [
            str(n) for n in range(9, -1, -1)
        ]
        assert len(column(shown(rows, "table", "?size=100"), 1)) == 60
        assert "51 to 60 of 60 rows" in text_of(shown(rows, "table", "?page=1000"))

    @pytest.mark.parametrize(
        "query",
        [
            "page=0",
            "page=x",
            "page=99999999",
            "size=7",
            "order=up",
            "sort=-1",
            "at=a.b",
            "at=",
            "odd=1",
            "sort=1&sort=2",
        ],
    )
    def test_an_odd_address_is_refused_with_a_sentence(self, shown, query):
        expected = 200 if query == "at=" else 400
        shown([{"n": 1}], "table", f"?{query}", expected)

    def test_only_the_table_is_renewed(self, client, services):
        task = done(services, {"a": self.ROWS, "b": self.ROWS, "rows": 4}, {"a": "table", "b": "table"})
        html = client.get(f"/tasks/{task.id}/result?at=b&sort=1").text
        assert html.startswith('<div id="rows-b"') and "<html" not in html
        assert column(html, 1) == ["2.5", "9", "10", "–"]
        assert f'href="/tasks/{task.id}?at=b&amp;sort=1&amp;order=desc#rows-b"' in html
        for nothing in ("", "?at=rows", "?at=none"):
            assert client.get(f"/tasks/{task.id}/result{nothing}").status_code == 404

    def test_many_columns_are_cut_and_counted(self, shown):
        assert "40 columns more in the download" in text_of(
            shown([{f"c{n}": n for n in range(100)}], "table")
        )
        both = text_of(shown([{f"c{n}": n for n in range(40)}] * 101, "auto"))
        assert "and 10 columns more, 1 row more" in both

    def test_nothing_in_it(self, shown):
        assert "No rows." in shown([], "table")
        assert "No rows." in shown({"columns": ["a"], "rows": []}, "table")


class TestFileOfATable:
    """A result above 256 KB is a file; a page reads its beginning, whatever its size."""

    @pytest.fixture
    def large(self, services, new_task) -> Callable[[Any, Any], Task]:
        def make(result: Any, kind: Any) -> Task:
            task = claim(services, new_task())
            content = io.BytesIO(json.dumps(result).encode())
            stored = services.files.save(content, "result.json", "application/json", "alice", role="output")
            services.files.attach([stored.id], task.id)
            assert services.tasks.succeed(task, None, stored.id, kind)
            return services.tasks.get(task.id)

        return make

    def test_its_first_rows(self, alice, services, large, monkeypatch):
        read: list[int] = []
        real = services.files.head
        monkeypatch.setattr(
            services.files, "head", lambda of, most: read.append(len(real(of, most))) or real(of, most)
        )
        task = large([{"n": n, "text": "x" * 100} for n in range(30_000)], "table")
        html = alice.open(f"/tasks/{task.id}")
        assert read == [MOST_READ]
        assert column(html, 1)[:3] == ["0", "1", "2"]
        assert "Below is its beginning" in html
        assert "Download result.json" in text_of(html)
        last = column(alice.open(f"/tasks/{task.id}?page=100000&sort=1"), 1)[-1]
        assert 8_000 < int(last.replace(",", "")) < MOST_READ / 100

    def test_one_that_can_be_read_whole_says_nothing(self, alice, large):
        html = alice.open(f"/tasks/{large({'n': [1, 2]}, 'table').id}")
        assert column(html, 1) == ["1", "2"]
        assert "its beginning" not in html

    @pytest.mark.parametrize(("result", "kind"), [("word " * 300_000, "text"), ([[1, 2]] * 200_000, "json")])
    def test_the_beginning_of_other_kinds(self, alice, large, result, kind):
        assert "its beginning" in alice.open(f"/tasks/{large(result, kind).id}")

    @pytest.mark.parametrize(
        ("result", "kind"),
        [
            ("\ud800", "text"),
            ({"a": [1]}, "auto"),
            ("word " * 300_000, "table"),
            (json.loads("[" * 400 + "]" * 400), "json"),
        ],
    )
    def test_what_cannot_be_shown_is_still_a_download(self, alice, large, result, kind):
        assert "Download result.json" in alice.read(f"/tasks/{large(result, kind).id}")


class TestJson:
    def test_types_counts_and_folds(self, shown):
        html = shown({"a": [1, "x", None, True, {}], "b": {"c": {"d": {"e": 1}}}}, "json")
        assert "{2}" in html and "[5]" in html
        assert re.search(r'class="is-string">&#34;x&#34;<', html)
        assert html.count("<details open>") == 3 and html.count("<details>") == 2
        assert 'data-copy="$.b.c.d"' in html

    def test_large_and_deep_are_bounded(self, shown):
        many = shown({"rows": [{"n": n} for n in range(5_000)]}, "json")
        assert "and 4,900 more in the download" in many
        deep: Any = 1
        for _ in range(55):
            deep = {"odd key": deep}
        assert 'data-copy="$[&#34;odd key&#34;]"' in shown(deep, "json")
        assert "characters more" in shown(["x" * 10_000], "json")


class TestText:
    def test_lines_and_its_download(self, client, services, shown):
        assert shown("one\r\ntwo\n", "text").count("<span>one\n</span><span>two\n</span>") == 1
        task = done(services, "größe\n", "text")
        answer = client.get(f"/tasks/{task.id}/result.txt")
        assert (answer.text, answer.content_type) == ("größe\n", "text/plain; charset=utf-8")
        assert answer.headers["Content-Disposition"].startswith("attachment;")
        assert client.get(f"/tasks/{done(services, 1, 'text').id}/result.txt").status_code == 404

    def test_a_long_one_is_cut(self, shown):
        assert "Download the result to see all of it" in shown("x\n" * 6_000, "text")


def test_pieces_keep_their_order_and_one_that_does_not_fit_says_so(alice, services):
    result = {"first": 1, "table": [{"n": 1}], "between": 2, "chart": 3, "none": [], "last": 4}
    page = alice.read(
        f"/tasks/{done(services, result, {'table': 'table', 'chart': 'chart', 'none': 'chart'}).id}"
    )
    places = [
        page.index(name)
        for name in ("First 1", "1 row", "Between 2", "“chart” is a chart", "None none", "Last 4")
    ]
    assert places == sorted(places)


@pytest.mark.parametrize("kind", ["table", "text", "chart", "image", "file", {"a": "table"}])
def test_a_result_that_does_not_fit_is_shown_as_it_came(shown, kind):
    page = text_of(shown(7, kind))
    assert "The type of this task says that" in page
    assert page.count("it is shown as it came. 7") == 1


def test_a_kind_that_this_version_does_not_know_is_none(shown):
    assert "Rows 3" in text_of(shown({"rows": 3}, "hologram"))


@pytest.mark.parametrize(
    ("result", "kind"),
    [
        ([{HOSTILE: HOSTILE}, {HOSTILE: {HOSTILE: [HOSTILE]}}], "table"),
        ({HOSTILE: [HOSTILE]}, "json"),
        (HOSTILE, "text"),
        ({"kind": "bars", "title": HOSTILE, "labels": [HOSTILE], "values": [1]}, "chart"),
        ({"kind": "line", "x": [HOSTILE], "y": {HOSTILE: [1], "b": [2]}, "x_title": HOSTILE}, "chart"),
        ({HOSTILE: HOSTILE, "a": HOSTILE}, {"a": "chart"}),
    ],
)
def test_nothing_in_a_result_is_html(shown, result, kind):
    html = shown(result, kind)
    assert "<img src=x" not in html
    assert html.count("</script>") == len(re.findall(r"<script\b", html))
